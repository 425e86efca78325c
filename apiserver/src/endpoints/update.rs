//! PUT on an object or on its status-like subresources.

use bytes::Bytes;
use corvette_api::{
    meta,
    status::{self, Status},
};
use http::StatusCode;
use serde_json::Value;

use super::{
    call::Call,
    codec::{self, Expected},
    create,
    modify::{self, Edit, Part},
    options::WriteOptions,
    reply::Reply,
};

/// Replaces the object by the body.
struct Replace(Value);

impl Edit for Replace {
    fn edit(&self, _call: &Call, _current: &Value) -> Result<Value, Status> {
        Ok(self.0.clone())
    }
}

/// Serves an update of the main resource or of a part of it.
///
/// # Errors
/// The status the client sees.
pub async fn update(call: &Call, part: Part, body: Bytes) -> Result<Reply, Status> {
    let options = WriteOptions::parse(&call.info.query, "UpdateOptions")?;
    let mut object = codec::decode_body(call, &body, Expected::of_row(call), options.field_validation)?;
    create::match_namespace(call, &mut object)?;
    check_name(&object, &call.info.name)?;
    let edit = Replace(object);
    if let Some(updated) = modify::modify(call, part, &edit, &options).await? {
        return Ok(updated.into_reply(call, StatusCode::OK));
    }
    if !meta::uid(&edit.0).is_empty() {
        return Err(modify::other_uid(call, meta::uid(&edit.0), ""));
    }
    if part != Part::Main || !call.row.strategy.allow_create_on_update() {
        return Err(call.not_found());
    }
    create_instead(call, edit.0, &options).await
}

/// Checks that an object is called as the path says.
///
/// # Errors
/// 400 with upstream's message.
pub fn check_name(object: &Value, wanted: &str) -> Result<(), Status> {
    let given = meta::name(object);
    if given == wanted {
        return Ok(());
    }
    Err(status::bad_request(if given.is_empty() {
        format!("the name of the object ({wanted} based on URL) was undeterminable: name must be provided")
    } else {
        format!("the name of the object ({given}) does not match the name on the URL ({wanted})")
    }))
}

async fn create_instead(call: &Call, mut object: Value, options: &WriteOptions) -> Result<Reply, Status> {
    meta::remove_field(&mut object, "resourceVersion");
    call.row.to_storage(&mut object);
    let created = create::create_object(call, object, options).await?;
    Ok(created.into_reply(call, StatusCode::CREATED))
}
