//! A readable difference of two values, in the shape upstream's messages have: changed lines marked, what is the same counted.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::kinds::common::values::same;
use crate::quote::quote;

/// Renders the difference of two objects; `name` is the type shown at its head (`core.PodSpec`).
pub fn render(name: &str, old: &Value, new: &Value) -> String {
    let mut out = String::new();
    object(&mut out, 0, &format!("{name}{{"), old, new);
    out
}

fn line(out: &mut String, mark: char, depth: usize, text: &str) {
    out.push(mark);
    out.push(' ');
    out.extend(std::iter::repeat_n('\t', depth));
    out.push_str(text);
    out.push('\n');
}

fn object(out: &mut String, depth: usize, head: &str, old: &Value, new: &Value) {
    line(out, ' ', depth, head);
    let mut names = BTreeSet::new();
    for value in [old, new] {
        names.extend(value.as_object().into_iter().flatten().map(|(k, _)| k.as_str()));
    }
    let mut identical = 0_usize;
    for name in names {
        let (a, b) = (old.get(name), new.get(name));
        if same(a, b) {
            identical += 1;
            continue;
        }
        flush(out, depth, &mut identical, "field");
        difference(out, depth + 1, &format!("{}: ", field_name(name)), a, b);
    }
    flush(out, depth, &mut identical, "field");
    line(out, ' ', depth, if depth == 0 { "}" } else { "}," });
}

fn flush(out: &mut String, depth: usize, identical: &mut usize, noun: &str) {
    if *identical > 0 {
        let plural = if *identical == 1 { "" } else { "s" };
        let adjective = "identical";
        line(out, ' ', depth + 1, &format!("... // {identical} {adjective} {noun}{plural}"));
        *identical = 0;
    }
}

fn difference(out: &mut String, depth: usize, label: &str, old: Option<&Value>, new: Option<&Value>) {
    match (old, new) {
        (Some(a @ Value::Object(_)), Some(b @ Value::Object(_))) => object(out, depth, &format!("{label}{{"), a, b),
        (Some(Value::Array(a)), Some(Value::Array(b))) => array(out, depth, label, a, b),
        _ => {
            for (mark, value) in [('-', old), ('+', new)] {
                line(out, mark, depth, &format!("{label}{},", plain(value)));
            }
        }
    }
}

fn array(out: &mut String, depth: usize, label: &str, old: &[Value], new: &[Value]) {
    line(out, ' ', depth, &format!("{label}{{"));
    let mut identical = 0_usize;
    for index in 0..old.len().max(new.len()) {
        let (a, b) = (old.get(index), new.get(index));
        if same(a, b) {
            identical += 1;
            continue;
        }
        flush(out, depth, &mut identical, "element");
        match (a, b) {
            (Some(a), None) => line(out, '-', depth + 1, &format!("{},", plain(Some(a)))),
            (None, Some(b)) => line(out, '+', depth + 1, &format!("{},", plain(Some(b)))),
            (a, b) => difference(out, depth + 1, "", a, b),
        }
    }
    flush(out, depth, &mut identical, "element");
    line(out, ' ', depth, "},");
}

/// A value on one line.
fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nil".to_owned(),
        Some(Value::String(text)) => quote(text),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|v| plain(Some(v))).collect();
            format!("{{{}}}", items.join(", "))
        }
        Some(Value::Object(map)) => {
            let fields: Vec<String> =
                map.iter().map(|(k, v)| format!("{}: {}", field_name(k), plain(Some(v)))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Some(other) => other.to_string(),
    }
}

/// `hostIP` → `HostIP`; keys that are no field names are quoted.
fn field_name(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) if name.chars().all(|c| c.is_ascii_alphanumeric()) => {
            first.to_ascii_uppercase().to_string() + chars.as_str()
        }
        _ => quote(name),
    }
}
