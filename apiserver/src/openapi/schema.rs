//! Definitions of the schema table as OpenAPI schemas.

use std::collections::BTreeSet;

use corvette_api::schema::{self, Def, Field, ListType, MapType, Shape, Type};
use serde_json::{Map, Value, json};

use super::Dialect;
use super::descriptions::Descriptions;

/// Renders a definition.
pub(super) fn definition(def: &Def, dialect: Dialect, descriptions: &Descriptions<'_>) -> Value {
    let mut out = Map::new();
    if let Some(text) = descriptions.get(def.name(), "") {
        out.insert("description".into(), text.into());
    }
    match def.shape() {
        Shape::Struct | Shape::Object => {
            out.insert("type".into(), "object".into());
        }
        Shape::Quantity => scalar(&mut out, dialect, "string", None, &["string", "number"]),
        Shape::IntOrString => scalar(&mut out, dialect, "string", Some("int-or-string"), &["integer", "string"]),
        Shape::Time | Shape::MicroTime => {
            out.insert("type".into(), "string".into());
            out.insert("format".into(), "date-time".into());
        }
        Shape::Any => {}
    }
    if !def.fields().is_empty() {
        let properties: Map<String, Value> =
            def.fields().iter().map(|f| (f.name().to_owned(), property(def, f, dialect, descriptions))).collect();
        out.insert("properties".into(), properties.into());
        let required: Vec<&str> = def.fields().iter().filter(|f| f.is_required()).map(Field::name).collect();
        if !required.is_empty() {
            out.insert("required".into(), required.into());
        }
    }
    if let Some(kind) = def.map_type() {
        out.insert("x-kubernetes-map-type".into(), map_type(kind).into());
    }
    if !def.gvks().is_empty() {
        let gvks: Vec<Value> =
            def.gvks().iter().map(|g| json!({"group": g.group, "kind": g.kind, "version": g.version})).collect();
        out.insert("x-kubernetes-group-version-kind".into(), gvks.into());
    }
    out.into()
}

/// Collects the names of a definition and of everything it refers to.
pub(super) fn collect(def: &'static Def, names: &mut BTreeSet<&'static str>) {
    if names.insert(def.name()) {
        for field in def.fields() {
            let mut ty = field.ty();
            while let Some(item) = ty.item() {
                ty = item;
            }
            if let Some(next) = ty.def() {
                collect(next, names);
            }
        }
    }
}

/// Collects a definition by name, with everything it refers to; an unknown name adds nothing.
pub(super) fn collect_named(name: &str, names: &mut BTreeSet<&'static str>) {
    if let Some(def) = schema::definition(name) {
        collect(def, names);
    }
}

fn scalar(out: &mut Map<String, Value>, dialect: Dialect, kind: &str, format: Option<&str>, either: &[&str]) {
    match dialect {
        Dialect::V2 => {
            out.insert("type".into(), kind.into());
        }
        Dialect::V3 => {
            let options: Vec<Value> = either.iter().map(|t| json!({"type": t})).collect();
            out.insert("oneOf".into(), options.into());
        }
    }
    if let Some(format) = format {
        out.insert("format".into(), format.into());
    }
}

fn property(def: &Def, field: &Field, dialect: Dialect, descriptions: &Descriptions<'_>) -> Value {
    let mut out = ty(field.ty(), dialect);
    let mut extensions = Map::new();
    if let Some(text) = descriptions.get(def.name(), field.name()) {
        extensions.insert("description".into(), text.into());
    }
    if let Some(kind) = field.list_type() {
        let name = match kind {
            ListType::Atomic => "atomic",
            ListType::Set => "set",
            ListType::Map => "map",
        };
        extensions.insert("x-kubernetes-list-type".into(), name.into());
    }
    if !field.map_keys().is_empty() {
        extensions.insert("x-kubernetes-list-map-keys".into(), field.map_keys().into());
    }
    if let Some(kind) = field.map_type() {
        extensions.insert("x-kubernetes-map-type".into(), map_type(kind).into());
    }
    let strategy = field.patch_strategy();
    let names: Vec<&str> = [(strategy.merge, "merge"), (strategy.retain_keys, "retainKeys")]
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, n)| *n)
        .collect();
    if !names.is_empty() {
        extensions.insert("x-kubernetes-patch-strategy".into(), names.join(",").into());
    }
    if let Some(key) = field.patch_merge_key() {
        extensions.insert("x-kubernetes-patch-merge-key".into(), key.into());
    }
    if let Some(default) = field.default_json().and_then(|text| serde_json::from_str(text).ok()) {
        extensions.insert("default".into(), default);
    }
    if dialect == Dialect::V3 && out.contains_key("$ref") && !extensions.is_empty() {
        // A reference has no siblings in 3.0.
        out = Map::from_iter([("allOf".to_owned(), json!([out]))]);
    }
    out.extend(extensions);
    out.into()
}

const fn map_type(kind: MapType) -> &'static str {
    match kind {
        MapType::Atomic => "atomic",
        MapType::Granular => "granular",
    }
}

fn ty(ty: &Type, dialect: Dialect) -> Map<String, Value> {
    let mut out = Map::new();
    let (kind, format) = match ty {
        Type::String => ("string", None),
        Type::Bytes => ("string", Some("byte")),
        Type::Int32 => ("integer", Some("int32")),
        Type::Int64 => ("integer", Some("int64")),
        Type::Bool => ("boolean", None),
        Type::Double => ("number", Some("double")),
        Type::List(_) => ("array", None),
        Type::Map(_) => ("object", None),
        Type::Ref(_) => ("", None),
    };
    if !kind.is_empty() {
        out.insert("type".into(), kind.into());
    }
    if let Some(format) = format {
        out.insert("format".into(), format.into());
    }
    if let Some(def) = ty.def() {
        out.insert("$ref".into(), dialect.reference(def.name()).into());
    }
    match ty {
        Type::List(item) => {
            out.insert("items".into(), self::ty(item, dialect).into());
        }
        Type::Map(item) => {
            out.insert("additionalProperties".into(), self::ty(item, dialect).into());
        }
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::descriptions;
    use super::*;

    fn rendered(name: &str, dialect: Dialect) -> Value {
        definition(schema::definition(name).expect("known"), dialect, &Descriptions::of(&descriptions::expand()))
    }

    #[test]
    fn fields_carry_their_patch_facts() {
        let spec = rendered("io.k8s.api.core.v1.PodSpec", Dialect::V2);
        let containers = &spec["properties"]["containers"];
        assert_eq!(containers["items"]["$ref"], "#/definitions/io.k8s.api.core.v1.Container");
        assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
        assert_eq!(containers["x-kubernetes-patch-strategy"], "merge");
        assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
        assert_eq!(spec["required"], json!(["containers"]));
        let strategy = &rendered("io.k8s.api.apps.v1.DeploymentSpec", Dialect::V3)["properties"]["strategy"];
        assert_eq!(strategy["allOf"][0]["$ref"], "#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy");
        assert!(strategy["description"].as_str().is_some_and(|text| text.contains("replace existing pods")));
    }

    #[test]
    fn scalars_differ_between_dialects() {
        let name = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
        let v2 = rendered(name, Dialect::V2);
        assert_eq!(
            (&v2["type"], &v2["format"], &v2["oneOf"]),
            (&json!("string"), &json!("int-or-string"), &Value::Null)
        );
        let v3 = rendered(name, Dialect::V3);
        assert_eq!(v3["oneOf"], json!([{"type": "integer"}, {"type": "string"}]));
        assert_eq!((&v3["type"], &v3["format"]), (&Value::Null, &json!("int-or-string")));
    }

    #[test]
    fn collecting_follows_references() {
        let mut names = BTreeSet::new();
        collect_named("io.k8s.api.apps.v1.Deployment", &mut names);
        assert!(names.contains("io.k8s.api.core.v1.Container") && !names.contains("io.k8s.api.core.v1.Service"));
        // Recursive definitions end.
        collect_named("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps", &mut names);
    }
}
