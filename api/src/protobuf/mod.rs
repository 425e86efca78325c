//! Kubernetes' protobuf encoding of objects, read into JSON values.
//!
//! An object comes in an envelope: the bytes `k8s\0`, then `runtime.Unknown` with its type and the encoded object. The
//! table of messages (`api/data/protobuf.txt`) gives every field its JSON name; what JSON leaves out when it is zero is
//! left out.

mod decode;
mod table;
mod wire;

use serde_json::Value;

/// Media type of the encoding.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
/// What every enveloped object starts with.
const MAGIC: &[u8] = b"k8s\0";

/// Why bytes are no object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The envelope is missing.
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    NoEnvelope,
    /// The bytes end early or make no sense.
    #[error("proto: malformed message of {0}")]
    Malformed(String),
    /// Nothing is known of the kind.
    #[error("no kind \"{kind}\" is registered for version \"{api_version}\" in protobuf")]
    UnknownKind {
        /// Version of the object in the envelope.
        api_version: String,
        /// Kind of the object in the envelope.
        kind: String,
    },
    /// Messages are nested too deeply.
    #[error("proto: message is nested too deeply")]
    Depth,
}

/// Reads an enveloped object; `definition` names its schema definition. The value carries `apiVersion` and `kind` of the
/// envelope.
///
/// # Errors
/// [`Error`].
pub fn decode(definition: &str, bytes: &[u8]) -> Result<Value, Error> {
    let envelope = bytes.strip_prefix(MAGIC).ok_or(Error::NoEnvelope)?;
    decode::enveloped(definition, envelope)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Encodes a field of bytes.
    fn bytes_field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        out.extend_from_slice(bytes);
        out
    }

    fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let mut types = bytes_field(1, api_version.as_bytes());
        types.extend(bytes_field(2, kind.as_bytes()));
        let mut out = MAGIC.to_vec();
        out.extend(bytes_field(1, &types));
        out.extend(bytes_field(2, raw));
        out
    }

    #[test]
    fn an_object_is_read_as_its_json() {
        let mut meta = bytes_field(1, b"a");
        meta.extend(bytes_field(3, b""));
        meta.extend([7 << 3, 0]);
        meta.extend(bytes_field(8, b""));
        let mut entry = bytes_field(1, b"k");
        entry.extend(bytes_field(2, b"v"));
        let mut raw = bytes_field(1, &meta);
        raw.extend(bytes_field(2, &entry));
        let value = decode("io.k8s.api.core.v1.ConfigMap", &envelope("v1", "ConfigMap", &raw)).unwrap();
        assert_eq!(value, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}));
    }

    #[test]
    fn zeros_of_pointers_are_kept() {
        let raw = bytes_field(2, &[1 << 3, 0, 5 << 3, 0]);
        let value = decode("io.k8s.api.apps.v1.Deployment", &envelope("apps/v1", "Deployment", &raw)).unwrap();
        assert_eq!(value["spec"], json!({"replicas": 0}));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(decode("io.k8s.api.core.v1.Pod", b"{}"), Err(Error::NoEnvelope));
        assert!(decode("io.k8s.api.core.v1.Pod", b"k8s\0\x12\xff").is_err());
        assert!(matches!(decode("none", &envelope("v1", "None", b"")), Err(Error::UnknownKind { .. })));
    }

    /// The fixtures are facts kept outside the repository; `KUBE_API_FIXTURES` names their folder.
    #[test]
    fn fixtures_decode_to_their_json() {
        let Ok(folder) = std::env::var("KUBE_API_FIXTURES") else {
            println!("KUBE_API_FIXTURES is not set: the fixtures are not checked");
            return;
        };
        for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_none_or(|extension| extension != "pb") {
                continue;
            }
            let wanted: Value = serde_json::from_slice(&std::fs::read(file.with_extension("json")).unwrap()).unwrap();
            let gvk = crate::meta::gvk(&wanted);
            let Some(def) = crate::schema::of_kind(&gvk.group, &gvk.version, &gvk.kind) else { continue };
            let got = decode(def.name(), &std::fs::read(&file).unwrap()).unwrap();
            assert_eq!(got, wanted, "{}", file.display());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut enveloped = MAGIC.to_vec();
            enveloped.extend(&bytes);
            let _ = decode("io.k8s.api.core.v1.Pod", &enveloped);
            let _ = decode("io.k8s.api.core.v1.Pod", &envelope("v1", "Pod", bytes.get(..100).unwrap_or(&bytes)));
        }
    }
}
