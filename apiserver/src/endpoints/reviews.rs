//! Resources that are computed: reviews of identity and access, bindings, component statuses.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use corvette_api::{
    field::{Errors, Path},
    meta,
    status::{self, Status},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    call::Call,
    codec::{self, Expected},
    create, list,
    options::WriteOptions,
    reply::Reply,
    subresources,
};
use crate::{
    UserInfo,
    filters::{
        authz::{Attributes, Decision},
        request_info::Verb,
    },
    registry::Virtual,
    tokens::{self, Refusal},
    user::SYSTEM_MASTERS,
};

/// Serves a computed resource.
///
/// # Errors
/// The status the client sees.
pub async fn handle(call: &Call, review: Virtual, body: Bytes) -> Result<Reply, Status> {
    match review {
        Virtual::Binding => return subresources::bind(call, "", &body).await,
        Virtual::ComponentStatus => return component_status(call).await,
        _ => {}
    }
    let options = WriteOptions::parse(&call.info.query, "CreateOptions")?;
    let mut object = codec::decode_body(call, &body, Expected::of_row(call), options.field_validation)?;
    create::match_namespace(call, &mut object)?;
    let answer = match review {
        Virtual::SelfSubjectReview => json!({"userInfo": user_info(&call.user)}),
        Virtual::TokenReview => token_review(call, &object).await?,
        Virtual::SelfSubjectRulesReview => {
            if object.pointer("/spec/namespace").and_then(Value::as_str).unwrap_or_default().is_empty() {
                return Err(status::bad_request("no namespace on request"));
            }
            // Upstream does not repeat what was asked.
            meta::as_map(&mut object).insert("spec".to_owned(), json!({}));
            rules(&call.user)
        }
        Virtual::SelfSubjectAccessReview => {
            check_access(call, &object, &[])?;
            access(call, &object, Arc::clone(&call.user))
        }
        _ => {
            let user = subject(&object);
            check_access(call, &object, &[&user])?;
            access(call, &object, Arc::new(user))
        }
    };
    meta::metadata_mut(&mut object);
    meta::as_map(&mut object).insert("status".to_owned(), answer);
    Ok(Reply::Object(StatusCode::CREATED, object))
}

/// Checks what is asked about whom (`pkg/apis/authorization/validation @ v1.36`). A local review is about a resource in the
/// namespace it is made in.
fn check_access(call: &Call, object: &Value, subjects: &[&UserInfo]) -> Result<(), Status> {
    let [resource, path] = ["/spec/resourceAttributes", "/spec/nonResourceAttributes"]
        .map(|at| object.pointer(at).filter(|v| v.is_object()));
    let at = |field: &'static str| Path::new("spec").child(field);
    // By the names they have in upstream's code.
    let shown = |path: &Value| json!({"Path": text(path, "path"), "Verb": text(path, "verb")});
    let mut errors = Errors::default();
    match (resource, path) {
        (Some(_), Some(path)) => errors.invalid_value(
            &at("nonResourceAttributes"),
            shown(path),
            "cannot be specified in combination with resourceAttributes",
        ),
        (None, None) => errors.invalid_value(
            &at("resourceAttributes"),
            Value::Null,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        _ => {}
    }
    if subjects.iter().any(|user| user.name.is_empty() && user.groups.is_empty()) {
        errors.invalid_value(&at("user"), "", "at least one of user or group must be specified");
    }
    if call.row.is_namespaced() {
        if let Some(asked) = resource.map(|asked| text(asked, "namespace"))
            && asked != meta::namespace(object)
        {
            errors.invalid_value(&at("resourceAttributes").child("namespace"), asked, "must match metadata.namespace");
        }
        if let Some(path) = path {
            errors.invalid_value(&at("nonResourceAttributes"), shown(path), "disallowed on this kind of request");
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(status::invalid(&call.row.group_kind(), "", &errors)) }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn user_info(user: &UserInfo) -> Value {
    let mut info = json!({"username": user.name, "groups": user.groups});
    if let Some(map) = info.as_object_mut() {
        if !user.uid.is_empty() {
            map.insert("uid".to_owned(), user.uid.as_str().into());
        }
        if !user.extra.is_empty() {
            map.insert("extra".to_owned(), json!(user.extra));
        }
    }
    info
}

async fn token_review(call: &Call, object: &Value) -> Result<Value, Status> {
    let token = object.pointer("/spec/token").and_then(Value::as_str).unwrap_or_default();
    if token.is_empty() {
        return Err(status::bad_request(format!("token is required for {} in authentication", call.row.kind)));
    }
    let Some(issuer) = &call.app.config.issuer else { return Ok(json!({"user": {}})) };
    let wanted = texts(object.pointer("/spec/audiences"));
    let audiences = if wanted.is_empty() { vec![issuer.url().to_owned()] } else { wanted.clone() };
    match tokens::verify(&call.app, issuer, token, &audiences).await {
        Ok(verified) => {
            let mut answer = json!({"authenticated": true, "user": user_info(&verified.user)});
            if !wanted.is_empty() {
                meta::as_map(&mut answer).insert("audiences".to_owned(), json!(verified.audiences));
            }
            Ok(answer)
        }
        Err(Refusal::Server(failed)) => Err(failed),
        Err(refused) => Ok(json!({"user": {}, "error": refused.to_string()})),
    }
}

fn rules(user: &UserInfo) -> Value {
    if user.in_group(SYSTEM_MASTERS) {
        return json!({
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "incomplete": false,
        });
    }
    json!({
        "resourceRules": [
            {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]},
            {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
        ],
        "nonResourceRules": [
            {"verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"]},
        ],
        "incomplete": false,
    })
}

fn subject(object: &Value) -> UserInfo {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let extra: BTreeMap<String, Vec<String>> = spec
        .get("extra")
        .and_then(Value::as_object)
        .map(|map| map.iter().map(|(key, value)| (key.clone(), texts(Some(value)))).collect())
        .unwrap_or_default();
    UserInfo {
        name: text(spec, "user").to_owned(),
        uid: text(spec, "uid").to_owned(),
        groups: texts(spec.get("groups")),
        extra,
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn access(call: &Call, object: &Value, user: Arc<UserInfo>) -> Value {
    match call.app.authorizers.decide(&attributes(object, user)) {
        Decision::Allow(reason) => with_reason(json!({"allowed": true}), reason),
        Decision::Deny(reason) => with_reason(json!({"allowed": false, "denied": true}), reason),
        Decision::NoOpinion(reason) => with_reason(json!({"allowed": false}), reason),
    }
}

fn with_reason(mut answer: Value, reason: String) -> Value {
    if !reason.is_empty() {
        meta::as_map(&mut answer).insert("reason".to_owned(), reason.into());
    }
    answer
}

fn attributes(object: &Value, user: Arc<UserInfo>) -> Attributes {
    let resource = object.pointer("/spec/resourceAttributes").filter(|value| value.is_object());
    let asked = resource.or_else(|| object.pointer("/spec/nonResourceAttributes")).unwrap_or(&Value::Null);
    let text = |field: &str| text(asked, field).to_owned();
    Attributes {
        user,
        verb: text("verb"),
        is_resource: resource.is_some(),
        group: text("group"),
        version: text("version"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
        path: text("path"),
    }
}

async fn component_status(call: &Call) -> Result<Reply, Status> {
    let reachable = call.app.reader.revision().await.is_ok();
    let condition = if reachable {
        json!({"type": "Healthy", "status": "True", "message": "ok"})
    } else {
        json!({"type": "Healthy", "status": "False", "message": "the store does not answer"})
    };
    let item = json!({"kind": "ComponentStatus", "apiVersion": "v1", "metadata": {"name": "etcd-0"}, "conditions": [condition]});
    call.warn("v1 ComponentStatus is deprecated in v1.19+");
    match call.info.verb {
        Verb::List => Ok(Reply::ok(list::viewed(call, json!({}), vec![item])?)),
        _ if call.info.name == "etcd-0" => Ok(Reply::ok(item)),
        _ => Err(call.not_found()),
    }
}
