//! ComponentStatus: computed, never stored.

use jiff::Timestamp;
use serde_json::Value;

use crate::kinds::common::values::{list, text};
use crate::kinds::printing::name;
use crate::kinds::{Column, Strategy};

/// The behaviour of ComponentStatuses.
pub struct ComponentStatus;

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Status", "string", "Whether the component is healthy."),
    Column::new("Message", "string", "What the component says."),
    Column::new("Error", "string", "What went wrong when asking it."),
];

impl Strategy for ComponentStatus {
    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, _now: Timestamp) -> Vec<Value> {
        let healthy = list(obj, "/conditions").iter().find(|c| text(c, "/type") == "Healthy");
        let status = match healthy.map(|c| text(c, "/status")) {
            Some("True") => "Healthy",
            Some(_) => "Unhealthy",
            None => "Unknown",
        };
        let part = |pointer: &str| healthy.map_or("", |c| text(c, pointer));
        vec![name(obj), status.into(), part("/message").into(), part("/error").into()]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check_cells;

    #[test]
    fn cells() {
        check_cells(
            &ComponentStatus,
            &json!({"metadata": {"name": "s"}, "conditions": [{"type": "Healthy", "status": "True", "message": "ok"}]}),
            &["s", "Healthy", "ok", ""],
        );
    }
}
