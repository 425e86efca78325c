//! Documents that were asked for, compressed.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::{encode_v2, v2, v3, v3_index};
use crate::registry::Registry;

/// Names a document in one encoding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Name {
    /// `/openapi/v2` as JSON.
    V2Json,
    /// `/openapi/v2` as protobuf.
    V2Protobuf,
    /// `/openapi/v3`.
    V3Index,
    /// `/openapi/v3/<path>`, `apis/apps/v1`.
    V3(String),
}

/// A document.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The document, compressed with gzip.
    pub gzip: Bytes,
    /// Strong entity tag of the uncompressed document, quotes included.
    pub etag: String,
}

impl Rendered {
    fn of(plain: &[u8]) -> Option<Self> {
        let digest = Sha256::digest(plain);
        let hex: String = digest.iter().map(|b| format!("{b:02X}")).collect();
        let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 8), Compression::default());
        encoder.write_all(plain).ok()?;
        Some(Self { gzip: encoder.finish().ok()?.into(), etag: format!("\"{hex}\"") })
    }

    /// Decompresses the document, for clients that cannot.
    #[must_use]
    pub fn plain(&self) -> Bytes {
        gunzip(&self.gzip).into()
    }
}

/// Decompresses bytes that this program, or its build, compressed.
pub(super) fn gunzip(packed: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // Our own bytes: they decompress.
    let _ = GzDecoder::new(packed).read_to_end(&mut out);
    out
}

/// Holds the documents of the current registry that were asked for.
#[derive(Debug, Default)]
pub struct Cache(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    registry: Option<Arc<Registry>>,
    documents: HashMap<Name, Rendered>,
}

impl Cache {
    /// Returns a document that is there already.
    #[must_use]
    pub fn ready(&self, registry: &Arc<Registry>, name: &Name) -> Option<Rendered> {
        let state = self.0.lock();
        let current = state.registry.as_ref().is_some_and(|r| Arc::ptr_eq(r, registry));
        if current { state.documents.get(name).cloned() } else { None }
    }

    /// Builds a document and keeps it; `None` when there is no such group and version. Takes tens of milliseconds: run it
    /// where blocking is fine.
    #[must_use]
    pub fn build(&self, registry: &Arc<Registry>, name: Name) -> Option<Rendered> {
        let plain = match &name {
            Name::V2Json => v2(registry).to_string().into_bytes(),
            Name::V2Protobuf => encode_v2(&v2(registry)),
            Name::V3Index => v3_index(registry).to_string().into_bytes(),
            Name::V3(path) => v3(registry, path)?.to_string().into_bytes(),
        };
        let rendered = Rendered::of(&plain)?;
        let mut state = self.0.lock();
        if !state.registry.as_ref().is_some_and(|r| Arc::ptr_eq(r, registry)) {
            state.documents.clear();
            state.registry = Some(Arc::clone(registry));
        }
        state.documents.insert(name, rendered.clone());
        Some(rendered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_kept_until_the_registry_changes() {
        let cache = Cache::default();
        let registry = Arc::new(Registry::builtin());
        assert!(cache.ready(&registry, &Name::V3Index).is_none());
        let built = cache.build(&registry, Name::V3Index).expect("built");
        let kept = cache.ready(&registry, &Name::V3Index).expect("kept");
        assert_eq!((built.etag, built.gzip), (kept.etag.clone(), kept.gzip.clone()));
        assert!(serde_json::from_slice::<serde_json::Value>(&kept.plain()).is_ok());
        let other = Arc::new(Registry::builtin());
        assert!(cache.ready(&other, &Name::V3Index).is_none());
        assert!(cache.build(&other, Name::V3("apis/nope/v1".to_owned())).is_none());
    }
}
