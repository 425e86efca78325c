//! The shell: looks at all pods every 20 s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::informer::Informer;
use corvette_client::kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use corvette_client::kube::{Api, Client, ResourceExt as _};
use corvette_component::clock::SharedClock;
use k8s_openapi::api::core::v1::{Node, Pod};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use super::plan;
use crate::controllers::shared::pods;
use crate::framework::{Action, Context, Controller, Error, Queue, is_conflict, is_not_found};

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(20);

/// How long a node must be missing before its pods are deleted.
const QUARANTINE: Duration = Duration::from_secs(40);

struct PodGc {
    client: Client,
    clock: SharedClock,
    threshold: usize,
    pods: Informer<Pod>,
    nodes: Informer<Node>,
    /// Nodes that pods are bound to but that are not in the cache, since when.
    missing: Mutex<BTreeMap<String, Instant>>,
}

/// Builds the controller. It has one key, for all pods together.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (pods, nodes) = (pods::informer(&cx.informers), cx.informers.of::<Node>());
    queue.add(NamespacedName::cluster("all"));
    let threshold = cx.config.terminated_pod_threshold;
    let missing = Mutex::default();
    Arc::new(PodGc { client: cx.client.clone(), clock: cx.clock.clone(), threshold, pods, nodes, missing })
}

#[async_trait]
impl Controller for PodGc {
    async fn reconcile(&self, _key: &NamespacedName) -> Result<Action, Error> {
        let all = self.pods.list();
        for pod in plan::surplus(&all, self.threshold).iter().chain(&plan::unscheduled(&all)) {
            self.delete(pod).await?;
        }
        let gone = self.gone_nodes(&all).await?;
        for pod in all.iter().filter(|pod| pods::node_name(pod).is_some_and(|node| gone.contains(node))) {
            self.fail(pod).await?;
            self.delete(pod).await?;
        }
        Ok(Action::After(PERIOD))
    }
}

impl PodGc {
    /// Returns the nodes that have been missing for long, after a live look.
    async fn gone_nodes(&self, all: &[Arc<Pod>]) -> Result<BTreeSet<String>, Error> {
        let known: BTreeSet<String> = self.nodes.list().iter().map(|node| node.name_any()).collect();
        let orphaned = plan::orphaned(all, &known);
        let lost: BTreeSet<String> =
            orphaned.iter().filter_map(|pod| pods::node_name(pod).map(str::to_owned)).collect();
        let ripe: Vec<String> = {
            let mut missing = self.missing.lock();
            missing.retain(|node, _| lost.contains(node));
            for node in lost {
                missing.entry(node).or_insert_with(Instant::now);
            }
            missing.iter().filter(|(_, since)| since.elapsed() >= QUARANTINE).map(|(node, _)| node.clone()).collect()
        };
        let mut gone = BTreeSet::new();
        for node in ripe {
            if Api::<Node>::all(self.client.clone()).get_opt(&node).await?.is_none() {
                gone.insert(node);
            }
        }
        Ok(gone)
    }

    /// Marks a pod whose node is gone as failed, so that its owner replaces it.
    async fn fail(&self, pod: &Pod) -> Result<(), Error> {
        if pods::is_terminal(pod) {
            return Ok(());
        }
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByPodGC",
            "message": "PodGC: node no longer exists",
            "lastTransitionTime": k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.clock.now()),
        });
        let patch = json!({"metadata": {"uid": pod.uid()}, "status": {"phase": "Failed", "conditions": [condition]}});
        let api = Api::<Pod>::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default());
        match api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(patch)).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn delete(&self, pod: &Pod) -> Result<(), Error> {
        let api = Api::<Pod>::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default());
        let same = Preconditions { uid: pod.uid(), resource_version: None };
        let params = DeleteParams::default().grace_period(0).preconditions(same);
        match api.delete(&pod.name_any(), &params).await {
            Err(error) if !is_not_found(&error) && !is_conflict(&error) => Err(error.into()),
            _ => {
                tracing::info!(pod = %NamespacedName::of(pod), "deleted a pod that nobody looks after");
                Ok(())
            }
        }
    }
}
