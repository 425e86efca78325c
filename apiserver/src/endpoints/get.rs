//! GET on an object or on its status-like subresources.

use corvette_api::status::Status;
use http::StatusCode;
use serde_json::Value;

use super::{call::Call, codec, reply::Reply};
use crate::reader::At;

/// Serves a get.
///
/// # Errors
/// The status the client sees.
pub async fn get(call: &Call) -> Result<Reply, Status> {
    Ok(Reply::Stored(StatusCode::OK, entry(call).await?.json()))
}

/// Reads the object of the path in its storage version, as fresh as the client asks.
///
/// # Errors
/// The status the client sees.
pub async fn stored(call: &Call) -> Result<Value, Status> {
    codec::parse_stored(&entry(call).await?.json())
}

async fn entry(call: &Call) -> Result<std::sync::Arc<crate::cacher::Entry>, Status> {
    let at = At::of_get(call.info.query.text("resourceVersion"))?;
    let namespace = call.namespace().unwrap_or_default();
    let found = call.app.reader.get(call.storage()?, namespace, &call.info.name, at).await?;
    found.ok_or_else(|| call.not_found())
}
