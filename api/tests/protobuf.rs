//! Protobuf and JSON say the same: fixtures of the wire contract, bodies of real clients, generated objects, arbitrary bytes.

use corvette_api::protobuf;
use serde_json::Value;

#[test]
fn fixtures_are_the_same_in_both_forms() {
    let Some(folder) = std::env::var_os("KUBE_API_FIXTURES") else {
        println!("KUBE_API_FIXTURES is not set: the fixtures of the wire contract were not checked");
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("the fixtures folder can be read") {
        let path = entry.expect("the fixtures folder can be read").path();
        if path.extension().is_none_or(|e| e != "pb") {
            continue;
        }
        let bytes = std::fs::read(&path).expect("a fixture can be read");
        let json = std::fs::read(path.with_extension("json")).expect("a fixture can be read");
        let json: Value = serde_json::from_slice(&json).expect("a fixture is JSON");
        let decoded = protobuf::decode(&bytes, ("", "")).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(decoded, json, "{}", path.display());
        let encoded = protobuf::encode(&json).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(encoded == bytes, "{}: the bytes differ", path.display());
        seen += 1;
    }
    assert!(seen > 25, "only {seen} fixtures were found");
}
