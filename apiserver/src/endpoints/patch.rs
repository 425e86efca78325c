//! PATCH on an object or on its status-like subresources: JSON patch, merge patch, strategic merge patch.

use bytes::Bytes;
use corvette_api::{
    decode::{self, Parsed},
    field::{Errors, Path},
    gvk::GroupKind,
    meta, patch, schema,
    status::{self, Details, Reason, Status},
};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use super::{
    call::Call,
    codec::{self, Expected},
    get,
    modify::{self, Edit, Part},
    options::WriteOptions,
    reply::Reply,
    update,
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
    /// 415 for forms not served.
    pub fn of_request(headers: &HeaderMap, has_schema: bool) -> Result<Self, Status> {
        let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match given.split(';').next().map(str::trim) {
            Some(JSON) => Ok(Self::Json),
            Some(MERGE) => Ok(Self::Merge),
            Some(STRATEGIC) if has_schema => Ok(Self::Strategic),
            _ => Err(unsupported()),
        }
    }
}

/// 415 as the router of upstream's server words it.
fn unsupported() -> Status {
    Status::new(415, Reason::UnsupportedMediaType, "415: Unsupported Media Type").with_details(Details::default())
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
        let Parsed { value, strict: duplicates } =
            decode::json(body).map_err(|error| undecodable(form, &error.detail()))?;
        let body = of_form(form, value)?;
        Ok(Self { form, body, duplicates, options })
    }

    /// Returns the request's options.
    pub fn options(&self) -> &WriteOptions {
        &self.options
    }

    /// Applies the patch to an object of the expected kind.
    ///
    /// # Errors
    /// 422 for a JSON patch that does not apply and for patches that make something else than an object of the kind, 400
    /// for other patches that do not apply.
    pub fn apply(&self, call: &Call, current: &Value, expected: Expected<'_>) -> Result<Value, Status> {
        let patched = self.patched(current, expected)?;
        let duplicates = self.duplicates.clone();
        codec::decode_patched(call, patched, expected, duplicates, self.options.field_validation)
            .map_err(|failed| self.misfit(current, expected, &failed))
    }

    fn patched(&self, current: &Value, expected: Expected<'_>) -> Result<Value, Status> {
        match self.form {
            Form::Json => patch::json::apply(current, &self.body).map_err(|error| {
                tracing::debug!(%error, "a JSON patch does not apply");
                Status::new(422, Reason::Invalid, "the server rejected our request due to an error in our request")
                    .with_details(Details::default())
            }),
            Form::Merge => {
                let mut merged = current.clone();
                patch::merge::apply(&mut merged, self.body.clone());
                Ok(merged)
            }
            Form::Strategic => {
                let definition = expected.definition.and_then(schema::definition).ok_or_else(unsupported)?;
                patch::strategic::apply(definition, current.clone(), self.body.clone())
                    .map_err(|error| status::bad_request(error.to_string()))
            }
        }
    }

    /// Answers for a patch that makes no object of the kind: shows what it made, or the patch where upstream has no JSON of
    /// what it made.
    fn misfit(&self, current: &Value, expected: Expected<'_>, failed: &codec::Misfit) -> Status {
        let (shown, detail) = match self.form {
            Form::Strategic => (patch::strategic::display(&self.body), failed.unstructured()),
            Form::Json | Form::Merge => match self.patched(current, expected) {
                Ok(patched) => (patched.to_string(), failed.to_string()),
                Err(status) => return status,
            },
        };
        let mut errors = Errors::default();
        errors.invalid_value(&Path::new("patch"), shown, detail);
        status::invalid(&GroupKind::new("", ""), "", &errors)
    }
}

/// Answers for a body that is no patch.
fn undecodable(form: Form, detail: &str) -> Status {
    match form {
        Form::Json | Form::Merge => status::bad_request(format!("error decoding patch: {detail}")),
        Form::Strategic => status::bad_request(detail),
    }
}

/// Checks that a body has the shape of its form. Null is an empty patch where upstream takes it for one.
fn of_form(form: Form, body: Value) -> Result<Value, Status> {
    let wrong = |value: &Value, wanted: &str| {
        undecodable(form, &format!("{} into Go value of type {wanted}", decode::cannot_unmarshal(value)))
    };
    match (form, body) {
        (Form::Json, Value::Null) => Ok(Value::Array(Vec::new())),
        (Form::Strategic, Value::Null) => Ok(Value::Object(Map::new())),
        (Form::Merge, Value::Null) => Err(status::bad_request("Invalid JSON Patch")),
        (Form::Json, Value::Array(operations)) => {
            if let Some(other) = operations.iter().find(|operation| !operation.is_object()) {
                return Err(wrong(other, "handlers.jsonPatchOp"));
            }
            if operations.len() > MAX_OPERATIONS {
                return Err(status::request_entity_too_large(format!(
                    "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
                    operations.len()
                )));
            }
            Ok(Value::Array(operations))
        }
        (Form::Merge | Form::Strategic, Value::Object(fields)) => Ok(Value::Object(fields)),
        (Form::Json, other) => Err(wrong(&other, "[]handlers.jsonPatchOp")),
        (_, other) => Err(wrong(&other, "map[string]interface {}")),
    }
}

impl Edit for Patch {
    fn edit(&self, call: &Call, current: &Value) -> Result<Value, Status> {
        let mut patched = self.apply(call, current, Expected::of_row(call))?;
        update::check_name(&patched, meta::name(current))?;
        let (given, wanted) = (meta::namespace(&patched), meta::namespace(current));
        if given.is_empty() {
            meta::set_namespace(&mut patched, wanted);
        } else if given != wanted {
            return Err(status::bad_request(format!(
                "the namespace of the object ({given}) does not match the namespace on the request ({wanted})"
            )));
        }
        if !matches!(meta::uid(&patched), uid if uid.is_empty() || uid == meta::uid(current)) {
            let mut errors = Errors::default();
            errors.invalid_value(&Path::new("metadata").child("uid"), meta::uid(&patched), "field is immutable");
            return Err(status::invalid(&call.row.group_kind(), meta::name(current), &errors));
        }
        Ok(patched)
    }
}

/// Serves a patch of the main resource or of a part of it.
///
/// # Errors
/// The status the client sees.
pub async fn patch(call: &Call, part: Part, body: Bytes) -> Result<Reply, Status> {
    let edit = match Patch::parse(call, &body, call.row.definition.is_some()) {
        // Whether there is anything to patch is known before the patch is read.
        Err(failed) if failed.code == 400 => {
            get::stored(call).await?;
            return Err(failed);
        }
        parsed => parsed?,
    };
    let patched = modify::modify(call, part, &edit, &edit.options).await?.ok_or_else(|| call.not_found())?;
    Ok(patched.into_reply(call, StatusCode::OK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_not_served_are_a_415() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/apply-patch+yaml".parse().unwrap());
        let status = Form::of_request(&headers, true).unwrap_err();
        assert_eq!(status.code, 415);
        headers.insert(header::CONTENT_TYPE, STRATEGIC.parse().unwrap());
        assert_eq!(Form::of_request(&headers, true).ok(), Some(Form::Strategic));
        assert_eq!(Form::of_request(&headers, false).unwrap_err().code, 415);
    }
}
