//! PATCH on an object or on its status-like subresources: JSON patch, merge patch, strategic merge patch.

use bytes::Bytes;
use corvette_api::{
    decode::{self, Parsed},
    meta, patch, schema,
    status::{self, Reason, Status},
};
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::{
    call::Call,
    codec::{self, Expected},
    modify::{self, Edit, Part},
    options::WriteOptions,
    reply::Reply,
};

/// Most operations of one JSON patch (upstream's limit).
const MAX_OPERATIONS: usize = 10_000;

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// Form of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, by the schema's merge keys.
    Strategic,
}

impl Form {
    /// Reads the form of a request body. `has_schema` tells whether the kind can be merged strategically.
    ///
    /// # Errors
    /// 415 listing the forms served.
    pub fn of_request(headers: &HeaderMap, has_schema: bool) -> Result<Self, Status> {
        let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match given.split(';').next().map(str::trim) {
            Some(JSON) => Ok(Self::Json),
            Some(MERGE) => Ok(Self::Merge),
            Some(STRATEGIC) if has_schema => Ok(Self::Strategic),
            _ if has_schema => Err(status::unsupported_media_type(&[JSON, MERGE, STRATEGIC])),
            _ => Err(status::unsupported_media_type(&[JSON, MERGE])),
        }
    }
}

/// A parsed patch.
pub struct Patch {
    form: Form,
    body: Value,
    duplicates: Vec<String>,
    options: WriteOptions,
}

impl Patch {
    /// Reads a patch from a request.
    ///
    /// # Errors
    /// 400 for malformed JSON, 413 for too many operations, 415 for forms not served.
    pub fn parse(call: &Call, body: &Bytes, has_schema: bool) -> Result<Self, Status> {
        let form = Form::of_request(&call.headers, has_schema)?;
        let options = WriteOptions::parse(&call.info.query, "PatchOptions")?;
        let Parsed { value: body, strict: duplicates } =
            decode::json(body).map_err(|error| status::bad_request(format!("error decoding patch: {error}")))?;
        match (form, &body) {
            (Form::Json, Value::Array(operations)) if operations.len() > MAX_OPERATIONS => {
                return Err(status::request_entity_too_large(format!(
                    "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
                    operations.len()
                )));
            }
            (Form::Json, Value::Array(_)) | (Form::Merge | Form::Strategic, Value::Object(_)) => {}
            (Form::Json, _) => {
                return Err(status::bad_request("error decoding patch: a JSON patch is an array of operations"));
            }
            (_, _) => return Err(status::bad_request("error decoding patch: a merge patch is a JSON object")),
        }
        Ok(Self { form, body, duplicates, options })
    }

    /// Returns the request's options.
    pub fn options(&self) -> &WriteOptions {
        &self.options
    }

    /// Applies the patch to an object of the expected kind.
    ///
    /// # Errors
    /// 422 for a JSON patch that does not apply, 400 for other patches that do not, or that make fields of wrong types.
    pub fn apply(&self, call: &Call, current: &Value, expected: Expected<'_>) -> Result<Value, Status> {
        let patched = match self.form {
            Form::Json => patch::json::apply(current, &self.body).map_err(|error| {
                Status::new(422, Reason::Invalid, "the server rejected our request due to an error in our request")
                    .with_cause("UnexpectedServerResponse", error.to_string(), "")
            })?,
            Form::Merge => {
                let mut merged = current.clone();
                patch::merge::apply(&mut merged, self.body.clone());
                merged
            }
            Form::Strategic => {
                let definition = expected
                    .definition
                    .and_then(schema::definition)
                    .ok_or_else(|| status::unsupported_media_type(&[JSON, MERGE]))?;
                patch::strategic::apply(definition, current.clone(), self.body.clone())
                    .map_err(|error| status::bad_request(error.to_string()))?
            }
        };
        check_kind(&patched, expected)?;
        let duplicates = self.duplicates.clone();
        codec::decode_patched(call, patched, expected, duplicates, self.options.field_validation)
    }
}

/// A patch must not turn an object into another kind.
fn check_kind(patched: &Value, expected: Expected<'_>) -> Result<(), Status> {
    if meta::kind(patched) == expected.kind && meta::api_version(patched) == expected.api_version {
        return Ok(());
    }
    Err(status::bad_request(format!(
        "the patched object is of {} {}, expected {} {}",
        meta::api_version(patched),
        meta::kind(patched),
        expected.api_version,
        expected.kind
    )))
}

impl Edit for Patch {
    fn edit(&self, call: &Call, current: &Value) -> Result<Value, Status> {
        let patched = self.apply(call, current, Expected::of_row(call))?;
        if meta::name(&patched) != meta::name(current) {
            return Err(status::bad_request(format!(
                "the name of the object ({}) does not match the name on the URL ({})",
                meta::name(&patched),
                meta::name(current)
            )));
        }
        if meta::namespace(&patched) != meta::namespace(current) {
            return Err(status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        Ok(patched)
    }
}

/// Serves a patch of the main resource or of a part of it.
///
/// # Errors
/// The status the client sees.
pub async fn patch(call: &Call, part: Part, body: Bytes) -> Result<Reply, Status> {
    let edit = Patch::parse(call, &body, call.row.definition.is_some())?;
    let patched = modify::modify(call, part, &edit, &edit.options).await?.ok_or_else(|| call.not_found())?;
    Ok(patched.into_reply(call, StatusCode::OK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_not_served_are_a_415_that_lists_the_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/apply-patch+yaml".parse().unwrap());
        let status = Form::of_request(&headers, true).unwrap_err();
        assert_eq!(status.code, 415);
        assert!(status.message.contains(STRATEGIC), "{}", status.message);
        headers.insert(header::CONTENT_TYPE, STRATEGIC.parse().unwrap());
        assert_eq!(Form::of_request(&headers, true).ok(), Some(Form::Strategic));
        assert_eq!(Form::of_request(&headers, false).unwrap_err().code, 415);
    }
}
