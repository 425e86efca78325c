//! ServiceAccount: every pod runs as an account that exists.
//!
//! Follows `plugin/pkg/admission/serviceaccount/admission.go @ v1.36`.

use std::time::Duration;

use async_trait::async_trait;
use corvette_api::{meta, status::Status};
use serde_json::{Map, Value, json};

use super::{Attributes, Operation, Plugin};
use crate::endpoints::{create, subresources::INJECTED_LIFETIME};

/// Account of pods that name none.
const DEFAULT: &str = "default";
/// Annotation of pods a kubelet made from a file; they need no account.
const MIRROR: &str = "kubernetes.io/config.mirror";
/// Beginning of the name of the volume with the token, and where it is mounted.
const TOKEN_VOLUME: &str = "kube-api-access-";
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
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
        if attributes.app.config.issuer.is_some() && wants_token(spec, &account) {
            mount_token(spec);
        }
        Ok(())
    }
}

/// Tells whether the pod, or else its account, lets a token be mounted.
fn wants_token(spec: &Map<String, Value>, account: &Value) -> bool {
    let said = |map: Option<&Value>| map.and_then(Value::as_bool);
    let field = "automountServiceAccountToken";
    said(spec.get(field)).or_else(|| said(account.get(field))).unwrap_or(true)
}

/// Mounts a volume with token, authority and namespace into each container that has nothing at its place.
fn mount_token(spec: &mut Map<String, Value>) {
    let volumes = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
    let names = volumes.filter_map(|volume| volume.get("name").and_then(Value::as_str));
    let existing = names.into_iter().find(|name| name.starts_with(TOKEN_VOLUME)).map(str::to_owned);
    let is_new = existing.is_none();
    let name = existing.unwrap_or_else(|| create::generated_name(TOKEN_VOLUME));
    let mut used = false;
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            used |= mount(container, &name);
        }
    }
    if used && is_new {
        meta::child_list(spec, "volumes").push(json!({
            "name": name,
            "projected": {"sources": [
                {"serviceAccountToken": {"expirationSeconds": INJECTED_LIFETIME, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
            ]},
        }));
    }
}

/// Returns whether the mount was added.
fn mount(container: &mut Value, volume: &str) -> bool {
    let mounts = meta::child_list(meta::as_map(container), "volumeMounts");
    if mounts.iter().any(|mount| mount.get("mountPath").and_then(Value::as_str) == Some(TOKEN_PATH)) {
        return false;
    }
    mounts.push(json!({"name": volume, "readOnly": true, "mountPath": TOKEN_PATH}));
    true
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
