//! The claims of pods: made from templates, owned as the retention policy says. Pure.
//!
//! Follows pkg/controller/statefulset/stateful_set_utils.go @ v1.36.

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::identity::{claim_name, number_of, numbers, templates};
use crate::controllers::shared::claim::{controller_of, controller_ref};

/// Whose end a claim shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Set,
    Pod,
}

/// Makes the claims of the pod called `pod`.
pub fn make(set: &StatefulSet, pod: &str) -> Vec<PersistentVolumeClaim> {
    let selector = set.spec.as_ref().and_then(|spec| spec.selector.match_labels.clone()).unwrap_or_default();
    let owned = policy(set, |policy| policy.when_deleted.as_deref()) && set.metadata.deletion_timestamp.is_none();
    let claim = |template: &PersistentVolumeClaim| {
        let mut labels = template.metadata.labels.clone().unwrap_or_default();
        labels.extend(selector.clone());
        PersistentVolumeClaim {
            metadata: ObjectMeta {
                name: Some(claim_name(template, pod)),
                namespace: set.namespace(),
                labels: (!labels.is_empty()).then_some(labels),
                annotations: template.metadata.annotations.clone(),
                finalizers: template.metadata.finalizers.clone(),
                owner_references: owned.then(|| vec![controller_ref(set)]),
                ..ObjectMeta::default()
            },
            spec: template.spec.clone(),
            status: None,
        }
    };
    templates(set).iter().map(claim).collect()
}

/// Says whether the policy that `part` picks is to delete.
fn policy(set: &StatefulSet, part: impl Fn(&StatefulSetPersistentVolumeClaimRetentionPolicy) -> Option<&str>) -> bool {
    let policy = set.spec.as_ref().and_then(|spec| spec.persistent_volume_claim_retention_policy.as_ref());
    policy.and_then(part) == Some("Delete")
}

/// Says whether claims are deleted when the set gets smaller.
pub fn deletes_when_scaled(set: &StatefulSet) -> bool {
    policy(set, |policy| policy.when_scaled.as_deref())
}

fn wanted(set: &StatefulSet, pod: &Pod) -> Owner {
    let condemned = !number_of(&set.name_any(), pod).is_some_and(|number| numbers(set).contains(&number));
    if deletes_when_scaled(set) && condemned {
        Owner::Pod
    } else if policy(set, |policy| policy.when_deleted.as_deref()) {
        Owner::Set
    } else {
        Owner::Nobody
    }
}

/// Returns `claim` with the owners that the policy asks for; `None` when it has them or belongs to another controller.
pub fn owned(set: &StatefulSet, pod: &Pod, claim: &PersistentVolumeClaim) -> Option<PersistentVolumeClaim> {
    let ours = |owner: &OwnerReference| Some(&owner.uid) == set.metadata.uid.as_ref() || is_pod(owner, pod);
    if controller_of(&claim.metadata).is_some_and(|owner| !ours(owner)) {
        return None;
    }
    let mut owners: Vec<OwnerReference> =
        claim.owner_references().iter().filter(|owner| !ours(owner)).cloned().collect();
    match wanted(set, pod) {
        Owner::Nobody => {}
        Owner::Set => owners.push(controller_ref(set)),
        Owner::Pod => owners.push(controller_ref(pod)),
    }
    let same =
        owners.len() == claim.owner_references().len() && owners.iter().all(|o| claim.owner_references().contains(o));
    let metadata = ObjectMeta { owner_references: Some(owners), ..claim.metadata.clone() };
    (!same).then(|| PersistentVolumeClaim { metadata, ..claim.clone() })
}

/// Recognises the pod and any predecessor of the same name.
fn is_pod(owner: &OwnerReference, pod: &Pod) -> bool {
    owner.kind == "Pod" && Some(&owner.name) == pod.metadata.name.as_ref()
}

/// Says whether a claim will go with a predecessor of the pod called `pod`, so that a new pod must wait.
pub fn is_stale(claim: &PersistentVolumeClaim, pod: &str) -> bool {
    claim.owner_references().iter().any(|owner| owner.kind == "Pod" && owner.name == pod)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::StatefulSetSpec;

    use super::*;

    fn meta(name: &str) -> ObjectMeta {
        ObjectMeta { name: Some(name.to_owned()), uid: Some(format!("uid-{name}")), ..ObjectMeta::default() }
    }

    fn set(deleted: &str, scaled: &str) -> StatefulSet {
        let policy = StatefulSetPersistentVolumeClaimRetentionPolicy {
            when_deleted: Some(deleted.to_owned()),
            when_scaled: Some(scaled.to_owned()),
        };
        let template = PersistentVolumeClaim { metadata: meta("data"), ..PersistentVolumeClaim::default() };
        let spec = StatefulSetSpec {
            replicas: Some(1),
            persistent_volume_claim_retention_policy: Some(policy),
            volume_claim_templates: Some(vec![template]),
            ..StatefulSetSpec::default()
        };
        StatefulSet { metadata: meta("web"), spec: Some(spec), status: None }
    }

    #[test]
    fn owners_follow_the_policy() {
        let claim = PersistentVolumeClaim { metadata: meta("data-web-0"), ..PersistentVolumeClaim::default() };
        let pod = |name: &str| Pod { metadata: meta(name), ..Pod::default() };
        for (deleted, scaled, number, expected) in [
            ("Retain", "Retain", 0, None),
            ("Retain", "Retain", 1, None),
            ("Delete", "Retain", 0, Some("uid-web")),
            ("Delete", "Retain", 1, Some("uid-web")),
            ("Retain", "Delete", 0, None),
            ("Retain", "Delete", 1, Some("uid-web-1")),
            ("Delete", "Delete", 0, Some("uid-web")),
            ("Delete", "Delete", 1, Some("uid-web-1")),
        ] {
            let pod = pod(&format!("web-{number}"));
            let owner = set(deleted, scaled);
            let changed = owned(&owner, &pod, &claim);
            let uid = changed.as_ref().map(|claim| claim.owner_references()[0].uid.as_str());
            assert_eq!(uid, expected, "{deleted} {scaled} {number}");
            if let Some(changed) = changed {
                assert_eq!(owned(&owner, &pod, &changed), None);
                assert!(owned(&set("Retain", "Retain"), &pod, &changed).is_some());
                assert_eq!(is_stale(&changed, "web-1"), expected == Some("uid-web-1"));
            }
        }
        assert_eq!(make(&set("Delete", "Retain"), "web-3")[0].name_any(), "data-web-3");
        let other = OwnerReference { uid: "x".to_owned(), controller: Some(true), ..OwnerReference::default() };
        let metadata = ObjectMeta { owner_references: Some(vec![other]), ..meta("c") };
        let foreign = PersistentVolumeClaim { metadata, ..PersistentVolumeClaim::default() };
        assert_eq!(owned(&set("Delete", "Delete"), &pod("web-0"), &foreign), None);
    }
}
