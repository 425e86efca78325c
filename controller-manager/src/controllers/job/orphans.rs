//! Pods that hold the finalizer although no job counts them: their job is gone or has let them go.

use std::sync::Arc;

use corvette_client::NamespacedName;
use corvette_client::informer::Informer;
use corvette_client::kube::api::{Patch, PatchParams};
use corvette_client::kube::{self, Api, Client, ResourceExt as _};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::json;

use super::model::{FINALIZER, has_finalizer};
use crate::controllers::shared::claim::controller_of;
use crate::framework::{Error, Queue, is_not_found};

/// Marks the key of a pod among those of jobs; no name begins with it.
const MARK: char = ':';

/// Adds keys of pods that hold the finalizer and have no job.
pub fn watch(pods: &Informer<Pod>, queue: Queue) {
    pods.on_change(move |change| {
        let pod = change.object();
        if has_finalizer(pod) && job_of(pod).is_none() {
            let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
            queue.add(NamespacedName::new(namespace, format!("{MARK}{name}")));
        }
    });
}

/// Returns the name of the pod if the key is one of a pod.
pub fn pod_name(key: &NamespacedName) -> Option<&str> {
    key.name.strip_prefix(MARK)
}

fn job_of(pod: &Pod) -> Option<&OwnerReference> {
    controller_of(&pod.metadata).filter(|owner| owner.kind == "Job")
}

/// Returns the pods that still name the job of `key`, which is gone, and hold the finalizer.
pub fn left_by(pods: &Informer<Pod>, key: &NamespacedName) -> Vec<Arc<Pod>> {
    let mut pods = pods.in_namespace(&key.namespace);
    pods.retain(|pod| has_finalizer(pod) && job_of(pod).is_some_and(|owner| owner.name == key.name));
    pods
}

/// Takes the finalizer off, if the pod exists and holds it and no job owns it.
///
/// # Errors
/// The API's.
pub async fn free(client: &Client, pods: &Informer<Pod>, key: &NamespacedName, pod: &str) -> Result<(), Error> {
    let found = pods.get(&NamespacedName::new(&key.namespace, pod));
    match found.filter(|pod| has_finalizer(pod) && job_of(pod).is_none()) {
        Some(pod) => Ok(release(client, &pod).await?),
        None => Ok(()),
    }
}

/// Takes the finalizer off a pod; one that is gone has none.
///
/// # Errors
/// The API's.
pub async fn release(client: &Client, pod: &Pod) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {"uid": pod.metadata.uid, "$deleteFromPrimitiveList/finalizers": [FINALIZER]}});
    match change(client, pod, patch).await {
        // Gone, or another pod has its name.
        Err(error) if is_not_found(&error) || crate::framework::is_status(&error, 409, "Conflict") => Ok(()),
        other => other,
    }
}

/// Puts the finalizer on a pod that was adopted.
///
/// # Errors
/// The API's.
pub async fn hold(client: &Client, pod: &Pod) -> Result<(), kube::Error> {
    change(client, pod, json!({"metadata": {"uid": pod.metadata.uid, "finalizers": [FINALIZER]}})).await
}

async fn change(client: &Client, pod: &Pod, patch: serde_json::Value) -> Result<(), kube::Error> {
    let api = Api::<Pod>::namespaced(client.clone(), pod.metadata.namespace.as_deref().unwrap_or_default());
    api.patch(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(patch)).await.map(drop)
}
