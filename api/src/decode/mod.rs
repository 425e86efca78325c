//! Turns request bodies into values that fit their type.
//!
//! Two steps: [`json`] parses and finds duplicate keys; [`typed`] walks the value along the schema, refuses wrong types, removes
//! unknown fields and nulls, and puts quantities, times and base64 into canonical form. What a strict client must be told
//! (unknown and duplicate fields) is collected, not refused: the caller knows the client's `fieldValidation`.

mod frame;
mod json;
mod scalar;
mod syntax;
mod walk;

use serde_json::Value;

pub use json::json;

use crate::gvk::GroupVersionKind;
use crate::schema::Def;
use crate::status::{self, Status};

/// A body that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The body is no JSON, or no object with a type.
    #[error("couldn't get version/kind; json parse error: {0}")]
    Syntax(String),
    /// The body is no YAML.
    #[error("{0}")]
    Yaml(String),
    /// A value has the wrong type.
    #[error("json: cannot unmarshal {given} into Go {place} of type {wanted}")]
    WrongType {
        /// What the value is, as Go's decoder says: `string`, `number 1.5`.
        given: String,
        /// Where: `struct field DeploymentSpec.spec.replicas`.
        place: String,
        /// Go's name of the type.
        wanted: String,
    },
    /// A value has a form its type does not allow.
    #[error("{0}")]
    Type(String),
}

impl Error {
    /// Returns the message without what is said about all bodies that are no JSON.
    pub fn detail(&self) -> String {
        match self {
            Self::Syntax(detail) => detail.clone(),
            other => other.to_string(),
        }
    }

    /// Words the error as upstream does after a strategic merge patch, where values do not pass through JSON.
    pub fn unstructured(&self) -> String {
        let Self::WrongType { given, wanted, .. } = self else { return self.to_string() };
        let kind = match given.as_str() {
            "array" => "slice",
            "object" => "map",
            "string" | "bool" => given,
            number if number.contains('.') => "float64",
            _ => "int64",
        };
        let number = matches!(kind, "int64" | "float64");
        match wanted.as_str() {
            list if list.starts_with("[]") => format!("cannot restore slice from {kind}"),
            map if map.starts_with("map[") => format!("cannot restore map from {kind}"),
            structure if structure.contains('.') => format!("cannot restore struct from: {kind}"),
            "string" | "int32" | "int64" if number => format!("cannot convert {kind} to {wanted}"),
            scalar => format!("unrecognized type: {scalar}"),
        }
    }
}

/// A body that was parsed, not yet checked against a type.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parsed {
    /// The value; of a duplicate key the last one.
    pub value: Value,
    /// `duplicate field "spec.x"` for each key that occurs twice, or the equivalent for YAML.
    pub strict: Vec<String>,
}

/// A value that fits its type.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// The value without unknown fields and nulls.
    pub value: Value,
    /// `unknown field "spec.foo"`, `duplicate field "spec.x"`: duplicates first.
    pub strict: Vec<String>,
}

/// Most strict errors that are reported for one body.
const STRICT_LIMIT: usize = 100;

/// Checks a parsed value against a definition.
///
/// # Errors
/// [`Error::Type`] when a value has the wrong type.
pub fn typed(def: &Def, parsed: Parsed) -> Result<Decoded, Error> {
    let Parsed { mut value, mut strict } = parsed;
    walk::object(def, &mut value, &mut strict)?;
    Ok(Decoded { value, strict })
}

/// Checks a value against a definition in place and returns the unknown fields it removed.
///
/// # Errors
/// [`Error::Type`] when a value has the wrong type; the value is then half checked.
pub fn in_place(def: &Def, value: &mut Value) -> Result<Vec<String>, Error> {
    let mut strict = Vec::new();
    walk::object(def, value, &mut strict)?;
    Ok(strict)
}

/// Checks a value that stands in a field called `field` of an object (for example `metadata` of a custom resource).
///
/// # Errors
/// [`Error::Type`] when a value has the wrong type; the value is then half checked.
pub fn in_place_at(def: &Def, field: &str, value: &mut Value) -> Result<Vec<String>, Error> {
    let mut strict = Vec::new();
    walk::object_at(def, field, value, &mut strict)?;
    Ok(strict)
}

/// Parses JSON and checks it against a definition.
///
/// # Errors
/// [`Error`] when the body is no JSON or a value has the wrong type.
pub fn json_as(def: &Def, body: &[u8]) -> Result<Decoded, Error> {
    typed(def, json(body)?)
}

/// Parses YAML (one document) and checks it against a definition.
///
/// # Errors
/// [`Error`] when the body is no YAML (with line and column) or a value has the wrong type.
pub fn yaml_as(def: &Def, body: &[u8]) -> Result<Decoded, Error> {
    typed(def, yaml(body)?)
}

/// Parses YAML: the first document, as upstream does.
///
/// # Errors
/// [`Error::Yaml`] with line and column when the body is no YAML.
pub fn yaml(body: &[u8]) -> Result<Parsed, Error> {
    let text = std::str::from_utf8(body)
        .map_err(|e| Error::Yaml(format!("yaml: invalid UTF-8 at offset {}", e.valid_up_to())))?;
    let documents = crate::yaml::documents(text).map_err(|e| Error::Yaml(e.to_string()))?;
    Ok(documents.into_iter().next().map(|document| document.parsed).unwrap_or_default())
}

/// Returns `apiVersion` and `kind` of a body, empty where they are not given.
///
/// # Errors
/// [`Error::Syntax`] when the body is no object, or they are no strings.
pub fn type_meta(body: &Value) -> Result<(&str, &str), Error> {
    let text = |field: &str| match body.get(field) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(other) => {
            Err(Error::Syntax(format!("{} into Go struct field .{field} of type string", cannot_unmarshal(other))))
        }
    };
    match body {
        Value::Null => Ok(("", "")),
        Value::Object(_) => Ok((text("apiVersion")?, text("kind")?)),
        other => Err(Error::Syntax(format!("{} into Go value of type {TYPE_META}", cannot_unmarshal(other)))),
    }
}

/// How Go prints the type a body's type is read into.
const TYPE_META: &str =
    r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;

/// Starts what Go's decoder says about a value of the wrong type: `json: cannot unmarshal array`.
pub fn cannot_unmarshal(value: &Value) -> String {
    format!("json: cannot unmarshal {}", scalar::kind_of(value))
}

/// Says that strict decoding failed, as upstream words it.
pub fn strict_message(strict: &[String]) -> String {
    format!("strict decoding error: {}", strict.join(", "))
}

/// Makes the 400 for a body of a known kind that does not decode: `Deployment in version "v1" cannot be handled as a Deployment: …`.
pub fn cannot_be_handled(gvk: &GroupVersionKind, wanted_kind: &str, detail: impl std::fmt::Display) -> Status {
    let version = crate::quote::quote(&gvk.version);
    status::bad_request(format!("{} in version {version} cannot be handled as a {wanted_kind}: {detail}", gvk.kind))
}

/// Makes the 400 for a body whose kind cannot be told: `the object provided is unrecognized (must be of type Pod): …`.
pub fn unrecognized(wanted_kind: &str, detail: impl std::fmt::Display, body: &[u8]) -> Status {
    let summary = summarize(body);
    status::bad_request(format!(
        "the object provided is unrecognized (must be of type {wanted_kind}): {detail} ({summary})"
    ))
}

fn summarize(body: &[u8]) -> String {
    const LIMIT: usize = 30;
    let head = body.get(..LIMIT).unwrap_or(body);
    let more = if body.len() > LIMIT { " ..." } else { "" };
    match head.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(head)),
        Some(_) => format!("{}{more}", head.iter().map(|b| format!("{b:02x}")).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_decode_alike_from_json_and_yaml() {
        let def = crate::schema::of_kind("apps", "v1", "Deployment").unwrap();
        let from_json =
            json_as(def, br#"{"kind": "Deployment", "spec": {"replicas": 3, "replicas": 4, "foo": 1}}"#).unwrap();
        assert_eq!(from_json.value, json!({"kind": "Deployment", "spec": {"replicas": 4}}));
        assert_eq!(
            strict_message(&from_json.strict),
            "strict decoding error: duplicate field \"spec.replicas\", unknown field \"spec.foo\""
        );
        let from_yaml = yaml_as(def, b"kind: Deployment\nspec:\n  replicas: 3\n  replicas: 4\n  foo: 1\n").unwrap();
        assert_eq!(from_yaml.value, from_json.value);
        assert_eq!(
            strict_message(&from_yaml.strict),
            "strict decoding error: yaml: unmarshal errors:\n  line 4: key \"replicas\" already set in map, unknown field \"spec.foo\""
        );
    }

    #[test]
    fn failures_are_worded_as_upstream_does() {
        let gvk = GroupVersionKind::new("apps", "v1", "Deployment");
        let def = crate::schema::of_kind("apps", "v1", "Deployment").unwrap();
        let error = json_as(def, br#"{"spec": {"replicas": "3"}}"#).unwrap_err();
        assert_eq!(
            cannot_be_handled(&gvk, "Deployment", error).message,
            "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field \
             DeploymentSpec.spec.replicas of type int32"
        );
        let body = br#"{"kind":"Pod","apiVersion":"v1",}"#;
        let error = json(body).unwrap_err();
        assert_eq!(
            unrecognized("Pod", error, body).message,
            "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: invalid character '}' \
             looking for beginning of object key string ({\"kind\":\"Pod\",\"apiVersion\":\"v1 ...)"
        );
        let body = b"a: b: c";
        let error = yaml(body).unwrap_err();
        assert!(unrecognized("Pod", error, body).message.contains("yaml: line 1, column "));
        assert!(unrecognized("Pod", "x", body).message.ends_with("(613a20623a2063)"));
        assert!(unrecognized("Pod", "x", b"").message.ends_with("(<empty>)"));
    }
}
