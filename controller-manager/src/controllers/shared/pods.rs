//! Questions about pods, and the shared pod cache with its indexes.

use std::time::Duration;

use corvette_client::informer::{Informer, Informers};
use corvette_client::kube::{Resource, ResourceExt as _};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodCondition, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::claim::controller_of;

/// The index by the uid of the controlling owner.
pub const BY_CONTROLLER: &str = "controller";
/// The index of objects without a controlling owner, by namespace.
pub const ORPHANS: &str = "orphans";
/// The index of pods by the node they are bound to.
pub const BY_NODE: &str = "node";

/// Returns the pod cache with the indexes that controllers use.
pub fn informer(informers: &Informers) -> Informer<Pod> {
    let pods = informers.of::<Pod>();
    index_owners(&pods);
    pods.index(BY_NODE, |pod| node_name(pod).map(str::to_owned).into_iter().collect());
    pods
}

/// Indexes a cache by controlling owner and by lack of one.
pub fn index_owners<K: Resource + Send + Sync + 'static>(informer: &Informer<K>) {
    informer.index(BY_CONTROLLER, |object| {
        controller_of(object.meta()).map(|owner| owner.uid.clone()).into_iter().collect()
    });
    informer.index(ORPHANS, |object| {
        let orphan = controller_of(object.meta()).is_none();
        orphan.then(|| object.meta().namespace.clone().unwrap_or_default()).into_iter().collect()
    });
}

/// Returns the phase, `Pending` when unset.
pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// Says whether all containers have ended for good.
pub fn is_terminal(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Says whether the pod counts: neither finished nor being deleted.
pub fn is_active(pod: &Pod) -> bool {
    !is_terminal(pod) && pod.metadata.deletion_timestamp.is_none()
}

/// Returns the node the pod is bound to.
pub fn node_name(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).filter(|name| !name.is_empty())
}

/// Returns a condition of the pod.
pub fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    pod.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == kind)
}

/// Says whether the pod's `Ready` condition is true.
pub fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition.status == "True")
}

/// Returns since when the pod has been ready.
pub fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let ready = condition(pod, "Ready").filter(|condition| condition.status == "True")?;
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// Returns how long the pod still has to stay ready to be available; `None` when it is not ready.
pub fn until_available(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> Option<Duration> {
    if !is_ready(pod) {
        return None;
    }
    if min_ready_seconds <= 0 {
        return Some(Duration::ZERO);
    }
    let due = ready_since(pod)?.saturating_add(SignedDuration::from_secs(min_ready_seconds.into())).ok()?;
    Some(Duration::try_from(due.duration_since(now)).unwrap_or_default())
}

/// Says whether the pod has been ready for at least `min_ready_seconds`.
pub fn is_available(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> bool {
    until_available(pod, min_ready_seconds, now).is_some_and(|rest| rest.is_zero())
}

/// Makes the pod that `template` describes, owned by `owner`; the server completes its name.
pub fn from_template(template: &PodTemplateSpec, owner_name: &str, namespace: &str, owner: OwnerReference) -> Pod {
    let meta = template.metadata.clone().unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{owner_name}-")),
            namespace: Some(namespace.to_owned()),
            labels: meta.labels,
            annotations: meta.annotations,
            finalizers: meta.finalizers,
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

/// Says whether every label of the template is on the pod.
pub fn has_labels_of(pod: &Pod, template: &PodTemplateSpec) -> bool {
    let wanted = template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    wanted.is_none_or(|wanted| wanted.iter().all(|(key, value)| pod.labels().get(key) == Some(value)))
}
