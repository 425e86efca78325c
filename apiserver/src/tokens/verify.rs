//! Whether a token still stands.

use corvette_api::{meta, status::Status, time};
use serde_json::Value;

use super::{Claims, GROUP, Issuer, Reference, USER_PREFIX};
use crate::{App, UserInfo, reader::At};

/// How far clocks may differ, seconds; a deleted object keeps its tokens as long.
const LEEWAY: i64 = 60;
/// Extra facts of users.
const EXTRA: &str = "authentication.kubernetes.io";

/// Why a token is not accepted, in upstream's words (`pkg/serviceaccount/claims.go: Validate @ v1.36`).
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The token does not stand.
    #[error("{0}")]
    Token(String),
    /// An object that the token is bound to is not there.
    #[error("{0}")]
    Missing(String),
    /// The server cannot tell.
    #[error("{}", .0.message)]
    Server(Status),
}

impl Refusal {
    fn token(reason: impl Into<String>) -> Self {
        Self::Token(reason.into())
    }
}

/// An accepted token.
#[derive(Debug)]
pub struct Verified {
    /// Whose it is.
    pub user: UserInfo,
    /// Those of the wanted audiences it is meant for.
    pub audiences: Vec<String>,
}

/// Accepts a token that is good now, for one of `audiences`, and whose objects are all still there.
///
/// # Errors
/// Why not.
pub async fn verify(app: &App, issuer: &Issuer, token: &str, audiences: &[String]) -> Result<Verified, Refusal> {
    match verify_cached(app, issuer, token, audiences) {
        // The token may be newer than the cache: another server has issued it.
        Err(Refusal::Missing(_)) => app.reader.wait(At::Latest).await.map_err(Refusal::Server)?,
        decided => return decided,
    }
    verify_cached(app, issuer, token, audiences)
}

fn verify_cached(app: &App, issuer: &Issuer, token: &str, audiences: &[String]) -> Result<Verified, Refusal> {
    let claims = issuer.read(token).map_err(|error| Refusal::token(format!("invalid bearer token, {error}")))?;
    let audiences: Vec<String> = claims.aud.iter().filter(|audience| audiences.contains(audience)).cloned().collect();
    if audiences.is_empty() {
        let message = format!("invalid bearer token, token audiences {:?} is invalid for the target", claims.aud);
        return Err(Refusal::Token(message));
    }
    let now = app.clock.now().as_second();
    if now - LEEWAY > claims.exp {
        return Err(Refusal::token("service account token has expired"));
    }
    if now + LEEWAY < claims.nbf {
        return Err(Refusal::token("service account token is not valid yet"));
    }
    still_bound(app, &claims, now)?;
    Ok(Verified { user: user(&claims), audiences })
}

fn still_bound(app: &App, claims: &Claims, now: i64) -> Result<(), Refusal> {
    let bound = &claims.bound;
    let (namespace, account) = (bound.namespace.as_str(), &bound.serviceaccount);
    let object = Objects { app, now };
    let Some(found) = object.find("serviceaccounts", Some(namespace), &account.name)? else {
        return Err(Refusal::Missing(format!("serviceaccounts \"{}\" not found", account.name)));
    };
    if object.is_gone(&found) {
        return Err(Refusal::Token(format!("service account {namespace}/{} has been deleted", account.name)));
    }
    if meta::uid(&found) != account.uid {
        let message = format!("service account UID ({}) does not match claim ({})", meta::uid(&found), account.uid);
        return Err(Refusal::Token(message));
    }
    object.check("secrets", "secret", Some(namespace), bound.secret.as_ref())?;
    object.check("pods", "pod", Some(namespace), bound.pod.as_ref())?;
    // The node of a pod's token only tells where the pod is.
    if bound.pod.is_none() {
        object.check("nodes", "node", None, bound.node.as_ref())?;
    }
    Ok(())
}

struct Objects<'a> {
    app: &'a App,
    now: i64,
}

impl Objects<'_> {
    fn find(&self, resource: &str, namespace: Option<&str>, name: &str) -> Result<Option<Value>, Refusal> {
        self.app.cached("", resource, namespace, name).map_err(Refusal::Server)
    }

    fn is_gone(&self, object: &Value) -> bool {
        let deleted = meta::deletion_timestamp(object).and_then(|at| time::parse(at).ok());
        deleted.is_some_and(|at| at.as_second() < self.now - LEEWAY)
    }

    fn check(
        &self,
        resource: &str,
        word: &str,
        namespace: Option<&str>,
        reference: Option<&Reference>,
    ) -> Result<(), Refusal> {
        let Some(reference) = reference else { return Ok(()) };
        let found = self.find(resource, namespace, &reference.name)?.filter(|object| !self.is_gone(object));
        let Some(found) = found else {
            return Err(Refusal::Missing("service account token has been invalidated".to_owned()));
        };
        let uid = meta::uid(&found);
        if uid == reference.uid {
            return Ok(());
        }
        let claimed = &reference.uid;
        let message = format!("{word} UID ({uid}) does not match service account {word} ref claim ({claimed})");
        Err(Refusal::Token(message))
    }
}

fn user(claims: &Claims) -> UserInfo {
    let bound = &claims.bound;
    let groups = [GROUP, &format!("{GROUP}:{}", bound.namespace)];
    let mut user = UserInfo::new(&format!("{USER_PREFIX}{}:{}", bound.namespace, bound.serviceaccount.name), &groups);
    user.uid.clone_from(&bound.serviceaccount.uid);
    let mut add = |key: &str, value: &str| user.extra.insert(format!("{EXTRA}/{key}"), vec![value.to_owned()]);
    add("credential-id", &format!("JTI={}", claims.jti));
    for (word, reference) in [("pod", &bound.pod), ("node", &bound.node)] {
        let Some(reference) = reference else { continue };
        add(&format!("{word}-name"), &reference.name);
        if !reference.uid.is_empty() {
            add(&format!("{word}-uid"), &reference.uid);
        }
    }
    user
}
