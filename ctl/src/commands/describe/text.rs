//! The text a description is written to: lines with a level of indentation and tabs between columns.

use std::fmt;

use corvette_api::labels::Selector;
use corvette_api::quantity::Quantity;
use corvette_api::time::HumanDuration;
use jiff::Timestamp;
use serde_json::Value;

use super::tabs;
use crate::value::{at, entries, int, list, plain, text};

/// The annotation that repeats the object; never shown.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Longest annotation on one line, in bytes.
const ANNOTATION: usize = 140;

/// A description that is being written.
#[derive(Debug, Default)]
pub struct Text(String);

/// Writes one line at a level: `line!(out, 1, "Name:\t{}", name)`.
macro_rules! line {
    ($out:expr, $level:expr, $($rest:tt)*) => {
        $out.line($level, format_args!($($rest)*))
    };
}
pub(super) use line;

impl Text {
    /// Adds a line.
    pub fn line(&mut self, level: usize, line: fmt::Arguments<'_>) {
        self.0.push_str(&"  ".repeat(level));
        // Terminals do not obey what objects hold.
        self.0.push_str(&line.to_string().replace('\u{1b}', "^[").replace('\r', "\\r"));
        self.0.push('\n');
    }

    /// The description with its columns aligned.
    pub fn aligned(&self) -> String {
        tabs::align(&self.0)
    }

    /// The description with its tabs.
    pub fn raw(self) -> String {
        self.0
    }

    /// Name, and namespace where there is one.
    pub fn name(&mut self, object: &Value) {
        line!(self, 0, "Name:\t{}", text(object, "/metadata/name"));
    }

    /// Name and namespace.
    pub fn name_and_namespace(&mut self, object: &Value) {
        self.name(object);
        line!(self, 0, "Namespace:\t{}", text(object, "/metadata/namespace"));
    }

    /// Labels and annotations of an object.
    pub fn labels_and_annotations(&mut self, object: &Value) {
        self.labels("Labels", object.pointer("/metadata/labels"));
        self.annotations("Annotations", object.pointer("/metadata/annotations"));
    }

    /// A map, each entry on a line of its own: `title:  key=value`.
    pub fn labels(&mut self, title: &str, map: Option<&Value>) {
        let pairs = map.into_iter().flat_map(|map| entries(map, ""));
        self.column(title, pairs.map(|(key, value)| format!("{key}={}", plain(value))));
    }

    /// Lines beside a title; `<none>` without any.
    pub fn column(&mut self, title: &str, lines: impl IntoIterator<Item = String>) {
        let mut lines = lines.into_iter();
        line!(self, 0, "{title}:\t{}", lines.next().unwrap_or_else(|| "<none>".to_owned()));
        for further in lines {
            line!(self, 0, "\t{further}");
        }
    }

    /// Annotations, long ones shortened and below their key.
    pub fn annotations(&mut self, title: &str, map: Option<&Value>) {
        let shown = map.into_iter().flat_map(|map| entries(map, "")).filter(|(key, _)| *key != LAST_APPLIED);
        let mut start = format!("{title}:\t");
        for (key, value) in shown {
            let value = plain(value);
            let value = value.strip_suffix('\n').unwrap_or(&value);
            if value.len() + key.len() + 2 > ANNOTATION || value.contains('\n') {
                line!(self, 0, "{start}{key}:");
                for part in value.split('\n') {
                    line!(self, 0, "\t  {}", shorten(part, ANNOTATION - 2));
                }
            } else {
                line!(self, 0, "{start}{key}: {value}");
            }
            "\t".clone_into(&mut start);
        }
        if start != "\t" {
            line!(self, 0, "{start}<none>");
        }
    }

    /// Who controls the object, if somebody does.
    pub fn controlled_by(&mut self, object: &Value) {
        if let Some(owner) = corvette_api::meta::controller_of(object) {
            line!(self, 0, "Controlled By:\t{}/{}", text(owner, "/kind"), text(owner, "/name"));
        }
    }

    /// Type, status and reason of conditions, when there are any.
    pub fn conditions(&mut self, object: &Value) {
        let conditions = list(object, "/status/conditions");
        if conditions.is_empty() {
            return;
        }
        line!(self, 0, "Conditions:");
        line!(self, 1, "Type\tStatus\tReason");
        line!(self, 1, "----\t------\t------");
        for c in conditions {
            line!(self, 1, "{} \t{}\t{}", text(c, "/type"), text(c, "/status"), text(c, "/reason"));
        }
    }
}

fn shorten(part: &str, limit: usize) -> String {
    if part.len() <= limit {
        return part.to_owned();
    }
    let end = (0..=limit).rev().find(|end| part.is_char_boundary(*end)).unwrap_or(0);
    format!("{}...", part.get(..end).unwrap_or_default())
}

/// A time as `Mon, 02 Jan 2006 15:04:05 +0000`; the zero time when it is missing.
pub fn time(object: &Value, pointer: &str) -> String {
    match text(object, pointer).parse::<Timestamp>() {
        Ok(time) => {
            let zoned = time.to_zoned(jiff::tz::TimeZone::system());
            zoned.strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
        }
        Err(_) => "Mon, 01 Jan 0001 00:00:00 +0000".to_owned(),
    }
}

/// How long ago a time was.
pub fn since(object: &Value, pointer: &str, now: Timestamp) -> String {
    match text(object, pointer).parse::<Timestamp>() {
        Ok(time) => HumanDuration(now.duration_since(time)).to_string(),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// A quantity in its canonical form.
pub fn quantity(value: &Value) -> String {
    Quantity::from_value(value).map_or_else(|_| plain(value), |quantity| quantity.to_string())
}

/// A label selector, empty text when it selects everything.
pub fn selector(object: &Value, pointer: &str) -> String {
    let parsed = at(object, pointer).and_then(|s| Selector::from_label_selector(s).ok());
    parsed.map(|s| s.to_string()).unwrap_or_default()
}

/// A map as `a=b,c=d`; `<none>` when empty.
pub fn set(object: &Value, pointer: &str) -> String {
    let pairs: Vec<String> = entries(object, pointer).map(|(k, v)| format!("{k}={}", plain(v))).collect();
    or_none(pairs.join(","))
}

/// `<none>` instead of nothing.
pub fn or_none(text: String) -> String {
    if text.is_empty() { "<none>".to_owned() } else { text }
}

/// Access modes as `RWO,ROX`.
pub fn access_modes(object: &Value, pointer: &str) -> String {
    const SHORT: &[(&str, &str)] =
        &[("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let modes = list(object, pointer);
    let known = SHORT.iter().filter(|(long, _)| modes.iter().any(|mode| mode.as_str() == Some(long)));
    known.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

/// A list as Go prints it: `[a b]`.
pub fn brackets(values: &[Value]) -> String {
    format!("[{}]", values.iter().map(plain).collect::<Vec<_>>().join(" "))
}

/// The integer at `pointer`, or `<unset>`.
pub fn int_or_unset(object: &Value, pointer: &str) -> String {
    at(object, pointer).map_or_else(|| "<unset>".to_owned(), |_| int(object, pointer).to_string())
}

/// `True`, `False` or `<unset>`.
pub fn bool_or_unset(object: &Value, pointer: &str) -> &'static str {
    match object.pointer(pointer).and_then(Value::as_bool) {
        None => "<unset>",
        Some(true) => "True",
        Some(false) => "False",
    }
}
