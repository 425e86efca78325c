//! ServiceAccount: every pod runs as an account that exists.
//!
//! Follows `plugin/pkg/admission/serviceaccount/admission.go @ v1.36`. Tokens are not mounted while this server issues none.

use std::time::Duration;

use async_trait::async_trait;
use corvette_api::{meta, status::Status};
use serde_json::Value;

use super::{Attributes, Operation, Plugin};

/// Account of pods that name none.
const DEFAULT: &str = "default";
/// Annotation of pods a kubelet made from a file; they need no account.
const MIRROR: &str = "kubernetes.io/config.mirror";
/// The default account of a new namespace may still be under way: looks for it and the time between them.
const ATTEMPTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// The plugin.
pub struct ServiceAccount;

#[async_trait]
impl Plugin for ServiceAccount {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    async fn mutate(&self, attributes: &Attributes<'_>, pod: &mut Value) -> Result<(), Status> {
        if attributes.operation != Operation::Create || !attributes.is("", "pods") {
            return Ok(());
        }
        if meta::annotation(pod, MIRROR).is_some() {
            return Ok(());
        }
        let spec = meta::child_map(meta::as_map(pod), "spec");
        let given = spec.get("serviceAccountName").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = given.unwrap_or(DEFAULT).to_owned();
        spec.insert("serviceAccountName".to_owned(), name.as_str().into());
        spec.insert("serviceAccount".to_owned(), name.as_str().into());
        let Some(account) = find(attributes, &name).await? else {
            let detail = format!(
                "error looking up service account {}/{name}: serviceaccount \"{name}\" not found",
                attributes.namespace
            );
            return Err(super::forbidden(attributes, pod, detail));
        };
        let spec = meta::child_map(meta::as_map(pod), "spec");
        let has_secrets = spec.get("imagePullSecrets").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if let (false, Some(secrets)) = (has_secrets, account.get("imagePullSecrets")) {
            spec.insert("imagePullSecrets".to_owned(), secrets.clone());
        }
        Ok(())
    }
}

async fn find(attributes: &Attributes<'_>, name: &str) -> Result<Option<Value>, Status> {
    let mut pauses = tokio::time::interval(PAUSE);
    for _ in 0..if name == DEFAULT { ATTEMPTS } else { 1 } {
        pauses.tick().await;
        let found = attributes.app.object("", "serviceaccounts", Some(attributes.namespace), name).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
