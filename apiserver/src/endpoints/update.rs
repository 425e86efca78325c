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
    match_name(call, &mut object)?;
    create::match_namespace(call, &mut object)?;
    let edit = Replace(object);
    if let Some(updated) = modify::modify(call, part, &edit, &options).await? {
        return Ok(updated.into_reply(call, StatusCode::OK));
    }
    if part != Part::Main || !call.row.strategy.allow_create_on_update() {
        return Err(call.not_found());
    }
    create_instead(call, edit.0, &options).await
}

/// Checks that the body is about the object in the path.
///
/// # Errors
/// 400 with upstream's message.
pub fn match_name(call: &Call, object: &mut Value) -> Result<(), Status> {
    let (given, wanted) = (meta::name(object), call.info.name.as_str());
    if given.is_empty() {
        meta::set_name(object, wanted);
        return Ok(());
    }
    if given == wanted {
        return Ok(());
    }
    Err(status::bad_request(format!("the name of the object ({given}) does not match the name on the URL ({wanted})")))
}

async fn create_instead(call: &Call, mut object: Value, options: &WriteOptions) -> Result<Reply, Status> {
    if !meta::uid(&object).is_empty() {
        let detail = format!("Precondition failed: UID in precondition: {}, UID in object meta: ", meta::uid(&object));
        return Err(status::conflict(&call.row.group_resource(), &call.info.name, detail));
    }
    meta::remove_field(&mut object, "resourceVersion");
    call.row.to_storage(&mut object);
    let created = create::create_object(call, object, options).await?;
    Ok(created.into_reply(call, StatusCode::CREATED))
}
