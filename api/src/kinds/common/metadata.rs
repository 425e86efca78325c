//! Validation of object metadata (`apimachinery/pkg/api/validation/objectmeta.go @ v1.36`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::values;
use crate::field::{At, Errors, Path};
use crate::names;

/// Bytes that all annotation keys and values of an object may have together.
pub const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

/// Finalizers that need no domain.
const STANDARD_FINALIZERS: &[&str] = &["kubernetes", "orphan", "foregroundDeletion"];

/// Checks a name as nearly all kinds do: an RFC 1123 subdomain.
///
/// # Errors
/// Upstream's messages.
pub fn dns1123_subdomain(name: &str) -> Result<(), Vec<String>> {
    names::is_dns1123_subdomain(name)
}

/// Validates the metadata of a new object. `check_name` is the kind's rule for names.
pub fn validate(obj: &Value, namespaced: bool, check_name: &dyn Fn(&str) -> Result<(), Vec<String>>) -> Errors {
    let mut errs = Errors::new();
    let meta = At::root(obj).child("metadata");
    let prefix = meta.child("generateName");
    if !prefix.is_empty() {
        // A trailing dash is fine where a suffix follows.
        let masked = prefix.text().strip_suffix('-').map_or_else(|| prefix.text().to_owned(), |p| format!("{p}a"));
        errs.invalid_each(&prefix, prefix.text(), check_name(&masked));
    }
    let name = meta.child("name");
    if name.is_empty() {
        errs.required_because(&name, "name or generateName is required");
    } else {
        name.check(check_name, &mut errs);
    }
    let namespace = meta.child("namespace");
    if namespaced {
        namespace.require_valid(names::is_dns1123_label, &mut errs);
    } else if !namespace.is_empty() {
        errs.forbidden(&namespace, "not allowed on this type");
    }
    common(&meta, &mut errs);
    errs
}

/// Validates the metadata of an update. Whether a `resourceVersion` must be there, and which, is the pipeline's question.
pub fn validate_update(new: &Value, old: &Value, _namespaced: bool) -> Errors {
    let mut errs = Errors::new();
    let meta = At::root(new).child("metadata");
    let stored = old.get("metadata").unwrap_or(&Value::Null);
    if !values::is_unset(stored.get("deletionTimestamp")) {
        no_new_finalizers(&meta.child("finalizers"), stored, &mut errs);
    }
    let generation = meta.child("generation");
    if generation.i64().unwrap_or(0) < values::int(stored, "/generation").unwrap_or(0) {
        errs.invalid_value(&generation, generation.i64().unwrap_or(0), "must not be decremented");
    }
    for field in ["name", "namespace", "uid"] {
        let at = meta.child(field);
        if at.text() != stored.get(field).and_then(Value::as_str).unwrap_or_default() {
            errs.invalid_value(&at, at.text(), "field is immutable");
        }
    }
    for field in ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        immutable(&meta.child(field), stored.get(field), &mut errs);
    }
    common(&meta, &mut errs);
    errs
}

/// Adds "field is immutable" when a value differs from what is stored.
pub fn immutable(at: &At<'_>, old: Option<&Value>, errs: &mut Errors) {
    if !values::same(at.value, old) {
        errs.invalid(at, "field is immutable");
    }
}

fn no_new_finalizers(at: &At<'_>, stored: &Value, errs: &mut Errors) {
    let old: BTreeSet<&str> = values::list(stored, "/finalizers").iter().filter_map(Value::as_str).collect();
    let extra: BTreeSet<&str> = at.array().iter().filter_map(Value::as_str).filter(|f| !old.contains(f)).collect();
    if !extra.is_empty() {
        let listed = crate::quote::quote_list(extra);
        errs.forbidden(
            at,
            format!("no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}"),
        );
    }
}

fn common(meta: &At<'_>, errs: &mut Errors) {
    meta.child("generation").non_negative(errs);
    labels(&meta.child("labels"), errs);
    annotations(&meta.child("annotations"), errs);
    owner_references(&meta.child("ownerReferences"), errs);
    finalizers(&meta.child("finalizers"), errs);
    managed_fields(&meta.child("managedFields"), errs);
}

/// Validates a map of labels.
pub fn labels(at: &At<'_>, errs: &mut Errors) {
    for (key, value) in at.entries() {
        errs.invalid_each(at, key, names::is_qualified_name(key));
        errs.invalid_each(at, value.text(), names::is_label_value(value.text()));
    }
}

/// Validates a map of annotations: keys, and the total size.
pub fn annotations(at: &At<'_>, errs: &mut Errors) {
    let mut total = 0_usize;
    for (key, value) in at.entries() {
        errs.invalid_each(at, key, names::is_qualified_name(&key.to_lowercase()));
        total = total.saturating_add(key.len()).saturating_add(value.text().len());
    }
    if total > MAX_ANNOTATION_BYTES {
        errs.too_long(at, MAX_ANNOTATION_BYTES);
    }
}

fn owner_references(at: &At<'_>, errs: &mut Errors) {
    let mut controller: Option<String> = None;
    for owner in at.items() {
        // Upstream reports these without the index.
        let field = |name: &'static str| (owner.child(name), at.path.child(name));
        let (api_version, path) = field("apiVersion");
        let mut parts = api_version.text().rsplit('/');
        // Upstream reads no version from what has too many parts.
        if parts.next().unwrap_or_default().is_empty() || parts.count() > 1 {
            errs.invalid_value(&path, api_version.text(), "version must not be empty");
        }
        for name in ["kind", "name", "uid"] {
            let (value, path) = field(name);
            if value.is_empty() {
                errs.invalid_value(&path, value.text(), "must not be empty");
            }
        }
        let (kind, name) = (owner.child("kind").text(), owner.child("name").text());
        if api_version.text() == "v1" && kind == "Event" {
            errs.invalid_value(&at.path, owner.value.cloned(), "/v1, Kind=Event is disallowed from being an owner");
        }
        if owner.child("controller").is_true() {
            let this = format!("{kind}/{name}");
            match &controller {
                None => controller = Some(this),
                Some(first) => errs.invalid(
                    at,
                    format!("Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"),
                ),
            }
        }
    }
}

fn finalizers(at: &At<'_>, errs: &mut Errors) {
    let has = |name: &str| at.array().iter().any(|f| f.as_str() == Some(name));
    for finalizer in at.items() {
        errs.invalid_each(&at.path, finalizer.text(), names::is_qualified_name(finalizer.text()));
    }
    if has("orphan") && has("foregroundDeletion") {
        errs.invalid(at, "finalizer orphan and foregroundDeletion cannot be both set");
    }
}

/// Validates that a finalizer has a domain or is one of the standard ones, as built-in kinds demand.
pub fn qualified_finalizers(meta: &At<'_>, errs: &mut Errors) {
    for finalizer in meta.child("finalizers").items() {
        if !finalizer.text().contains('/') && !STANDARD_FINALIZERS.contains(&finalizer.text()) {
            errs.invalid(&finalizer, "name is neither a standard finalizer name nor is it fully qualified");
        }
    }
}

fn managed_fields(at: &At<'_>, errs: &mut Errors) {
    for entry in at.items() {
        let operation = entry.child("operation");
        if !["Apply", "Update"].contains(&operation.text()) {
            errs.invalid_value(&operation, operation.text(), "must be `Apply` or `Update`");
        }
        let kind = entry.child("fieldsType");
        if !["", "FieldsV1"].contains(&kind.text()) {
            errs.invalid(&kind, "must be `FieldsV1`");
        }
        let manager = entry.child("manager");
        if manager.len() > 128 {
            errs.too_long(&Path::new("fieldManager"), 128);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(metadata: Value, expected: &[&str]) {
        let object = json!({"metadata": metadata});
        let errors: Vec<String> = validate(&object, true, &dns1123_subdomain).iter().map(ToString::to_string).collect();
        assert_eq!(errors, expected, "{object}");
    }

    #[test]
    fn metadata_of_a_new_object() {
        check(json!({"name": "a", "namespace": "b"}), &[]);
        check(json!({"name": "a-x1", "generateName": "a-", "namespace": "b"}), &[]);
        check(json!({"namespace": "b"}), &["metadata.name: Required value: name or generateName is required"]);
        check(json!({"name": "a"}), &["metadata.namespace: Required value"]);
        check(
            json!({"name": "a", "namespace": "b", "finalizers": ["orphan", "foregroundDeletion"]}),
            &[
                "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion cannot be both set",
            ],
        );
        check(
            json!({"name": "a", "namespace": "b", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}]}),
            &["metadata.ownerReferences.uid: Invalid value: \"\": must not be empty"],
        );
    }

    #[test]
    fn metadata_of_an_update() {
        let old = json!({"metadata": {"name": "a", "uid": "1", "resourceVersion": "5", "deletionTimestamp": "2024-01-01T00:00:00Z"}});
        let mut new = old.clone();
        assert!(validate_update(&new, &old, true).is_empty());
        new["metadata"]["finalizers"] = json!(["x.io/b", "x.io/a"]);
        new["metadata"]["uid"] = json!("2");
        let errors: Vec<String> = validate_update(&new, &old, true).iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"x.io/a\", \"x.io/b\"}",
                "metadata.uid: Invalid value: \"2\": field is immutable",
            ]
        );
    }
}
