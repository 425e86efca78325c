//! Failures as the API shows them: code, reason, message, details.
//!
//! Constructors carry upstream's names and texts (`apimachinery/pkg/api/errors/errors.go @ v1.36`).

use std::fmt;

use serde_json::{Map, Value, json};

use crate::field;
use crate::gvk::{GroupKind, GroupResource};
use crate::quote::quote;

/// The machine-readable reason of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No reason is given.
    Unknown,
    /// 401: the client is not authenticated.
    Unauthorized,
    /// 403: the client may not do this.
    Forbidden,
    /// 404: no such object or resource.
    NotFound,
    /// 409: an object of that name exists.
    AlreadyExists,
    /// 409: the object changed, or a precondition failed.
    Conflict,
    /// 410: gone for good.
    Gone,
    /// 410: the resource version or continue token is too old.
    Expired,
    /// 422: the object is not valid.
    Invalid,
    /// 500: try again later.
    ServerTimeout,
    /// 500: stored data cannot be read.
    StoreReadError,
    /// 504: the request took too long.
    Timeout,
    /// 429: slow down.
    TooManyRequests,
    /// 400: the request makes no sense.
    BadRequest,
    /// 405: the verb is not supported here.
    MethodNotAllowed,
    /// 406: no acceptable media type.
    NotAcceptable,
    /// 413: the body is too large.
    RequestEntityTooLarge,
    /// 415: the body's media type is not supported.
    UnsupportedMediaType,
    /// 500: something failed inside.
    InternalError,
    /// 503: a part of the server is not available.
    ServiceUnavailable,
}

impl Reason {
    /// Returns the reason's text; empty for [`Reason::Unknown`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "NotFound",
            Self::AlreadyExists => "AlreadyExists",
            Self::Conflict => "Conflict",
            Self::Gone => "Gone",
            Self::Expired => "Expired",
            Self::Invalid => "Invalid",
            Self::ServerTimeout => "ServerTimeout",
            Self::StoreReadError => "StorageReadError",
            Self::Timeout => "Timeout",
            Self::TooManyRequests => "TooManyRequests",
            Self::BadRequest => "BadRequest",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::NotAcceptable => "NotAcceptable",
            Self::RequestEntityTooLarge => "RequestEntityTooLarge",
            Self::UnsupportedMediaType => "UnsupportedMediaType",
            Self::InternalError => "InternalError",
            Self::ServiceUnavailable => "ServiceUnavailable",
        }
    }
}

/// One cause of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cause {
    /// Machine-readable type such as `FieldValueInvalid`; empty when unknown.
    pub reason: String,
    /// Words for people.
    pub message: String,
    /// Path of the field, or empty.
    pub field: String,
}

/// What a failure is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// Name of the object.
    pub name: String,
    /// Group of the resource or kind.
    pub group: String,
    /// Resource (or kind, for [`Reason::Invalid`]).
    pub kind: String,
    /// Uid of the object.
    pub uid: String,
    /// Causes, for example one per invalid field.
    pub causes: Vec<Cause>,
    /// When to try again, in seconds; 0 says nothing.
    pub retry_after_seconds: u32,
}

/// A failure of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason.
    pub reason: Reason,
    /// Words for people.
    pub message: String,
    /// What it is about.
    pub details: Option<Box<Details>>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}

impl Status {
    /// Makes a failure without details.
    pub fn new(code: u16, reason: Reason, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    /// Adds details.
    #[must_use]
    pub fn with_details(mut self, details: Details) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// Adds a cause to the details.
    #[must_use]
    pub fn with_cause(mut self, reason: &str, message: impl Into<String>, field: &str) -> Self {
        let cause = Cause { reason: reason.to_owned(), message: message.into(), field: field.to_owned() };
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// Sets the seconds after which to try again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.details.get_or_insert_default().retry_after_seconds = seconds;
        self
    }

    /// Returns the seconds after which to try again, when the failure names them.
    pub fn retry_after(&self) -> Option<u32> {
        self.details.as_ref().map(|d| d.retry_after_seconds).filter(|s| *s > 0)
    }

    /// Returns the failure as a `v1` Status object.
    pub fn to_value(&self) -> Value {
        let mut out = Map::new();
        out.insert("kind".into(), "Status".into());
        out.insert("apiVersion".into(), "v1".into());
        out.insert("metadata".into(), json!({}));
        out.insert("status".into(), "Failure".into());
        insert_text(&mut out, "message", &self.message);
        insert_text(&mut out, "reason", self.reason.as_str());
        if let Some(details) = &self.details {
            out.insert("details".into(), details.to_value());
        }
        out.insert("code".into(), self.code.into());
        Value::Object(out)
    }
}

impl Details {
    fn of(resource: &GroupResource, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            group: resource.group.to_string(),
            kind: resource.resource.to_string(),
            ..Self::default()
        }
    }

    /// Returns the details as JSON, without empty fields.
    pub fn to_value(&self) -> Value {
        let mut out = Map::new();
        insert_text(&mut out, "name", &self.name);
        insert_text(&mut out, "group", &self.group);
        insert_text(&mut out, "kind", &self.kind);
        insert_text(&mut out, "uid", &self.uid);
        if !self.causes.is_empty() {
            out.insert("causes".into(), self.causes.iter().map(Cause::to_value).collect());
        }
        if self.retry_after_seconds > 0 {
            out.insert("retryAfterSeconds".into(), self.retry_after_seconds.into());
        }
        Value::Object(out)
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        let mut out = Map::new();
        insert_text(&mut out, "reason", &self.reason);
        insert_text(&mut out, "message", &self.message);
        insert_text(&mut out, "field", &self.field);
        Value::Object(out)
    }
}

fn insert_text(out: &mut Map<String, Value>, key: &str, text: &str) {
    if !text.is_empty() {
        out.insert(key.to_owned(), text.into());
    }
}

/// 404: `deployments.apps "x" not found`.
pub fn not_found(resource: &GroupResource, name: &str) -> Status {
    Status::new(404, Reason::NotFound, format!("{resource} {} not found", quote(name)))
        .with_details(Details::of(resource, name))
}

/// 404 for a path that no resource has: `the server could not find the requested resource`.
pub fn no_such_resource() -> Status {
    Status::new(404, Reason::NotFound, "the server could not find the requested resource")
        .with_details(Details::default())
}

/// 409: `pods "x" already exists`.
pub fn already_exists(resource: &GroupResource, name: &str) -> Status {
    Status::new(409, Reason::AlreadyExists, format!("{resource} {} already exists", quote(name)))
        .with_details(Details::of(resource, name))
}

/// 409: no unique name could be generated.
pub fn generate_name_conflict(resource: &GroupResource, name: &str, retry_after_seconds: u32) -> Status {
    let text = format!(
        "{resource} {} already exists, the server was not able to generate a unique name for the object",
        quote(name)
    );
    Status::new(409, Reason::AlreadyExists, text)
        .with_details(Details::of(resource, name))
        .with_retry_after(retry_after_seconds)
}

/// 401; an empty message becomes `not authorized`.
pub fn unauthorized(message: &str) -> Status {
    Status::new(401, Reason::Unauthorized, if message.is_empty() { "not authorized" } else { message })
}

/// 403: `pods "x" is forbidden: detail`.
pub fn forbidden(resource: &GroupResource, name: &str, detail: impl fmt::Display) -> Status {
    let message = if resource.is_empty() {
        format!("forbidden: {detail}")
    } else if name.is_empty() {
        format!("{resource} is forbidden: {detail}")
    } else {
        format!("{resource} {} is forbidden: {detail}", quote(name))
    };
    Status::new(403, Reason::Forbidden, message).with_details(Details::of(resource, name))
}

/// What a conflict says when the object changed under the client.
pub const OBJECT_MODIFIED: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// 409: `Operation cannot be fulfilled on configmaps "x": detail`.
pub fn conflict(resource: &GroupResource, name: &str, detail: impl fmt::Display) -> Status {
    Status::new(409, Reason::Conflict, format!("Operation cannot be fulfilled on {resource} {}: {detail}", quote(name)))
        .with_details(Details::of(resource, name))
}

/// 409 for a stale resource version: [`conflict`] with [`OBJECT_MODIFIED`].
pub fn object_modified(resource: &GroupResource, name: &str) -> Status {
    conflict(resource, name, OBJECT_MODIFIED)
}

/// 409 of server-side apply: the causes name the fields and their managers.
pub fn apply_conflict(causes: Vec<Cause>, message: impl Into<String>) -> Status {
    Status::new(409, Reason::Conflict, message).with_details(Details { causes, ..Details::default() })
}

/// 410 with reason Gone.
pub fn gone(message: impl Into<String>) -> Status {
    Status::new(410, Reason::Gone, message)
}

/// 410 with reason Expired: a resource version or continue token is too old.
pub fn expired(message: impl Into<String>) -> Status {
    Status::new(410, Reason::Expired, message)
}

/// 422: `Deployment.apps "x" is invalid: …` with one cause per field.
pub fn invalid(kind: &GroupKind, name: &str, errs: &field::Errors) -> Status {
    let causes = errs
        .iter()
        .map(|e| Cause { reason: e.kind.reason().to_owned(), message: e.body(), field: e.field.clone() })
        .collect();
    let mut message = format!("{kind} {} is invalid", quote(name));
    if !errs.is_empty() {
        message.push_str(": ");
        message.push_str(&errs.to_string());
    }
    let details = Details {
        name: name.to_owned(),
        group: kind.group.to_string(),
        kind: kind.kind.to_string(),
        causes,
        ..Details::default()
    };
    Status::new(422, Reason::Invalid, message).with_details(details)
}

/// 400.
pub fn bad_request(message: impl Into<String>) -> Status {
    Status::new(400, Reason::BadRequest, message)
}

/// 429 with a Retry-After.
pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Status {
    Status::new(429, Reason::TooManyRequests, message)
        .with_details(Details { retry_after_seconds, ..Details::default() })
}

/// 503.
pub fn service_unavailable(message: impl Into<String>) -> Status {
    Status::new(503, Reason::ServiceUnavailable, message)
}

/// 405: `update is not supported on resources of kind "events"`.
pub fn method_not_supported(resource: &GroupResource, verb: &str) -> Status {
    let message = format!("{verb} is not supported on resources of kind {}", quote(&resource.to_string()));
    Status::new(405, Reason::MethodNotAllowed, message).with_details(Details::of(resource, ""))
}

/// 405 for a verb that a path does not know: `the server does not allow this method on the requested resource`.
pub fn method_not_allowed() -> Status {
    Status::new(405, Reason::MethodNotAllowed, "the server does not allow this method on the requested resource")
        .with_details(Details::default())
}

/// 500 with reason ServerTimeout: the operation may be tried again.
pub fn server_timeout(resource: &GroupResource, operation: &str, retry_after_seconds: u32) -> Status {
    let message =
        format!("The {operation} operation against {resource} could not be completed at this time, please try again.");
    Status::new(500, Reason::ServerTimeout, message)
        .with_details(Details::of(resource, operation))
        .with_retry_after(retry_after_seconds)
}

/// 500: `Internal error occurred: detail`.
pub fn internal(detail: impl fmt::Display) -> Status {
    Status::new(500, Reason::InternalError, format!("Internal error occurred: {detail}")).with_cause(
        "",
        detail.to_string(),
        "",
    )
}

/// 504: `Timeout: message`.
pub fn timeout(message: impl fmt::Display, retry_after_seconds: u32) -> Status {
    Status::new(504, Reason::Timeout, format!("Timeout: {message}"))
        .with_details(Details { retry_after_seconds, ..Details::default() })
}

/// Machine-readable type of the cause that [`too_large_resource_version`] carries.
pub const RESOURCE_VERSION_TOO_LARGE: &str = "ResourceVersionTooLarge";

/// 504: the client asks for a state that the server has not seen yet.
pub fn too_large_resource_version(wanted: u64, current: u64, retry_after_seconds: u32) -> Status {
    timeout(format!("Too large resource version: {wanted}, current: {current}"), retry_after_seconds).with_cause(
        RESOURCE_VERSION_TOO_LARGE,
        "Too large resource version",
        "",
    )
}

/// 413: `Request entity too large: message`.
pub fn request_entity_too_large(message: impl fmt::Display) -> Status {
    Status::new(413, Reason::RequestEntityTooLarge, format!("Request entity too large: {message}"))
}

/// 406: none of the media types the client accepts can be served.
pub fn not_acceptable(accepted: &[&str]) -> Status {
    let message = format!("only the following media types are accepted: {}", accepted.join(", "));
    Status::new(406, Reason::NotAcceptable, message)
}

/// 415: the body's media type is not one of these.
pub fn unsupported_media_type(accepted: &[&str]) -> Status {
    let message = format!(
        "the body of the request was in an unknown format - accepted media types include: {}",
        accepted.join(", ")
    );
    Status::new(415, Reason::UnsupportedMediaType, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{Errors, Path};

    #[test]
    fn not_found_is_upstreams() {
        let status = not_found(&GroupResource::new("apps", "deployments"), "x");
        assert_eq!(
            status.to_value(),
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotFound", "code": 404,
                   "message": "deployments.apps \"x\" not found", "details": {"name": "x", "group": "apps", "kind": "deployments"}})
        );
    }

    #[test]
    fn invalid_names_kind_fields_and_causes() {
        let mut errs = Errors::new();
        errs.invalid_value(&Path::new("spec").child("replicas"), -1, "must be greater than or equal to 0");
        let status = invalid(&GroupKind::new("apps", "Deployment"), "x", &errs);
        assert_eq!(
            status.message,
            "Deployment.apps \"x\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
        );
        assert_eq!(
            status.to_value()["details"]["causes"],
            json!([{"reason": "FieldValueInvalid", "message": "Invalid value: -1: must be greater than or equal to 0", "field": "spec.replicas"}])
        );
    }

    #[test]
    fn other_messages_are_upstreams() {
        let maps = GroupResource::new("", "configmaps");
        assert_eq!(
            object_modified(&maps, "x").message,
            "Operation cannot be fulfilled on configmaps \"x\": the object has been modified; \
             please apply your changes to the latest version and try again"
        );
        assert_eq!(forbidden(&maps, "x", "no").message, "configmaps \"x\" is forbidden: no");
        assert_eq!(forbidden(&maps, "", "no").message, "configmaps is forbidden: no");
        assert_eq!(too_many_requests("slow", 2).retry_after(), Some(2));
        assert_eq!(
            method_not_supported(&maps, "update").message,
            "update is not supported on resources of kind \"configmaps\""
        );
        assert_eq!(internal("boom").to_value()["details"], json!({"causes": [{"message": "boom"}]}));
        assert_eq!(too_large_resource_version(9, 3, 1).message, "Timeout: Too large resource version: 9, current: 3");
    }
}
