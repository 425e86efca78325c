//! The shell: remembers when each node was last heard of, writes what follows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{Patch, PatchParams};
use corvette_client::kube::runtime::watcher;
use corvette_client::kube::{Api, Client, Resource as _, ResourceExt as _};
use corvette_component::clock::SharedClock;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use super::plan::{self, Eviction, condition, readiness};
use crate::config::Config;
use crate::controllers::nodeipam::node_reference;
use crate::controllers::shared::pods;
use crate::framework::{Action, Context, Controller, Error, Queue, is_conflict, is_not_found};

/// Where kubelets keep their leases.
const LEASES: &str = "kube-node-lease";

/// How often a node is looked at when nothing happens.
const PERIOD: Duration = Duration::from_secs(5);

/// The time between two nodes whose pods are evicted: upstream's rate of 0.1 nodes per second.
const EVICTION_PERIOD: Duration = Duration::from_secs(10);

struct LifecycleController {
    client: Client,
    clock: SharedClock,
    config: Arc<Config>,
    recorder: Recorder,
    nodes: Informer<Node>,
    leases: Informer<Lease>,
    pods: Informer<Pod>,
    heard: Mutex<HashMap<String, Heard>>,
    last_eviction: Mutex<Option<Instant>>,
}

/// What a node last told, and when this process saw that it had told something new.
#[derive(Clone)]
struct Heard {
    heartbeat: Option<Time>,
    renewal: Option<MicroTime>,
    ready: String,
    at: Instant,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (nodes, pods) = (cx.informers.of::<Node>(), pods::informer(&cx.informers));
    let leases =
        cx.informers.selected::<Lease>(watcher::Config::default().fields(&format!("metadata.namespace={LEASES}")));
    let keys = queue.clone();
    nodes.on_change(move |change| keys.add(NamespacedName::of(change.object().as_ref())));
    leases.on_change(move |change| {
        if !matches!(change, Change::Deleted(_)) {
            queue.add(NamespacedName::cluster(change.object().name_any()));
        }
    });
    Arc::new(LifecycleController {
        client: cx.client.clone(),
        clock: cx.clock.clone(),
        config: cx.config.clone(),
        recorder: cx.recorder("node-controller"),
        nodes,
        leases,
        pods,
        heard: Mutex::default(),
        last_eviction: Mutex::default(),
    })
}

#[async_trait]
impl Controller for LifecycleController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let Some(node) = self.nodes.get(key) else {
            let known = self.heard.lock().remove(&key.name);
            if known.is_some() {
                self.tell(&key.name, "RemovingNode", &format!("Removing Node {} from Controller", key.name));
            }
            return Ok(Action::Done);
        };
        if !self.heard.lock().contains_key(&key.name) {
            self.tell(&key.name, "RegisteredNode", &format!("Registered Node {} in Controller", key.name));
        }
        let (heard, was_ready) = self.listen(&node);
        let patience = self.patience(&node);
        if heard.at.elapsed() >= patience
            && let Some(conditions) = plan::silence(&node, self.clock.now())
        {
            self.write_conditions(&node, conditions).await?;
            // The change comes back through the watch and is acted upon then.
            return Ok(Action::After(PERIOD));
        }
        if readiness(&node) != "True" {
            if was_ready {
                let message = format!("Node {} status is now: NodeNotReady", key.name);
                self.recorder.event(&node_reference(&key.name), EventType::Normal, "NodeNotReady", message);
            }
            self.mark_pods(&key.name).await?;
        }
        self.write_taints(&node).await?;
        let rest = patience.saturating_sub(heard.at.elapsed());
        Ok(Action::After(if rest.is_zero() { PERIOD } else { rest.min(PERIOD) }))
    }
}

impl LifecycleController {
    /// Records what becomes of a node here.
    fn tell(&self, node: &str, reason: &str, what: &str) {
        let message = format!("Node {node} event: {what}");
        self.recorder.event(&node_reference(node), EventType::Normal, reason, message);
    }

    /// Compares what the node tells with what it told before; also says whether it was ready then.
    fn listen(&self, node: &Node) -> (Heard, bool) {
        let lease = self.leases.get(&NamespacedName::new(LEASES, node.name_any()));
        let told = Heard {
            heartbeat: condition(node, "Ready").and_then(|ready| ready.last_heartbeat_time.clone()),
            renewal: lease.and_then(|lease| lease.spec.as_ref()?.renew_time.clone()),
            ready: readiness(node).to_owned(),
            at: Instant::now(),
        };
        let mut all = self.heard.lock();
        let Some(known) = all.get_mut(&node.name_any()) else {
            all.insert(node.name_any(), told.clone());
            return (told, false);
        };
        let was_ready = known.ready == "True";
        let at = if known.heartbeat == told.heartbeat && known.renewal == told.renewal { known.at } else { told.at };
        *known = Heard { at, ..told };
        (known.clone(), was_ready)
    }

    fn patience(&self, node: &Node) -> Duration {
        let reported = condition(node, "Ready").is_some();
        if reported { self.config.node_monitor_grace_period } else { self.config.node_startup_grace_period }
    }

    async fn write_conditions(&self, node: &Node, conditions: Vec<NodeCondition>) -> Result<(), Error> {
        tracing::info!(node = %node.name_any(), "the node is silent; its conditions become Unknown");
        let version = &node.metadata.resource_version;
        let patch = json!({"metadata": {"resourceVersion": version}, "status": {"conditions": conditions}});
        let api = Api::<Node>::all(self.client.clone());
        match api.patch_status(&node.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Makes the pods of a node not ready, so that no traffic is sent there.
    async fn mark_pods(&self, node: &str) -> Result<(), Error> {
        for pod in self.pods.by_index(pods::BY_NODE, node).iter().filter(|pod| pods::is_ready(pod)) {
            let condition = json!({
                "type": "Ready",
                "status": "False",
                "lastTransitionTime": Time(self.clock.now()),
            });
            let patch = json!({"metadata": {"uid": pod.uid()}, "status": {"conditions": [condition]}});
            let api = Api::<Pod>::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default());
            match api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(patch)).await {
                Ok(_) => {
                    let object = pod.object_ref(&());
                    self.recorder.event(&object, EventType::Warning, "NodeNotReady", "Node is not ready");
                }
                Err(error) if is_not_found(&error) || is_conflict(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn write_taints(&self, node: &Node) -> Result<(), Error> {
        let eviction = self.eviction(node);
        let Some(taints) = plan::taints(node, eviction, self.clock.now()) else { return Ok(()) };
        let version = &node.metadata.resource_version;
        let patch = json!({"metadata": {"resourceVersion": version}, "spec": {"taints": taints}});
        let api = Api::<Node>::all(self.client.clone());
        match api.patch(&node.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Decides whether this node's pods may be evicted now.
    fn eviction(&self, node: &Node) -> Eviction {
        if self.nodes.list().iter().all(|node| readiness(node) != "True") {
            return Eviction::Suspended;
        }
        if !plan::wants_eviction(node) {
            return Eviction::Limited;
        }
        let mut last = self.last_eviction.lock();
        if last.is_some_and(|last| last.elapsed() < EVICTION_PERIOD) {
            return Eviction::Limited;
        }
        *last = Some(Instant::now());
        Eviction::Allowed
    }
}
