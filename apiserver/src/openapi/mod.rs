//! OpenAPI documents: `/openapi/v2` (JSON and protobuf) and `/openapi/v3` (index and one document for each group and version).
//!
//! Everything derives from the [`Registry`](crate::registry::Registry) and the schema table of `corvette_api`; the documents
//! are pure functions of them; the descriptions come from the dependency `k8s-openapi` (`build.rs`). They are built when first asked for, kept compressed ([`Cache`]) and dropped when the registry
//! changes.

mod cache;
mod descriptions;
mod document;
mod operations;
mod parameters;
mod protobuf;
mod schema;
mod serve;

pub use cache::{Cache, Name, Rendered};
pub use document::{v2, v3, v3_hash, v3_index};
pub use protobuf::encode_v2;
pub use serve::serve;

/// The two dialects of OpenAPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    /// Swagger 2.0: one document, `#/definitions/`.
    V2,
    /// OpenAPI 3.0: `#/components/schemas/`.
    V3,
}

impl Dialect {
    /// Returns a reference to a definition.
    pub(crate) fn reference(self, definition: &str) -> String {
        match self {
            Self::V2 => format!("#/definitions/{definition}"),
            Self::V3 => format!("#/components/schemas/{definition}"),
        }
    }
}
