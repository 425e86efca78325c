//! Service account tokens bound to pods, asked for by TokenRequest and kept until they should be renewed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use corvette_component::clock::SharedClock;
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount, ServiceAccountTokenProjection};
use kube::api::PostParams;
use kube::{Api, Client};
use parking_lot::Mutex;

use super::Error;
use crate::pods::backoff::since;
use crate::pods::spec;

/// Deadline of one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Age at which a token is renewed whatever its lifetime.
const RENEW_AFTER: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone)]
struct Cached {
    token: String,
    from: Timestamp,
    lifetime: Duration,
}

impl Cached {
    /// Renewed at four fifths of its lifetime, as upstream.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let age = since(self.from, now);
        age < RENEW_AFTER && age < self.lifetime * 4 / 5
    }
}

type Key = (String, String, String, i64);

struct Inner {
    client: Client,
    clock: SharedClock,
    cache: Mutex<HashMap<Key, Cached>>,
}

/// Gives tokens. Clones share the same cache.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// Makes it.
    pub fn new(client: Client, clock: SharedClock) -> Self {
        Self(Arc::new(Inner { client, clock, cache: Mutex::default() }))
    }

    /// Gives a token for the pod's service account.
    ///
    /// # Errors
    /// [`Error::Missing`] when the API gives none.
    pub async fn get(&self, pod: &Pod, source: &ServiceAccountTokenProjection) -> Result<String, Error> {
        let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
        let seconds = source.expiration_seconds.unwrap_or(3600);
        let audience = source.audience.clone().unwrap_or_default();
        let key = (spec::uid(pod).to_owned(), account.to_owned(), audience.clone(), seconds);
        let now = self.0.clock.now();
        let cached = self.0.cache.lock().get(&key).cloned();
        if let Some(cached) = cached.as_ref().filter(|cached| cached.is_fresh(now)) {
            return Ok(cached.token.clone());
        }
        match self.request(pod, account, audience, seconds).await {
            Ok(fresh) => {
                let token = fresh.token.clone();
                self.0.cache.lock().insert(key, fresh);
                Ok(token)
            }
            // An old token that still holds is better than none.
            Err(_) if cached.as_ref().is_some_and(|c| since(c.from, now) < c.lifetime) => {
                Ok(cached.map(|cached| cached.token).unwrap_or_default())
            }
            Err(reason) => Err(Error::Missing(format!("failed to fetch token: {reason}"))),
        }
    }

    /// Forgets a pod's tokens.
    pub fn forget(&self, uid: &str) {
        self.0.cache.lock().retain(|key, _| key.0 != uid);
    }

    async fn request(&self, pod: &Pod, account: &str, audience: String, seconds: i64) -> Result<Cached, String> {
        let bound = BoundObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            name: Some(spec::name(pod).to_owned()),
            uid: Some(spec::uid(pod).to_owned()),
        };
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                audiences: (!audience.is_empty()).then(|| vec![audience]),
                bound_object_ref: Some(bound),
                expiration_seconds: Some(seconds),
            }),
            ..TokenRequest::default()
        };
        let api: Api<ServiceAccount> = Api::namespaced(self.0.client.clone(), spec::namespace(pod));
        let parameters = PostParams::default();
        let call = api.create_token_request(account, &parameters, &request);
        let answer = match tokio::time::timeout(TIMEOUT, call).await {
            Ok(answer) => answer.map_err(|error| error.to_string())?,
            Err(_) => return Err("timed out waiting for the API server".to_owned()),
        };
        let (token, expires) = answer
            .status
            .and_then(|status| status.token.zip(status.expiration_timestamp))
            .ok_or("the API server's answer has no token")?;
        let from = self.0.clock.now();
        Ok(Cached { token, from, lifetime: since(from, expires.0) })
    }
}
