//! JSON bodies: read exactly when serde_json reads them, and typed decoding changes nothing the second time.
#![no_main]

use corvette_api::decode;
use libfuzzer_sys::{arbitrary::Unstructured, fuzz_target};

fuzz_target!(|data: &[u8]| {
    let mut bytes = Unstructured::new(data);
    let Ok((_, def)) = corvette_fuzz::kind(&mut bytes) else { return };
    let body = bytes.take_rest();
    let text = String::from_utf8_lossy(body);
    let parsed = decode::json(body);
    assert_eq!(parsed.is_ok(), serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    let Ok(decoded) = parsed.and_then(|parsed| decode::typed(def, parsed)) else { return };
    let mut again = decoded.value.clone();
    assert_eq!(decode::in_place(def, &mut again), Ok(Vec::new()));
    assert_eq!(again, decoded.value);
});
