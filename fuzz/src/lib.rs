//! What fuzz targets share: objects made of the fuzzer's bytes along the schema, and the choice of a kind.

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use corvette_api::gvk::join_api_version;
use corvette_api::meta;
use corvette_api::schema::{self, Def, Field, Gvk, PatchStrategy, Shape, Type};
use serde_json::{Map, Value, json};

/// Deepest nesting of generated objects; some schemas refer to themselves.
const DEPTH: usize = 9;

/// Picks a kind that has one definition and one group and version.
///
/// # Errors
/// When the fuzzer's bytes are used up.
pub fn kind(bytes: &mut Unstructured<'_>) -> Result<(Gvk<'static>, &'static Def)> {
    let kinds: Vec<_> = schema::definitions().iter().filter(|def| def.gvks().len() == 1).collect();
    let def: &'static Def = bytes.choose(&kinds)?;
    Ok((def.gvks()[0], def))
}

/// Makes an object of a kind that its schema allows: no nulls, merge keys there and unique.
///
/// # Errors
/// When the fuzzer's bytes are used up.
pub fn object(gvk: Gvk<'static>, def: &'static Def, bytes: &mut Unstructured<'_>) -> Result<Value> {
    let mut object = of(def, DEPTH, bytes)?;
    meta::set_gvk(&mut object, &join_api_version(gvk.group, gvk.version), gvk.kind);
    Ok(object)
}

/// Splits the fuzzer's bytes at zeros into parts that are JSON, or gives nothing.
pub fn json_parts<const N: usize>(data: &[u8]) -> Option<[Value; N]> {
    let parts: Option<Vec<Value>> = data.split(|b| *b == 0).map(|part| serde_json::from_slice(part).ok()).collect();
    parts?.try_into().ok()
}

fn of(def: &'static Def, depth: usize, bytes: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match def.shape() {
        Shape::Quantity => (*bytes.choose(&["0", "1", "100m", "1Gi", "1500m", "1e3"])?).into(),
        Shape::IntOrString if bytes.arbitrary()? => bytes.arbitrary::<i32>()?.into(),
        Shape::IntOrString => (*bytes.choose(&["50%", "http"])?).into(),
        Shape::Time => (*bytes.choose(&["2024-05-01T10:00:00Z", "0001-01-02T00:00:00Z"])?).into(),
        Shape::MicroTime => (*bytes.choose(&["1969-12-31T23:59:59.000001Z", "2024-05-01T10:00:00.120000Z"])?).into(),
        Shape::Object => json!({"f:a": {"b": [1, "c"]}}),
        Shape::Any if def.short_name().ends_with("StringArray") => json!(["a"]),
        Shape::Any if def.short_name().ends_with("Array") => json!([{"type": "string"}]),
        Shape::Any => bytes.arbitrary::<bool>()?.into(),
        Shape::Struct => {
            let mut fields = Map::new();
            for field in def.fields() {
                // Only the outermost object says what it is.
                let is_type = !def.gvks().is_empty() && ["apiVersion", "kind"].contains(&field.name());
                if depth > 0 && !is_type && !bytes.is_empty() && bytes.ratio(1_u8, 3_u8)? {
                    let mut value = value(field.ty(), depth - 1, bytes)?;
                    unique(field, &mut value);
                    fields.insert(field.name().to_owned(), value);
                }
            }
            fields.into()
        }
    })
}

fn value(ty: &Type, depth: usize, bytes: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match ty {
        Type::String => (*bytes.choose(&["", "a", "b", "c", "10.0.0.1", "x/y", "ü", "$patch"])?).into(),
        Type::Bytes => (*bytes.choose(&["", "cQ==", "AAEC/w=="])?).into(),
        Type::Int32 => bytes.arbitrary::<i32>()?.into(),
        Type::Int64 => bytes.arbitrary::<i64>()?.into(),
        Type::Bool => bytes.arbitrary::<bool>()?.into(),
        Type::Double => 1.25.into(),
        Type::List(item) => {
            (0..bytes.int_in_range(0..=3)?).map(|_| value(item, depth, bytes)).collect::<Result<_>>()?
        }
        Type::Map(item) => {
            let mut map = Map::new();
            for key in ["a", "b", "x.io/c"] {
                if bytes.arbitrary()? {
                    map.insert(key.to_owned(), value(item, depth, bytes)?);
                }
            }
            map.into()
        }
        Type::Ref(_) => of(ty.def().expect("a reference leads to a definition"), depth, bytes)?,
    })
}

/// Makes the items of a list that patches merge differ in their key.
fn unique(field: &Field, value: &mut Value) {
    let (Value::Array(items), PatchStrategy { merge: true, .. }) = (value, field.patch_strategy()) else { return };
    let mut seen = BTreeSet::new();
    items.retain_mut(|item| {
        let Some(key) = field.patch_merge_key() else { return seen.insert(item.to_string()) };
        let Some(fields) = item.as_object_mut() else { return false };
        let keys = field.ty().item().and_then(Type::def).and_then(|def| def.field(key)).map(Field::ty);
        let text = matches!(keys, Some(Type::String));
        let id = fields.entry(key).or_insert_with(|| if text { "a".into() } else { 1.into() });
        seen.insert(id.to_string())
    });
}
