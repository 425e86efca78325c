//! Values as Go prints them, where kubectl prints them without further thought.

use serde_json::Value;

/// As `fmt.Sprint` does: `map[a:1 b:[x y]]`, `<nil>`.
pub fn text(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(" ");
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", joined(items.iter().map(text).collect())),
        Value::Object(map) => {
            format!("map[{}]", joined(map.iter().map(|(key, value)| format!("{key}:{}", text(value))).collect()))
        }
        scalar => scalar.to_string(),
    }
}

/// The type a decoded value has.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// JSON byte for byte as Go's encoder writes it, which escapes what could be markup.
pub fn json(value: &Value) -> String {
    let text = value.to_string();
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}
