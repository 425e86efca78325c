//! Subresources with behaviour of their own, one file each; status needs none.

mod approval;
mod binding;
mod eviction;
mod scale;
mod token;

use bytes::Bytes;
use corvette_api::status::{self, Status};
use serde_json::Value;

use super::{call::Call, reply::Reply};
use crate::registry::SubresourceKind;

pub use binding::bind;
pub use token::INJECTED_LIFETIME;

/// Serves subresources whose body is not their object.
///
/// # Errors
/// The status the client sees.
pub async fn handle(call: &Call, kind: SubresourceKind, body: Bytes) -> Result<Reply, Status> {
    match kind {
        SubresourceKind::Scale => scale::handle(call, body).await,
        SubresourceKind::Binding => binding::handle(call, body).await,
        SubresourceKind::Eviction => eviction::handle(call, body).await,
        SubresourceKind::Token => token::handle(call, body).await,
        _ => Err(status::method_not_allowed()),
    }
}

/// Takes from `new` only what the subresource may change; the rest comes from `old`.
pub fn prepare(kind: SubresourceKind, new: &mut Value, old: &Value) {
    if kind == SubresourceKind::Approval {
        approval::prepare(new, old);
    }
}

/// Puts `part` (a JSON pointer of two segments) of `new` onto a copy of `old`, keeping the resourceVersion of `new`.
fn keep_only(new: &mut Value, old: &Value, parent: &str, field: &str) {
    let part = new.get(parent).and_then(|p| p.get(field)).cloned();
    let version = corvette_api::meta::resource_version(new).to_owned();
    *new = old.clone();
    corvette_api::meta::set_resource_version(new, &version);
    let map = corvette_api::meta::child_map(corvette_api::meta::as_map(new), parent);
    match part {
        Some(part) => map.insert(field.to_owned(), part),
        None => map.remove(field),
    };
}
