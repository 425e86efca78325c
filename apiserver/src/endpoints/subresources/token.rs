//! `serviceaccounts/token`: issues tokens.
//!
//! Follows `pkg/registry/core/serviceaccount/storage/token.go: Create @ v1.36`.

use bytes::Bytes;
use corvette_api::{
    field::{Errors, Path},
    gvk::{GroupKind, GroupResource},
    meta,
    status::{self, Status},
    time,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    endpoints::{
        call::Call,
        codec::{self, Expected},
        create, get,
        options::WriteOptions,
        reply::Reply,
    },
    tokens::{Bound, Claims, Issuer, Reference, USER_PREFIX},
};

const EXPECTED: Expected<'static> = Expected {
    api_version: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    definition: Some("io.k8s.api.authentication.v1.TokenRequest"),
};
/// Lifetime of tokens that ask for none, seconds.
const DEFAULT_LIFETIME: i64 = 3600;
/// Shortest and longest lifetimes, seconds.
const SHORTEST: i64 = 600;
const LONGEST: i64 = 1 << 32;
/// The lifetime that admission gives the tokens of pods; clients that never read the file again are warned of, not failed.
pub const INJECTED_LIFETIME: i64 = 3607;
/// How long such a token really holds, seconds.
const EXTENDED_LIFETIME: i64 = 365 * 24 * 3600;

/// Answers a token request.
///
/// # Errors
/// 404 without an issuer or account, 400 and 409 for what it cannot be bound to, 422 for bad lifetimes.
pub async fn handle(call: &Call, body: Bytes) -> Result<Reply, Status> {
    let Some(issuer) = &call.app.config.issuer else { return Err(status::no_such_resource()) };
    let options = WriteOptions::parse(&call.info.query, "CreateOptions")?;
    let mut request = codec::decode_body(call, &body, EXPECTED, options.field_validation)?;
    create::match_namespace(call, &mut request)?;
    let name = call.info.name.clone();
    match meta::name(&request) {
        "" => meta::set_name(&mut request, &name),
        given if given != name => {
            let message =
                format!("metadata.name: Invalid value: \"{given}\": must match the service account name if specified");
            return Err(status::bad_request(message));
        }
        _ => {}
    }
    let spec = meta::child_map(meta::as_map(&mut request), "spec");
    let audiences = spec.entry("audiences").or_insert_with(|| json!([]));
    if audiences.as_array().is_none_or(Vec::is_empty) {
        *audiences = json!([issuer.url()]);
    }
    spec.entry("expirationSeconds").or_insert_with(|| DEFAULT_LIFETIME.into());
    let lifetime = lifetime(&request)?;
    let account = get::stored(call).await?;
    let now = call.app.clock.now();
    let claims = claims(call, issuer, &request, &account, now)?;
    meta::set_creation_timestamp(&mut request, now);
    if !options.dry_run {
        let token =
            issuer.sign(&claims).map_err(|error| status::internal(format!("failed to generate token: {error}")))?;
        let expires = time::format(after(now, lifetime));
        let answer = json!({"token": token, "expirationTimestamp": expires});
        meta::as_map(&mut request).insert("status".to_owned(), answer);
    }
    Ok(Reply::Object(StatusCode::CREATED, request))
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

fn lifetime(request: &Value) -> Result<i64, Status> {
    let seconds = request.pointer("/spec/expirationSeconds").and_then(Value::as_i64).unwrap_or_default();
    let path = Path::new("spec").child("expirationSeconds");
    let mut errors = Errors::default();
    if seconds < SHORTEST {
        errors.invalid_value(&path, seconds, "may not specify a duration less than 10 minutes");
    }
    if seconds > LONGEST {
        errors.invalid_value(&path, seconds, "may not specify a duration larger than 2^32 seconds");
    }
    if errors.is_empty() {
        return Ok(seconds);
    }
    Err(status::invalid(&GroupKind::new("authentication.k8s.io", "TokenRequest"), meta::name(request), &errors))
}

fn claims(call: &Call, issuer: &Issuer, request: &Value, account: &Value, now: Timestamp) -> Result<Claims, Status> {
    let aud = texts(request.pointer("/spec/audiences"));
    let mut bound = Bound {
        namespace: meta::namespace(account).to_owned(),
        node: None,
        pod: None,
        secret: None,
        serviceaccount: reference(account),
        warnafter: None,
    };
    if let Some(object) = request.pointer("/spec/boundObjectRef").filter(|value| value.is_object()) {
        bind(call, object, account, &mut bound)?;
    }
    let mut lifetime = request.pointer("/spec/expirationSeconds").and_then(Value::as_i64).unwrap_or_default();
    let for_server = aud.iter().any(|audience| audience == issuer.url());
    if lifetime == INJECTED_LIFETIME && bound.pod.is_some() && for_server {
        bound.warnafter = Some(now.as_second() + lifetime);
        lifetime = EXTENDED_LIFETIME;
    }
    Ok(Claims {
        aud,
        exp: after(now, lifetime).as_second(),
        iat: now.as_second(),
        iss: issuer.url().to_owned(),
        jti: Uuid::new_v4().to_string(),
        sub: format!("{USER_PREFIX}{}:{}", bound.namespace, bound.serviceaccount.name),
        bound,
        nbf: now.as_second(),
    })
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn reference(object: &Value) -> Reference {
    Reference { name: meta::name(object).to_owned(), uid: meta::uid(object).to_owned() }
}

/// Binds the token to the object the client names.
fn bind(call: &Call, wanted: &Value, account: &Value, bound: &mut Bound) -> Result<(), Status> {
    let (api_version, kind) = (text(wanted, "apiVersion"), text(wanted, "kind"));
    let (name, uid) = (text(wanted, "name"), text(wanted, "uid"));
    let app = &call.app;
    let find = |resource: &'static str, namespace: Option<&str>| {
        let found = app.cached("", resource, namespace, name)?;
        found.ok_or_else(|| status::not_found(&GroupResource::new("", resource), name))
    };
    let object = match (api_version, kind) {
        ("v1", "Pod") => {
            let pod = find("pods", Some(&bound.namespace))?;
            let running_as = pod.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or_default();
            if running_as != meta::name(account) {
                return Err(status::bad_request(format!(
                    "cannot bind token for serviceaccount \"{}\" to pod running with different serviceaccount name.",
                    meta::name(account)
                )));
            }
            bound.pod = Some(reference(&pod));
            if let Some(node) = pod.pointer("/spec/nodeName").and_then(Value::as_str).filter(|node| !node.is_empty()) {
                let uid = app.cached("", "nodes", None, node)?.map(|node| meta::uid(&node).to_owned());
                bound.node = Some(Reference { name: node.to_owned(), uid: uid.unwrap_or_default() });
            }
            pod
        }
        ("v1", "Secret") => {
            let secret = find("secrets", Some(&bound.namespace))?;
            bound.secret = Some(reference(&secret));
            secret
        }
        ("v1", "Node") => {
            let node = find("nodes", None)?;
            bound.node = Some(reference(&node));
            node
        }
        _ => {
            let (group, version) = corvette_api::gvk::split_api_version(api_version);
            return Err(status::bad_request(format!(
                "cannot bind token to object of type {group}/{version}, Kind={kind}"
            )));
        }
    };
    if uid.is_empty() || uid == meta::uid(&object) {
        return Ok(());
    }
    let detail = format!(
        "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
    );
    Err(status::conflict(
        &GroupResource { group: String::new().into(), resource: kind.to_owned().into() },
        name,
        detail,
    ))
}
