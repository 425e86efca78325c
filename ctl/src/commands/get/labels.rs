//! Columns made of labels.

use serde_json::{Value, json};

use crate::value::{entries, plain};

/// Adds a column for each of `keys`, headed by its last part, and one with all labels when `all`.
pub fn add_columns(table: &mut Value, keys: &[String], all: bool) {
    if let Some(columns) = table.get_mut("columnDefinitions").and_then(Value::as_array_mut) {
        let heading = |key: &String| key.rsplit('/').next().unwrap_or_default().to_owned();
        columns.extend(keys.iter().map(|key| json!({ "name": heading(key), "priority": 0 })));
        columns.extend(all.then(|| json!({ "name": "Labels", "priority": 0 })));
    }
    for row in table.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
        let labels = row.pointer("/object/metadata/labels").cloned().unwrap_or_default();
        let Some(cells) = row.get_mut("cells").and_then(Value::as_array_mut) else { continue };
        cells.extend(keys.iter().map(|key| labels.get(key).cloned().unwrap_or_else(|| "".into())));
        if all {
            let pairs: Vec<String> = entries(&labels, "").map(|(k, v)| format!("{k}={}", plain(v))).collect();
            cells.push(if pairs.is_empty() { "<none>".into() } else { pairs.join(",").into() });
        }
    }
}
