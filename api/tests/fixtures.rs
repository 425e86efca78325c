//! Every fixture of the wire contract passes typed decoding in strict mode, YAML and protobuf without loss.

use std::path::Path;

use corvette_api::{decode, meta, protobuf, schema, yaml};
use serde_json::Value;

/// Runs a check on every fixture with this ending; says so when there are no fixtures on this machine.
fn each(ending: &str, check: impl Fn(&Path, Vec<u8>)) {
    let Some(folder) = std::env::var_os("KUBE_API_FIXTURES") else {
        println!("KUBE_API_FIXTURES is not set: the fixtures of the wire contract were not checked");
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("the fixtures folder can be read") {
        let path = entry.expect("the fixtures folder can be read").path();
        if path.extension().is_some_and(|e| e == ending) {
            check(&path, std::fs::read(&path).expect("a fixture can be read"));
            seen += 1;
        }
    }
    assert!(seen > 25, "only {seen} fixtures were found");
}

#[test]
fn fixtures_decode_strictly_without_loss() {
    each("json", |path, body| {
        let parsed = decode::json(&body).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let original = parsed.value.clone();
        let Some(def) = schema::of_object(&original).or_else(|| internal(&original)) else {
            println!("{}: the schema does not hold this kind", path.display());
            return;
        };
        let decoded = decode::typed(def, parsed).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(decoded.strict, Vec::<String>::new(), "{}", path.display());
        assert_eq!(decoded.value, original, "{}", path.display());
        assert_eq!(yaml::parse(&yaml::to_string(&original)).map(|p| p.value), Ok(original), "{}", path.display());
    });
}

#[test]
fn fixtures_are_the_same_in_both_forms() {
    each("pb", |path, bytes| {
        let json = std::fs::read(path.with_extension("json")).expect("a fixture can be read");
        let json: Value = serde_json::from_slice(&json).expect("a fixture is JSON");
        let decoded = protobuf::decode(&bytes, ("", "")).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(decoded, json, "{}", path.display());
        let encoded = protobuf::encode(&json).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(encoded == bytes, "{}: the bytes differ", path.display());
    });
}

/// Finds kinds whose definition names no group and version, such as `Status` inside `core/v1`.
fn internal(object: &Value) -> Option<&'static schema::Def> {
    schema::definition(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{}", meta::kind(object)))
}
