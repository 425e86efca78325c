//! DELETE on a collection.

use bytes::Bytes;
use corvette_api::status::Status;
use futures::future::try_join_all;

use super::{
    call::Call,
    delete,
    list::{self, Paging},
    reply::Reply,
    selection::Selection,
};

/// Deletes under way at once (upstream's default is one worker).
const PARALLEL: usize = 8;

/// Serves a deletecollection: every selected object is deleted as by its own request; the answer lists them as they were
/// (`registry/generic/registry/store.go: DeleteCollection @ v1.36`).
///
/// # Errors
/// The status the client sees; objects deleted before stay deleted.
pub async fn delete_collection(call: &Call, body: Bytes) -> Result<Reply, Status> {
    let options = delete::options(call, &body)?;
    let paging = Paging::parse(&call.info.query)?;
    let selection = Selection::parse(&call.info.query, &call.row)?;
    let page = list::select(call, &paging, &selection).await?;
    for chunk in page.items.chunks(PARALLEL) {
        let deletes = chunk.iter().map(|item| delete::delete_object(call, &item.key, &options));
        try_join_all(deletes).await?;
    }
    list::render(call, page).await
}
