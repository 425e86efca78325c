//! Every fixture of the wire contract passes typed decoding in strict mode without loss.

use corvette_api::{decode, meta, schema, yaml};

#[test]
fn fixtures_decode_strictly_without_loss() {
    let Some(folder) = std::env::var_os("KUBE_API_FIXTURES") else {
        println!("KUBE_API_FIXTURES is not set: the fixtures of the wire contract were not checked");
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("the fixtures folder can be read") {
        let path = entry.expect("the fixtures folder can be read").path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let body = std::fs::read(&path).expect("a fixture can be read");
        let parsed = decode::json(&body).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let original = parsed.value.clone();
        let Some(def) = schema::of_object(&original).or_else(|| internal(&original)) else {
            println!("{}: the schema does not hold this kind", path.display());
            continue;
        };
        let decoded = decode::typed(def, parsed).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(decoded.strict, Vec::<String>::new(), "{}", path.display());
        assert_eq!(decoded.value, original, "{}", path.display());
        assert_eq!(yaml::parse(&yaml::to_string(&original)).map(|p| p.value), Ok(original), "{}", path.display());
        seen += 1;
    }
    assert!(seen > 25, "only {seen} fixtures were found");
}

/// Finds kinds whose definition names no group and version, such as `Status` inside `core/v1`.
fn internal(object: &serde_json::Value) -> Option<&'static schema::Def> {
    schema::definition(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{}", meta::kind(object)))
}
