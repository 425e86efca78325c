//! Objects of every kind through JSON, YAML and protobuf and back.
#![no_main]

use corvette_api::{decode, protobuf, yaml};
use libfuzzer_sys::{arbitrary::Unstructured, fuzz_target};

fuzz_target!(|data: &[u8]| {
    let mut bytes = Unstructured::new(data);
    let Ok((gvk, def)) = corvette_fuzz::kind(&mut bytes) else { return };
    let Ok(object) = corvette_fuzz::object(gvk, def, &mut bytes) else { return };
    let decoded = decode::json_as(def, object.to_string().as_bytes()).expect("the object fits its schema");
    assert_eq!(decoded.strict, Vec::<String>::new(), "{object}");
    assert_eq!(yaml::parse(&yaml::to_string(&object)).map(|parsed| parsed.value).as_ref(), Ok(&object));
    if !protobuf::knows(&object["apiVersion"].to_string(), gvk.kind) {
        return;
    }
    let written = protobuf::encode(&decoded.value).expect("the object fits its message");
    let read = protobuf::decode(&written, ("", "")).expect("what was written is read");
    assert_eq!(protobuf::encode(&read), Ok(written), "{object}");
});
