//! One error about one field, and lists of them.

use std::fmt;

use serde_json::Value;

use super::Path;
use crate::quote::{quote, quote_list};

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A value that something else refers to does not exist.
    NotFound,
    /// The value is missing or empty.
    Required,
    /// The value occurs twice where it must be unique.
    Duplicate,
    /// The value is malformed or out of bounds.
    Invalid,
    /// The value is not one of an enumeration.
    NotSupported,
    /// The value would be right elsewhere, but not here or not now.
    Forbidden,
    /// The text is too long.
    TooLong,
    /// The list or map has too many entries.
    TooMany,
    /// Something failed that is not the client's fault.
    InternalError,
    /// The value has the wrong type.
    TypeInvalid,
}

impl ErrorKind {
    /// Returns the machine-readable reason used in the causes of a Status, such as `FieldValueInvalid`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::InternalError => "InternalError",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    /// Returns the words that start the message, such as `Invalid value`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::InternalError => "Internal error",
        }
    }

    /// Says whether the message shows the offending value.
    const fn shows_value(self) -> bool {
        !matches!(self, Self::Required | Self::Forbidden | Self::TooLong | Self::InternalError)
    }
}

/// An error about one field. Displayed as `spec.replicas: Invalid value: -1: must be greater than or equal to 0`.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldError {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Path of the field, rendered.
    pub field: String,
    /// The offending value; `None` leaves it out of the message. Null shows as `"null"`.
    pub bad_value: Option<Value>,
    /// Words for people; may be empty.
    pub detail: String,
}

impl FieldError {
    /// Makes an error; prefer the methods of [`Errors`].
    pub fn new(kind: ErrorKind, path: &Path, bad_value: Option<Value>, detail: impl Into<String>) -> Self {
        Self { kind, field: path.to_string(), bad_value, detail: detail.into() }
    }

    /// Returns the message without the field's name, as the causes of a Status carry it.
    pub fn body(&self) -> String {
        let mut out = self.kind.text().to_owned();
        if let (true, Some(value)) = (self.kind.shows_value(), &self.bad_value) {
            out.push_str(": ");
            out.push_str(&render(value));
        }
        if !self.detail.is_empty() {
            out.push_str(": ");
            out.push_str(&self.detail);
        }
        out
    }
}

fn render(value: &Value) -> String {
    match value {
        Value::Null => quote("null"),
        Value::String(text) => quote(text),
        other => other.to_string(),
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

impl std::error::Error for FieldError {}

/// Something with a place in an object and perhaps a value: a [`Path`] or a cursor ([`super::At`]).
pub trait Located {
    /// Returns the place.
    fn path(&self) -> &Path;
    /// Returns the value to show in messages; `None` shows none.
    fn shown(&self) -> Option<Value>;
}

impl Located for Path {
    fn path(&self) -> &Path {
        self
    }

    fn shown(&self) -> Option<Value> {
        None
    }
}

/// Errors about fields, in the order they were found. Displayed as upstream's aggregate: the message, or `[a, b]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Errors(pub Vec<FieldError>);

impl Errors {
    /// Returns no errors.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns what a check adds.
    pub fn of(check: impl FnOnce(&mut Self)) -> Self {
        let mut errors = Self::new();
        check(&mut errors);
        errors
    }

    /// Says whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of errors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Iterates over the errors.
    pub fn iter(&self) -> std::slice::Iter<'_, FieldError> {
        self.0.iter()
    }

    /// Adds an error.
    pub fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// Adds all errors of another list.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Turns the list into a result.
    ///
    /// # Errors
    /// The list itself when it is not empty.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Adds "Required value".
    pub fn required(&mut self, at: &impl Located) {
        self.required_because(at, "");
    }

    /// Adds "Required value: detail".
    pub fn required_because(&mut self, at: &impl Located, detail: impl Into<String>) {
        self.add(ErrorKind::Required, at.path(), None, detail);
    }

    /// Adds "Invalid value: <the value there>: detail"; a missing value shows as `"null"`.
    pub fn invalid(&mut self, at: &impl Located, detail: impl Into<String>) {
        self.add(ErrorKind::Invalid, at.path(), at.shown(), detail);
    }

    /// Adds "Invalid value: value: detail" with a value that differs from what stands there (a default, an empty string).
    pub fn invalid_value(&mut self, at: &impl Located, value: impl Into<Value>, detail: impl Into<String>) {
        self.add(ErrorKind::Invalid, at.path(), Some(value.into()), detail);
    }

    /// Adds "Unsupported value: <the value there>: supported values: "a", "b"". The order is the caller's (upstream mostly sorts).
    pub fn not_supported(&mut self, at: &impl Located, supported: &[&str]) {
        let shown = at.shown();
        self.add(ErrorKind::NotSupported, at.path(), shown, supported_detail(supported));
    }

    /// Adds "Unsupported value: value: supported values: …".
    pub fn not_supported_value(&mut self, at: &impl Located, value: impl Into<Value>, supported: &[&str]) {
        self.add(ErrorKind::NotSupported, at.path(), Some(value.into()), supported_detail(supported));
    }

    /// Adds "Forbidden: detail".
    pub fn forbidden(&mut self, at: &impl Located, detail: impl Into<String>) {
        self.add(ErrorKind::Forbidden, at.path(), None, detail);
    }

    /// Adds "Duplicate value: <the value there>".
    pub fn duplicate(&mut self, at: &impl Located) {
        let shown = at.shown();
        self.add(ErrorKind::Duplicate, at.path(), shown, "");
    }

    /// Adds "Duplicate value: value".
    pub fn duplicate_value(&mut self, at: &impl Located, value: impl Into<Value>) {
        self.add(ErrorKind::Duplicate, at.path(), Some(value.into()), "");
    }

    /// Adds "Not found: <the value there>".
    pub fn not_found(&mut self, at: &impl Located) {
        let shown = at.shown();
        self.add(ErrorKind::NotFound, at.path(), shown, "");
    }

    /// Adds "Not found: value".
    pub fn not_found_value(&mut self, at: &impl Located, value: impl Into<Value>) {
        self.add(ErrorKind::NotFound, at.path(), Some(value.into()), "");
    }

    /// Adds "Too long: may not be more than N bytes".
    pub fn too_long(&mut self, at: &impl Located, max_bytes: usize) {
        self.add(ErrorKind::TooLong, at.path(), None, format!("may not be more than {max_bytes} bytes"));
    }

    /// Adds "Too many: N: must have at most M items".
    pub fn too_many(&mut self, at: &impl Located, actual: usize, max: usize) {
        let unit = if max == 1 { "item" } else { "items" };
        self.add(ErrorKind::TooMany, at.path(), Some(actual.into()), format!("must have at most {max} {unit}"));
    }

    /// Adds "Invalid value: value: detail" with the reason of a wrong type.
    pub fn type_invalid(&mut self, at: &impl Located, detail: impl Into<String>) {
        let shown = at.shown();
        self.add(ErrorKind::TypeInvalid, at.path(), shown, detail);
    }

    /// Adds "Internal error: detail".
    pub fn internal(&mut self, at: &impl Located, detail: impl Into<String>) {
        self.add(ErrorKind::InternalError, at.path(), None, detail);
    }

    /// Adds one "Invalid value" for each complaint of a check from [`crate::names`].
    pub fn invalid_each(&mut self, at: &impl Located, value: &str, verdict: Result<(), Vec<String>>) {
        for detail in verdict.err().into_iter().flatten() {
            self.invalid_value(at, value, detail);
        }
    }

    fn add(&mut self, kind: ErrorKind, path: &Path, bad_value: Option<Value>, detail: impl Into<String>) {
        self.push(FieldError::new(kind, path, bad_value, detail));
    }
}

fn supported_detail(supported: &[&str]) -> String {
    if supported.is_empty() {
        return String::new();
    }
    format!("supported values: {}", quote_list(supported.iter().copied()))
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut messages: Vec<String> = Vec::with_capacity(self.len());
        for error in &self.0 {
            let message = error.to_string();
            if !messages.contains(&message) {
                messages.push(message);
            }
        }
        match messages.as_slice() {
            [one] => f.write_str(one),
            many => write!(f, "[{}]", many.join(", ")),
        }
    }
}

impl std::error::Error for Errors {}

impl IntoIterator for Errors {
    type Item = FieldError;
    type IntoIter = std::vec::IntoIter<FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a FieldError;
    type IntoIter = std::slice::Iter<'a, FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl FromIterator<FieldError> for Errors {
    fn from_iter<T: IntoIterator<Item = FieldError>>(iter: T) -> Self {
        Self(iter.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_are_upstreams() {
        let replicas = Path::new("spec").child("replicas");
        let mut errs = Errors::new();
        errs.invalid_value(&replicas, -1, "must be greater than or equal to 0");
        assert_eq!(errs.to_string(), "spec.replicas: Invalid value: -1: must be greater than or equal to 0");
        errs.required(&Path::new("metadata").child("name"));
        errs.not_supported_value(&Path::new("type"), "x", &["a", "b"]);
        errs.invalid_value(&replicas, -1, "must be greater than or equal to 0");
        assert_eq!(
            errs.to_string(),
            "[spec.replicas: Invalid value: -1: must be greater than or equal to 0, metadata.name: Required value, \
             type: Unsupported value: \"x\": supported values: \"a\", \"b\"]"
        );
    }

    #[test]
    fn bodies_show_values_like_go() {
        let path = Path::new("f");
        let body = |kind, value, detail: &str| FieldError::new(kind, &path, value, detail).body();
        assert_eq!(body(ErrorKind::Invalid, Some(json!({"a": "b"})), "no"), "Invalid value: {\"a\":\"b\"}: no");
        assert_eq!(body(ErrorKind::Invalid, Some(json!(null)), ""), "Invalid value: \"null\"");
        assert_eq!(body(ErrorKind::Duplicate, Some(json!("x")), ""), "Duplicate value: \"x\"");
        assert_eq!(body(ErrorKind::Forbidden, Some(json!("x")), "no"), "Forbidden: no");
        assert_eq!(body(ErrorKind::Invalid, Some(json!(true)), ""), "Invalid value: true");
        let mut errs = Errors::new();
        errs.too_long(&path, 63);
        errs.too_many(&path, 3, 1);
        assert_eq!(errs.0[0].body(), "Too long: may not be more than 63 bytes");
        assert_eq!(errs.0[1].body(), "Too many: 3: must have at most 1 item");
    }
}
