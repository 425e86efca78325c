//! What a plan is made from, and small questions about it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use corvette_api::intstr::Rounding;
use corvette_client::kube::ResourceExt as _;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStatus, ReplicaSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;

use crate::controllers::shared::counts::scaled;

/// The label that tells the pods of one template from those of another.
pub const HASH_LABEL: &str = "pod-template-hash";
/// The revision of a set and of the deployment's newest set.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// The revisions a set had before.
pub const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The deployment's replicas when the set was last scaled.
pub const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
/// The most replicas all sets could have when the set was last scaled.
pub const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";

/// Everything a plan depends on.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The deployment.
    pub deployment: Arc<Deployment>,
    /// The sets it owns, oldest first.
    pub sets: Vec<Arc<ReplicaSet>>,
    /// The uids of sets that have pods which have not ended.
    pub running: BTreeSet<String>,
    /// The time.
    pub now: Timestamp,
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Create a set.
    Create(Box<ReplicaSet>),
    /// Replace a set; tell how it was scaled.
    Update {
        /// The new version.
        set: Box<ReplicaSet>,
        /// `Scaled up replica set x from 0 to 3`, when its size changes.
        event: Option<String>,
    },
    /// Delete a set that is no longer needed to go back to.
    Delete(String),
    /// Replace the deployment's status and annotations.
    Status(Box<Deployment>),
}

/// The writes to make now, and when to look again if nothing changes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// In order; a failure ends the reconcile.
    pub steps: Vec<Step>,
    /// When the progress deadline may have passed.
    pub again: Option<Duration>,
}

impl Observed {
    /// Makes it from sets in any order.
    pub fn new(
        deployment: Arc<Deployment>,
        mut sets: Vec<Arc<ReplicaSet>>,
        running: BTreeSet<String>,
        now: Timestamp,
    ) -> Self {
        sets.sort_by_cached_key(|set| age_key(set));
        Self { deployment, sets, running, now }
    }

    /// Returns the set of the current template: the oldest, if there are several.
    pub fn new_set(&self) -> Option<&Arc<ReplicaSet>> {
        let template = &spec(&self.deployment).template;
        self.sets.iter().find(|set| same_template(set, template))
    }

    /// Returns all other sets, oldest first.
    pub fn old_sets(&self) -> Vec<Arc<ReplicaSet>> {
        let new = self.new_set().map(|set| set.uid());
        self.sets.iter().filter(|set| Some(set.uid()) != new).cloned().collect()
    }
}

fn age_key(set: &ReplicaSet) -> (Option<Timestamp>, String) {
    (set.metadata.creation_timestamp.as_ref().map(|time| time.0), set.name_any())
}

/// Says whether a set was made from `template`.
pub fn same_template(set: &ReplicaSet, template: &PodTemplateSpec) -> bool {
    let own = set.spec.as_ref().and_then(|spec| spec.template.as_ref());
    own.is_some_and(|own| own.spec == template.spec && without_hash(own) == without_hash(template))
}

/// Returns the metadata of a template that counts for comparison.
fn without_hash(template: &PodTemplateSpec) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let meta = template.metadata.clone().unwrap_or_default();
    let mut labels = meta.labels.unwrap_or_default();
    labels.remove(HASH_LABEL);
    (labels, meta.annotations.unwrap_or_default())
}

/// Returns a deployment's spec; the server admits none without.
pub fn spec(deployment: &Deployment) -> DeploymentSpec {
    deployment.spec.clone().unwrap_or_default()
}

/// Returns a deployment's status.
pub fn status_of(deployment: &Deployment) -> DeploymentStatus {
    deployment.status.clone().unwrap_or_default()
}

/// Returns the wanted number of pods.
pub fn replicas(deployment: &Deployment) -> i32 {
    deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// Returns the number of pods a set is asked to have.
pub fn size(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// Returns the number of available pods of a set.
pub fn available(set: &ReplicaSet) -> i32 {
    set.status.as_ref().and_then(|status| status.available_replicas).unwrap_or_default()
}

/// Adds up a number over sets.
pub fn sum<'a>(sets: impl IntoIterator<Item = &'a Arc<ReplicaSet>>, number: impl Fn(&ReplicaSet) -> i32) -> i32 {
    sets.into_iter().map(|set| number(set)).fold(0, i32::saturating_add)
}

/// Says whether sets are updated step by step, rather than all deleted first.
pub fn is_rolling(deployment: &Deployment) -> bool {
    let strategy = deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
    strategy.and_then(|strategy| strategy.type_.as_deref()) != Some("Recreate")
}

/// Returns the most pods above and below the wanted number during an update.
pub fn fenceposts(deployment: &Deployment) -> (i32, i32) {
    if !is_rolling(deployment) {
        return (0, 0);
    }
    let strategy = deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let wanted = replicas(deployment);
    let surge = scaled(rolling.and_then(|r| r.max_surge.as_ref()), wanted, Rounding::Up);
    let unavailable = scaled(rolling.and_then(|r| r.max_unavailable.as_ref()), wanted, Rounding::Down);
    // With neither, nothing could ever move.
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

/// Returns the most pods above the wanted number.
pub fn max_surge(deployment: &Deployment) -> i32 {
    fenceposts(deployment).0
}

/// Returns the most pods that may be missing from the wanted number.
pub fn max_unavailable(deployment: &Deployment) -> i32 {
    let wanted = replicas(deployment);
    if wanted == 0 { 0 } else { fenceposts(deployment).1.min(wanted) }
}

/// Returns the progress deadline; `None` when there is none.
pub fn deadline(deployment: &Deployment) -> Option<Duration> {
    let seconds = deployment.spec.as_ref().and_then(|spec| spec.progress_deadline_seconds)?;
    (seconds != i32::MAX).then(|| Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

/// Reads a number from an annotation.
pub fn annotated(set: &ReplicaSet, key: &str) -> Option<i32> {
    set.annotations().get(key)?.parse().ok()
}
