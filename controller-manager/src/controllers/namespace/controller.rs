//! The shell: runs a pass, writes conditions, finalizes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::informer::Informer;
use corvette_client::kube::api::PostParams;
use corvette_client::kube::{Api, Client};
use corvette_component::clock::SharedClock;
use k8s_openapi::api::core::v1::Namespace;

use super::conditions::{Findings, conditions};
use super::content::delete_all;
use crate::framework::{Action, Context, Controller, Error, Queue, is_not_found};

/// The finalizer that this controller answers to.
const FINALIZER: &str = "kubernetes";

/// The shortest and longest time between two passes.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));

struct NamespaceController {
    client: Client,
    clock: SharedClock,
    namespaces: Informer<Namespace>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let namespaces = cx.informers.of::<Namespace>();
    namespaces.on_change(move |change| {
        let namespace = change.object();
        if namespace.metadata.deletion_timestamp.is_some() {
            queue.add(NamespacedName::of(namespace.as_ref()));
        }
    });
    Arc::new(NamespaceController { client: cx.client.clone(), clock: cx.clock.clone(), namespaces })
}

#[async_trait]
impl Controller for NamespaceController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        if self.namespaces.get(key).is_none() {
            return Ok(Action::Done);
        }
        let api = Api::<Namespace>::all(self.client.clone());
        // The live object: writing conditions on a stale one would conflict again and again.
        let Some(namespace) = api.get_opt(&key.name).await? else { return Ok(Action::Done) };
        if namespace.metadata.deletion_timestamp.is_none() || !waits_for_us(&namespace) {
            return Ok(Action::Done);
        }
        let namespace = self.write(&api, namespace, None).await?;
        let findings = delete_all(&self.client, &key.name, self.clock.now()).await;
        let namespace = self.write(&api, namespace, Some(&findings)).await?;
        if findings.is_empty() {
            return self.finalize(&api, namespace).await;
        }
        tracing::debug!(namespace = %key.name, ?findings, "content remains");
        let wait = Duration::from_secs(findings.estimate) / 2;
        Ok(Action::After(wait.clamp(RETRY.0, RETRY.1)))
    }
}

fn waits_for_us(namespace: &Namespace) -> bool {
    let finalizers = namespace.spec.as_ref().and_then(|spec| spec.finalizers.as_ref());
    finalizers.is_some_and(|finalizers| finalizers.iter().any(|finalizer| finalizer == FINALIZER))
}

impl NamespaceController {
    /// Writes the phase, and the conditions after a pass, where they differ.
    async fn write(
        &self,
        api: &Api<Namespace>,
        namespace: Namespace,
        findings: Option<&Findings>,
    ) -> Result<Namespace, Error> {
        let mut status = namespace.status.clone().unwrap_or_default();
        status.phase = Some("Terminating".to_owned());
        if let Some(findings) = findings {
            let old = status.conditions.take().unwrap_or_default();
            status.conditions = Some(conditions(&old, findings, self.clock.now()));
        }
        if namespace.status.as_ref() == Some(&status) {
            return Ok(namespace);
        }
        let name = namespace.metadata.name.clone().unwrap_or_default();
        let next = Namespace { status: Some(status), ..namespace };
        match api.replace_status(&name, &PostParams::default(), &next).await {
            Ok(written) => Ok(written),
            Err(error) if is_not_found(&error) => Ok(next),
            Err(error) => Err(error.into()),
        }
    }

    async fn finalize(&self, api: &Api<Namespace>, mut namespace: Namespace) -> Result<Action, Error> {
        if let Some(finalizers) = namespace.spec.as_mut().and_then(|spec| spec.finalizers.as_mut()) {
            finalizers.retain(|finalizer| finalizer != FINALIZER);
        }
        let name = namespace.metadata.name.clone().unwrap_or_default();
        match api.replace_subresource("finalize", &name, &PostParams::default(), &namespace).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(Action::Done),
        }
    }
}
