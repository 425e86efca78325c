//! DELETE on a collection.

use bytes::Bytes;
use corvette_api::status::Status;
use futures::future::try_join_all;

use super::{
    call::Call,
    delete::{self, Deleted},
    list::{self, Paging},
    reply::Reply,
    selection::Selection,
};

/// Deletes under way at once (upstream's default is one worker).
const PARALLEL: usize = 8;

/// Serves a deletecollection: every selected object is deleted as by its own request; the answer lists them.
///
/// # Errors
/// The status the client sees; objects deleted before stay deleted.
pub async fn delete_collection(call: &Call, body: Bytes) -> Result<Reply, Status> {
    let options = delete::options(call, &body)?;
    let paging = Paging::parse(&call.info.query)?;
    let selection = Selection::parse(&call.info.query, &call.row)?;
    let page = list::select(call, &paging, &selection).await?;
    let mut deleted: Vec<Option<Deleted>> = Vec::with_capacity(page.items.len());
    for chunk in page.items.chunks(PARALLEL) {
        let deletes = chunk.iter().map(|item| delete::delete_object(call, &item.key, &options));
        deleted.extend(try_join_all(deletes).await?);
    }
    let items = deleted
        .into_iter()
        .flatten()
        .map(|deleted| {
            let mut object = match deleted {
                Deleted::Gone(object) => object,
                Deleted::Waits(outcome) => outcome.into_value()?,
            };
            call.row.from_storage(&mut object);
            Ok(object)
        })
        .collect::<Result<_, Status>>()?;
    Ok(Reply::ok(list::list_of(call, page.metadata, items)))
}
