//! Protobuf bodies with their envelope: any bytes are read or refused, and what is read survives writing.
#![no_main]

use corvette_api::gvk::join_api_version;
use corvette_api::protobuf;
use libfuzzer_sys::{arbitrary::Unstructured, fuzz_target};

/// Field `raw` of the envelope, and the wire type of bytes.
const RAW: u8 = 0x12;

fuzz_target!(|data: &[u8]| {
    let mut bytes = Unstructured::new(data);
    let Ok((gvk, _)) = corvette_fuzz::kind(&mut bytes) else { return };
    let whole = bytes.arbitrary().unwrap_or(false);
    let content = bytes.take_rest();
    let mut body = protobuf::MAGIC.to_vec();
    if !whole {
        // Spares the fuzzer the length of the message.
        body.push(RAW);
        let mut length = content.len();
        while length > 0x7f {
            body.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
            length >>= 7;
        }
        body.push(u8::try_from(length).expect("seven bits"));
    }
    body.extend(content);
    let api_version = join_api_version(gvk.group, gvk.version);
    let Ok(object) = protobuf::decode(&body, (&api_version, gvk.kind)) else { return };
    let Ok(written) = protobuf::encode(&object) else { return };
    let read = protobuf::decode(&written, ("", "")).expect("what was written is read");
    assert_eq!(protobuf::encode(&read).as_ref(), Ok(&written), "{object}");
});
