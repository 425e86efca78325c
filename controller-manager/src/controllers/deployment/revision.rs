//! Revisions, annotations and names of sets. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::model::{
    DESIRED_REPLICAS, HASH_LABEL, MAX_REPLICAS, Observed, REVISION, REVISION_HISTORY, max_surge, replicas, spec,
};
use super::scale::new_size;
use crate::controllers::shared::claim::controller_ref;
use crate::controllers::shared::hash::template_hash;

/// The greatest length of the history annotation.
const HISTORY_LENGTH: usize = 2000;

/// Annotations of a deployment that its sets do not get.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
];

/// Returns the revision of a set; 0 when it has none.
pub fn of(set: &ReplicaSet) -> i64 {
    set.annotations().get(REVISION).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Returns the revision that the newest set must have.
pub fn next(old: &[Arc<ReplicaSet>]) -> i64 {
    old.iter().map(|set| of(set)).max().unwrap_or_default() + 1
}

/// Makes the set of the current template, which does not exist yet.
pub fn make_set(observed: &Observed) -> ReplicaSet {
    let (deployment, spec) = (&observed.deployment, spec(&observed.deployment));
    let collisions = deployment.status.as_ref().and_then(|status| status.collision_count);
    let hash = template_hash(&spec.template, collisions);
    let mut template = spec.template.clone();
    let meta = template.metadata.get_or_insert_default();
    meta.labels.get_or_insert_default().insert(HASH_LABEL.to_owned(), hash.clone());
    let labels = meta.labels.clone();
    let mut selector = spec.selector.clone();
    selector.match_labels.get_or_insert_default().insert(HASH_LABEL.to_owned(), hash.clone());
    let mut set = ReplicaSet {
        metadata: ObjectMeta {
            name: Some(format!("{}-{hash}", deployment.name_any())),
            namespace: deployment.namespace(),
            labels,
            owner_references: Some(vec![controller_ref(deployment.as_ref())]),
            ..ObjectMeta::default()
        },
        spec: Some(ReplicaSetSpec {
            replicas: Some(new_size(deployment, &observed.sets, 0)),
            min_ready_seconds: spec.min_ready_seconds,
            selector,
            template: Some(template),
        }),
        status: None,
    };
    annotate(deployment, &mut set, next(&observed.old_sets()));
    annotate_sizes(deployment, &mut set);
    set
}

/// Brings the annotations of the newest set up to date: those of the deployment, its revision and its history.
pub fn annotate(deployment: &Deployment, set: &mut ReplicaSet, revision: i64) {
    let annotations = set.metadata.annotations.get_or_insert_default();
    for (key, value) in deployment.annotations().iter().filter(|(key, _)| !OWN.contains(&key.as_str())) {
        if annotations.get(key) != Some(value) {
            annotations.insert(key.clone(), value.clone());
        }
    }
    let old = annotations.get(REVISION).cloned();
    let number: i64 = match old.as_deref().map(str::parse) {
        None => 0,
        Some(Ok(number)) => number,
        // Someone wrote something else there: leave it alone.
        Some(Err(_)) => return,
    };
    if number < revision {
        annotations.insert(REVISION.to_owned(), revision.to_string());
        if let Some(old) = old {
            remember(annotations, &old);
        }
    }
}

/// Appends a revision to the history, dropping the oldest when it becomes too long.
fn remember(annotations: &mut BTreeMap<String, String>, old: &str) {
    let history = annotations.get(REVISION_HISTORY).cloned().unwrap_or_default();
    let mut revisions: Vec<&str> = history.split(',').filter(|revision| !revision.is_empty()).collect();
    revisions.push(old);
    let length = |revisions: &[&str]| revisions.iter().map(|r| r.len() + 1).sum::<usize>().saturating_sub(1);
    while length(&revisions) > HISTORY_LENGTH {
        revisions.remove(0);
    }
    annotations.insert(REVISION_HISTORY.to_owned(), revisions.join(","));
}

/// Notes on a set how many pods the deployment wants and may have; says whether that changed.
pub fn annotate_sizes(deployment: &Deployment, set: &mut ReplicaSet) -> bool {
    let wanted = replicas(deployment);
    let most = wanted.saturating_add(max_surge(deployment));
    let annotations = set.metadata.annotations.get_or_insert_default();
    let mut changed = false;
    for (key, number) in [(DESIRED_REPLICAS, wanted), (MAX_REPLICAS, most)] {
        let number = number.to_string();
        changed |= annotations.insert(key.to_owned(), number.clone()) != Some(number);
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotated(pairs: &[(&str, &str)]) -> ReplicaSet {
        let annotations = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let metadata = ObjectMeta { annotations: Some(annotations), ..ObjectMeta::default() };
        ReplicaSet { metadata, ..ReplicaSet::default() }
    }

    #[test]
    fn a_set_that_is_used_again_remembers_its_revisions() {
        let mut set = annotated(&[(REVISION, "1")]);
        annotate(&Deployment::default(), &mut set, 3);
        annotate(&Deployment::default(), &mut set, 5);
        annotate(&Deployment::default(), &mut set, 5);
        assert_eq!(of(&set), 5);
        assert_eq!(set.annotations()[REVISION_HISTORY], "1,3");
    }

    #[test]
    fn the_history_is_bounded() {
        let mut set = annotated(&[(REVISION, "1")]);
        for revision in 2..2000 {
            annotate(&Deployment::default(), &mut set, revision);
        }
        let history = &set.annotations()[REVISION_HISTORY];
        assert!(history.len() <= HISTORY_LENGTH && history.ends_with(",1998"), "{history}");
    }

    #[test]
    fn annotations_of_the_deployment_itself_stay_there() {
        let mut deployment = Deployment::default();
        deployment.annotations_mut().insert(OWN[0].to_owned(), "{}".to_owned());
        deployment.annotations_mut().insert("kubernetes.io/change-cause".to_owned(), "why".to_owned());
        let mut set = ReplicaSet::default();
        annotate(&deployment, &mut set, 1);
        assert_eq!(set.annotations().len(), 2);
        assert_eq!(set.annotations()["kubernetes.io/change-cause"], "why");
    }
}
