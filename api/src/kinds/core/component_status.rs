//! ComponentStatus: computed, never stored.

use serde_json::Value;

use crate::kinds::column::Column;
use crate::kinds::common::values::{list, text};
use crate::kinds::kind::Kind;

/// The behaviour of ComponentStatuses.
pub static COMPONENT_STATUS: Kind = Kind {
    columns: &[
        Column::NAME,
        Column::picked("Status", status, "Whether the component is healthy."),
        Column::new("Message", "string", |obj, _| part(obj, "/message").into(), "What the component says."),
        Column::new("Error", "string", |obj, _| part(obj, "/error").into(), "What went wrong when asking it."),
    ],
    ..Kind::DATA
};

fn healthy(obj: &Value) -> Option<&Value> {
    list(obj, "/conditions").iter().find(|c| text(c, "/type") == "Healthy")
}

fn status(obj: &Value) -> &'static str {
    match healthy(obj).map(|c| text(c, "/status")) {
        Some("True") => "Healthy",
        Some(_) => "Unhealthy",
        None => "Unknown",
    }
}

fn part<'a>(obj: &'a Value, pointer: &str) -> &'a str {
    healthy(obj).map_or("", |c| text(c, pointer))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check_cells;

    #[test]
    fn cells() {
        check_cells(
            &COMPONENT_STATUS,
            &json!({"metadata": {"name": "s"}, "conditions": [{"type": "Healthy", "status": "True", "message": "ok"}]}),
            &["s", "Healthy", "ok", ""],
        );
    }
}
