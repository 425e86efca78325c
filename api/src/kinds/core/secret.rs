//! Secret (`pkg/apis/core/validation: ValidateSecret @ v1.36`).

use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::data;
use crate::decode;
use crate::field::{At, Errors};
use crate::kinds::column::{Column, Selectable};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::values::{fill_zero, remove, text};
use crate::kinds::kind::Kind;
use crate::names;
use base64::Engine as _;

/// The behaviour of Secrets.
pub static SECRET: Kind = Kind {
    default,
    validate,
    validate_update: Some(validate_update),
    columns: &[
        Column::NAME,
        Column::text("Type", "/type", "What the secret is used for."),
        Column::new("Data", "string", |obj, _| At::root(obj).child("data").len().into(), "Number of keys."),
        Column::AGE,
    ],
    selectable: &[Selectable::text("type", "/type")],
    ..Kind::DATA
};

fn default(obj: &mut Value) {
    merge_string_data(obj);
    fill_zero(obj, "type", "Opaque");
}

fn validate(obj: &Value, errs: &mut Errors) {
    let at = At::root(obj).child("data");
    let mut size = 0_usize;
    for (key, value) in at.entries() {
        errs.invalid_each(&value.path, key, names::is_config_map_key(key));
        size = size.saturating_add(data::decoded_len(value.text()));
    }
    if size > data::MAX_BYTES {
        errs.too_long(&at, data::MAX_BYTES);
    }
    keys_of_type(obj, &at, errs);
}

fn validate_update(new: &Value, old: &Value, errs: &mut Errors) {
    immutable(&At::root(new).child("type"), old.get("type"), errs);
    data::immutable(new, old, &["data"], errs);
    validate(new, errs);
}

/// Writes `stringData` into `data`, over what is there, and forgets it.
fn merge_string_data(obj: &mut Value) {
    let Some(Value::Object(plain)) = obj.get_mut("stringData").map(Value::take) else {
        remove(obj, "stringData");
        return;
    };
    remove(obj, "stringData");
    let Some(map) = obj.as_object_mut() else { return };
    let slot = map.entry("data").or_insert(Value::Null);
    if slot.is_null() {
        *slot = Value::Object(Map::new());
    }
    let Some(target) = slot.as_object_mut() else { return };
    for (key, value) in plain {
        target.insert(key, STANDARD.encode(value.as_str().unwrap_or_default()).into());
    }
}

fn keys_of_type(obj: &Value, at: &At<'_>, errs: &mut Errors) {
    let mut need = |keys: &[&str]| {
        for key in keys {
            if at.object().is_none_or(|o| !o.contains_key(*key)) {
                errs.required(&at.path.key(*key));
            }
        }
    };
    match text(obj, "/type") {
        "kubernetes.io/service-account-token" => {
            let annotation =
                At::root(obj).child("metadata").child("annotations").key("kubernetes.io/service-account.name");
            annotation.require(errs);
        }
        "kubernetes.io/dockercfg" => json_key(at, ".dockercfg", errs),
        "kubernetes.io/dockerconfigjson" => json_key(at, ".dockerconfigjson", errs),
        "kubernetes.io/basic-auth" => {
            let either = ["username", "password"].iter().any(|k| at.object().is_some_and(|o| o.contains_key(*k)));
            need(if either { &[] } else { &["username", "password"] });
        }
        "kubernetes.io/ssh-auth" => {
            at.key("ssh-privatekey").require(errs);
        }
        "kubernetes.io/tls" => need(&["tls.crt", "tls.key"]),
        _ => {}
    }
}

fn json_key(at: &At<'_>, key: &str, errs: &mut Errors) {
    let value = at.key(key);
    let Some(encoded) = value.str() else {
        errs.required(&value.path);
        return;
    };
    let bytes = STANDARD.decode(encoded).unwrap_or_default();
    let wrong = match decode::json(&bytes) {
        Err(error) => error.detail(),
        Ok(parsed) if parsed.value.is_object() || parsed.value.is_null() => return,
        Ok(parsed) => {
            format!("{} into Go value of type map[string]interface {{}}", decode::cannot_unmarshal(&parsed.value))
        }
    };
    errs.invalid_value(&value.path, "<secret contents redacted>", wrong);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, check_update, defaulted};

    #[test]
    fn string_data_become_data() {
        assert_eq!(
            defaulted(&SECRET, json!({"data": {"a": "eA==", "b": "eA=="}, "stringData": {"a": "hello"}})),
            json!({"data": {"a": "aGVsbG8=", "b": "eA=="}, "type": "Opaque"})
        );
    }

    #[test]
    fn types_demand_keys() {
        check(&SECRET, json!({"type": "anything", "data": {}}), &[]);
        check(
            &SECRET,
            json!({"type": "kubernetes.io/tls", "data": {"tls.crt": ""}}),
            &["data[tls.key]: Required value"],
        );
        check(
            &SECRET,
            json!({"type": "kubernetes.io/basic-auth"}),
            &["data[username]: Required value", "data[password]: Required value"],
        );
        check(&SECRET, json!({"type": "kubernetes.io/dockercfg"}), &["data[.dockercfg]: Required value"]);
        for (data, says) in [
            ("e30=", None),
            ("AQ==", Some("invalid character '\\x01' looking for beginning of value")),
            ("W10=", Some("json: cannot unmarshal array into Go value of type map[string]interface {}")),
        ] {
            let expected: Vec<String> = says
                .iter()
                .map(|says| format!("data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": {says}"))
                .collect();
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            let secret = json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": data}});
            check(&SECRET, secret, &expected);
        }
        check(
            &SECRET,
            json!({"type": "kubernetes.io/service-account-token"}),
            &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
        );
    }

    #[test]
    fn type_and_immutable_data_stay() {
        check_update(
            &SECRET,
            json!({"type": "a/b", "data": {}}),
            json!({"data": {}}),
            &["type: Invalid value: \"Opaque\": field is immutable"],
        );
        check_update(
            &SECRET,
            json!({"data": {"a": "eA=="}, "immutable": true}),
            json!({"data": {}, "immutable": true}),
            &["data: Forbidden: field is immutable when `immutable` is set"],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &SECRET,
            &json!({"metadata": {"name": "a"}, "type": "Opaque", "data": {"x": ""}}),
            &["a", "Opaque", "1", "<unknown>"],
        );
    }
}
