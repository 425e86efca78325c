//! `serviceaccounts/token`: issues tokens. This server has no signing keys, and says so as upstream does then.

use bytes::Bytes;
use corvette_api::status::{self, Status};

use crate::endpoints::{call::Call, get, reply::Reply};

/// Answers a token request.
///
/// # Errors
/// 404 when the account does not exist, else the failure upstream answers without a configured issuer.
pub async fn handle(call: &Call, _body: Bytes) -> Result<Reply, Status> {
    get::stored(call).await?;
    Err(status::no_such_resource())
}
