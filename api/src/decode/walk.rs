//! The walk along the schema.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::frame::Frame;
use super::scalar::{self, Precision, kind_of};
use super::{Error, STRICT_LIMIT};
use crate::quote::quote;
use crate::schema::{Def, Field, Shape, Type};

/// Checks an object.
pub(super) fn object(def: &Def, value: &mut Value, strict: &mut Vec<String>) -> Result<(), Error> {
    Walk { strict }.definition(def, value, &Frame::ROOT)
}

/// Checks an object that stands in a field of one without a definition.
pub(super) fn object_at(def: &Def, field: &str, value: &mut Value, strict: &mut Vec<String>) -> Result<(), Error> {
    let at = Frame::ROOT;
    Walk { strict }.definition(def, value, &at.field(Some(def), field))
}

struct Walk<'a> {
    strict: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn definition(&mut self, def: &Def, value: &mut Value, at: &Frame<'_>) -> Result<(), Error> {
        match def.shape() {
            Shape::Struct => match value {
                Value::Object(map) => self.fields(def, map, at),
                other => Err(wrong_type(other, &def.go_name(), at)),
            },
            Shape::Quantity => scalar::quantity(value).map_err(Error::Type),
            Shape::IntOrString => scalar::int_or_string(value).map_err(Error::Type),
            Shape::Time => scalar::time(value, Precision::Seconds).map_err(Error::Type),
            Shape::MicroTime => scalar::time(value, Precision::Micros).map_err(Error::Type),
            Shape::Object if !value.is_object() => Err(wrong_type(value, &def.go_name(), at)),
            Shape::Object | Shape::Any => Ok(()),
        }
    }

    /// Checks each field and removes what is unknown or null.
    fn fields(&mut self, def: &Def, map: &mut Map<String, Value>, at: &Frame<'_>) -> Result<(), Error> {
        // Both lists are sorted, so that one pass finds the fields. Nothing is allocated unless something goes.
        let mut next = 0;
        let mut gone: Vec<String> = Vec::new();
        for (name, value) in map.iter_mut() {
            let Some(field) = find(def, name, &mut next) else {
                self.unknown(name, at);
                gone.push(name.clone());
                continue;
            };
            if !value.is_null() {
                self.value(field.ty(), value, &at.field(Some(def), field.name()))?;
            } else if field.ty().def().is_none_or(|d| d.shape() != Shape::Any) {
                // Null means unset, whatever the type, except where any JSON may stand.
                gone.push(name.clone());
            }
        }
        for name in gone {
            map.remove(&name);
        }
        Ok(())
    }

    fn value(&mut self, ty: &Type, value: &mut Value, at: &Frame<'_>) -> Result<(), Error> {
        match (ty, value) {
            (Type::Ref(id), value) => self.definition(crate::schema::get(*id), value, at),
            (Type::String, Value::String(_)) | (Type::Bool, Value::Bool(_)) | (Type::Double, Value::Number(_)) => {
                Ok(())
            }
            (Type::Bytes, Value::String(text)) => scalar::bytes(text).map_err(Error::Type),
            (Type::Int32, Value::Number(n)) if n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => Ok(()),
            (Type::Int64, Value::Number(n)) if n.is_i64() => Ok(()),
            (Type::List(item), Value::Array(items)) => {
                for (i, value) in items.iter_mut().enumerate() {
                    self.item(item, value, &at.index(i))?;
                }
                Ok(())
            }
            (Type::Map(item), Value::Object(map)) => {
                for (key, value) in map.iter_mut() {
                    self.item(item, value, &at.key(key))?;
                }
                Ok(())
            }
            (ty, value) => Err(wrong_type(value, &ty.go_name(), at)),
        }
    }

    /// Checks an item of a list or map. Here null is the type's zero value, because the item itself stays.
    fn item(&mut self, ty: &Type, value: &mut Value, at: &Frame<'_>) -> Result<(), Error> {
        if !value.is_null() {
            return self.value(ty, value, at);
        }
        *value = match ty {
            Type::String | Type::Bytes => Value::String(String::new()),
            Type::Int32 | Type::Int64 | Type::Double => Value::from(0),
            Type::Bool => Value::Bool(false),
            Type::List(_) => Value::Array(Vec::new()),
            Type::Map(_) => Value::Object(Map::new()),
            Type::Ref(id) => match crate::schema::get(*id).shape() {
                Shape::Struct | Shape::Object => Value::Object(Map::new()),
                Shape::Quantity => Value::from("0"),
                Shape::IntOrString => Value::from(0),
                Shape::Time | Shape::MicroTime | Shape::Any => Value::Null,
            },
        };
        Ok(())
    }

    fn unknown(&mut self, name: &str, at: &Frame<'_>) {
        if self.strict.len() < STRICT_LIMIT {
            self.strict.push(format!("unknown field {}", quote(&at.field(None, name).path())));
        }
    }
}

/// Finds a field, beginning where the last search ended.
fn find<'d>(def: &'d Def, name: &str, next: &mut usize) -> Option<&'d Field> {
    while let Some(field) = def.fields().get(*next) {
        match field.name().cmp(name) {
            Ordering::Less => *next += 1,
            Ordering::Equal => return Some(field),
            Ordering::Greater => break,
        }
    }
    // An unknown name, or a map that is not sorted.
    def.field(name)
}

fn wrong_type(value: &Value, wanted: &str, at: &Frame<'_>) -> Error {
    let shown = match value {
        // Go names the number when it is the number that does not fit, not its being one.
        Value::Number(n) if matches!(wanted, "int32" | "int64") => format!("number {n}"),
        other => kind_of(other).to_owned(),
    };
    Error::WrongType { given: shown, place: at.go_place(), wanted: wanted.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::decode::{Decoded, Error, Parsed, typed};
    use crate::schema;

    use super::*;

    fn decode(kind: (&str, &str, &str), value: Value) -> Result<Decoded, Error> {
        typed(schema::of_kind(kind.0, kind.1, kind.2).unwrap(), Parsed { value, strict: vec![] })
    }

    const DEPLOYMENT: (&str, &str, &str) = ("apps", "v1", "Deployment");
    const POD: (&str, &str, &str) = ("", "v1", "Pod");
    const SECRET: (&str, &str, &str) = ("", "v1", "Secret");

    fn message(kind: (&str, &str, &str), value: Value) -> String {
        decode(kind, value).unwrap_err().to_string()
    }

    #[test]
    fn unknown_fields_are_told_and_removed() {
        let decoded = decode(
            DEPLOYMENT,
            json!({"kind": "Deployment", "bar": 1, "metadata": {"labels": {"x": "y"}, "creationTimestamp": null},
                   "spec": {"replicas": 1, "foo": {}, "template": {"spec": {"containers": [{"name": "a"}, {"name": "b", "Image": "x"}]}}}}),
        )
        .unwrap();
        assert_eq!(
            decoded.value,
            json!({"kind": "Deployment", "metadata": {"labels": {"x": "y"}},
                   "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}}}})
        );
        assert_eq!(
            decoded.strict,
            [
                "unknown field \"bar\"",
                "unknown field \"spec.foo\"",
                "unknown field \"spec.template.spec.containers[1].Image\""
            ]
        );
    }

    #[test]
    fn wrong_types_are_worded_as_go_does() {
        for (value, text) in [
            (
                json!({"spec": {"replicas": "3"}}),
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                json!({"spec": {"replicas": 1.5}}),
                "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                json!({"spec": {"replicas": 3_000_000_000u64}}),
                "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                json!({"metadata": {"name": 1}}),
                "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string",
            ),
            (
                json!({"metadata": {"labels": {"a": 1}}}),
                "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
            ),
            (
                json!({"spec": []}),
                "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec",
            ),
            (json!([]), "json: cannot unmarshal array into Go value of type v1.Deployment"),
            (
                json!({"spec": {"template": {"spec": {"containers": {}}}}}),
                "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
            ),
            (
                json!({"spec": {"template": {"spec": {"containers": [{"ports": [{"containerPort": "x"}]}]}}}}),
                "json: cannot unmarshal string into Go struct field ContainerPort.spec.template.spec.containers.ports.containerPort of type int32",
            ),
            (
                json!({"spec": {"paused": "true"}}),
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool",
            ),
            (
                json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": true}}}}),
                "json: cannot unmarshal bool into Go value of type int32",
            ),
        ] {
            assert_eq!(message(DEPLOYMENT, value), text);
        }
        let cpu = |cpu: Value| json!({"spec": {"containers": [{"resources": {"limits": {"cpu": cpu}}}]}});
        assert!(message(POD, cpu(json!("1mi"))).starts_with("unable to parse quantity's suffix"));
        assert!(message(POD, cpu(json!(true))).starts_with("quantities must match the regular expression"));
        assert_eq!(message(SECRET, json!({"data": {"a": "%%"}})), "illegal base64 data at input byte 0");
        assert!(message(POD, json!({"metadata": {"creationTimestamp": "x"}})).starts_with("parsing time \"x\" as"));
    }

    #[test]
    fn scalars_become_canonical() {
        let decoded = decode(
            POD,
            json!({"metadata": {"creationTimestamp": "2024-05-01T12:00:00.7+02:00", "labels": {"a": null}, "managedFields": [{"fieldsV1": {"f:x": {"any": null}}}]},
                   "spec": {"containers": [{"resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}}, null]}}),
        )
        .unwrap();
        assert_eq!(
            decoded.value,
            json!({"metadata": {"creationTimestamp": "2024-05-01T10:00:00Z", "labels": {"a": ""}, "managedFields": [{"fieldsV1": {"f:x": {"any": null}}}]},
                   "spec": {"containers": [{"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}, {}]}})
        );
        assert_eq!(decoded.strict, Vec::<String>::new());
    }
}
