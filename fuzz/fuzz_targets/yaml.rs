//! YAML bodies: what is read and written reads the same; typed decoding of any of it ends.
#![no_main]

use corvette_api::{decode, yaml};
use libfuzzer_sys::{arbitrary::Unstructured, fuzz_target};

fuzz_target!(|data: &[u8]| {
    let mut bytes = Unstructured::new(data);
    let Ok((_, def)) = corvette_fuzz::kind(&mut bytes) else { return };
    let body = bytes.take_rest();
    let _ = decode::yaml_as(def, body);
    let Ok(documents) = yaml::documents(&String::from_utf8_lossy(body)) else { return };
    for document in documents {
        let value = document.parsed.value;
        let text = yaml::to_string(&value);
        assert_eq!(yaml::parse(&text).map(|parsed| parsed.value), Ok(value), "{text}");
    }
});
