//! Other shapes of a response: `Table` and `PartialObjectMetadata` of `meta.k8s.io`.
//!
//! Pure functions of values and a kind's [`Strategy`].

use corvette_api::kinds::{Column, Strategy};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Version of `meta.k8s.io` that the client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetaVersion {
    /// `meta.k8s.io/v1`.
    V1,
    /// `meta.k8s.io/v1beta1`.
    V1Beta1,
}

impl MetaVersion {
    /// Parses the `v` parameter of the `Accept` header.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "v1" => Some(Self::V1),
            "v1beta1" => Some(Self::V1Beta1),
            _ => None,
        }
    }

    /// Returns the version as objects name it.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "meta.k8s.io/v1",
            Self::V1Beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// What a table's row carries of its object (`includeObject` parameter).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata; the default.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl IncludeObject {
    /// Parses the query parameter; the empty text is the default. `None` for an unknown policy.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "Metadata" => Some(Self::Metadata),
            "None" => Some(Self::None),
            "Object" => Some(Self::Object),
            _ => None,
        }
    }
}

/// Whether a table carries its column definitions; events of a watch after the first do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Headers {
    /// With column definitions.
    Shown,
    /// Without.
    Omitted,
}

/// How to render tables.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Version asked for.
    pub version: MetaVersion,
    /// What rows carry.
    pub include: IncludeObject,
    /// Time that ages count to.
    pub now: Timestamp,
}

/// Renders a table of objects; `metadata` is that of the list (or, of one object, its `resourceVersion`).
#[must_use]
pub fn table<'a>(
    strategy: &dyn Strategy,
    objects: impl IntoIterator<Item = &'a Value>,
    metadata: Value,
    headers: Headers,
    options: Options,
) -> Value {
    let rows: Vec<Value> = objects.into_iter().map(|o| row(strategy, o, options)).collect();
    let columns = match headers {
        Headers::Shown => strategy.columns().iter().map(column).collect(),
        Headers::Omitted => Value::Null,
    };
    json!({
        "kind": "Table",
        "apiVersion": options.version.api_version(),
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

/// Renders the table of a single object, as GET and watch events carry it.
#[must_use]
pub fn table_of_one(strategy: &dyn Strategy, object: &Value, headers: Headers, options: Options) -> Value {
    let metadata = match object.pointer("/metadata/resourceVersion") {
        Some(version) => json!({"resourceVersion": version}),
        None => json!({}),
    };
    table(strategy, [object], metadata, headers, options)
}

/// Renders one object's metadata.
#[must_use]
pub fn partial(object: &Value, version: MetaVersion) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": version.api_version(),
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| json!({})),
    })
}

/// Renders a list of objects' metadata; `metadata` is the list's.
#[must_use]
pub fn partial_list<'a>(objects: impl IntoIterator<Item = &'a Value>, metadata: Value, version: MetaVersion) -> Value {
    let items: Vec<Value> = objects.into_iter().map(|o| partial(o, version)).collect();
    json!({
        "kind": "PartialObjectMetadataList",
        "apiVersion": version.api_version(),
        "metadata": metadata,
        "items": items,
    })
}

fn column(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.r#type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    })
}

fn row(strategy: &dyn Strategy, object: &Value, options: Options) -> Value {
    let carried = match options.include {
        IncludeObject::None => Value::Null,
        IncludeObject::Metadata => partial(object, options.version),
        IncludeObject::Object => object.clone(),
    };
    let mut body = Map::new();
    body.insert("cells".into(), strategy.cells(object, options.now).into());
    body.insert("object".into(), carried);
    body.into()
}

#[cfg(test)]
mod tests {
    use corvette_api::kinds::Kind;

    use super::*;

    fn options(include: IncludeObject) -> Options {
        Options { version: MetaVersion::V1, include, now: "2026-01-01T01:00:00Z".parse().expect("time") }
    }

    fn object() -> Value {
        json!({
            "apiVersion": "v1", "kind": "X", "data": {},
            "metadata": {"name": "a", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z"},
        })
    }

    #[test]
    fn a_table_has_columns_cells_and_the_object_asked_for() {
        let one = table_of_one(&Kind::DATA, &object(), Headers::Shown, options(IncludeObject::Metadata));
        assert_eq!(one["kind"], "Table");
        assert_eq!(one["apiVersion"], "meta.k8s.io/v1");
        assert_eq!(one["metadata"]["resourceVersion"], "7");
        assert_eq!(one["columnDefinitions"][0]["name"], "Name");
        assert_eq!(one["columnDefinitions"][0]["format"], "name");
        assert_eq!(one["rows"][0]["cells"], json!(["a", "60m"]));
        assert_eq!(one["rows"][0]["object"]["kind"], "PartialObjectMetadata");
        assert!(one["rows"][0]["object"].get("data").is_none());
        let none = table_of_one(&Kind::DATA, &object(), Headers::Omitted, options(IncludeObject::None));
        assert!(none["columnDefinitions"].is_null());
        assert!(none["rows"][0]["object"].is_null());
        let full = table_of_one(&Kind::DATA, &object(), Headers::Omitted, options(IncludeObject::Object));
        assert_eq!(full["rows"][0]["object"]["kind"], "X");
    }

    #[test]
    fn every_kind_has_as_many_cells_as_columns() {
        let now = options(IncludeObject::None).now;
        for row in crate::registry::Registry::builtin().rows() {
            let (columns, cells) = (row.strategy.columns(), row.strategy.cells(&object(), now));
            assert_eq!(columns.len(), cells.len(), "{}", row.kind);
        }
    }

    #[test]
    fn partial_lists_keep_metadata_only() {
        let list = partial_list([&object()], json!({"resourceVersion": "9"}), MetaVersion::V1);
        assert_eq!(list["kind"], "PartialObjectMetadataList");
        assert_eq!(list["items"][0]["metadata"]["name"], "a");
        assert!(list["items"][0].get("data").is_none());
    }

    #[test]
    fn parameters_parse() {
        assert_eq!(IncludeObject::parse(""), Some(IncludeObject::Metadata));
        assert_eq!(IncludeObject::parse("Object"), Some(IncludeObject::Object));
        assert_eq!(IncludeObject::parse("x"), None);
        assert_eq!(MetaVersion::parse("v1beta1"), Some(MetaVersion::V1Beta1));
        assert_eq!(MetaVersion::parse("v2"), None);
    }
}
