//! The shell: remembers since when a pod's time runs, deletes it when it is over.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use corvette_client::kube::{Api, Client, Resource as _, ResourceExt as _};
use corvette_component::clock::SharedClock;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use super::plan::stay;
use crate::controllers::shared::pods;
use crate::framework::{Action, Context, Controller, Error, Queue, is_conflict, is_not_found};

struct EvictionController {
    client: Client,
    clock: SharedClock,
    recorder: Recorder,
    nodes: Informer<Node>,
    pods: Informer<Pod>,
    /// Pods whose time runs, since when, by uid.
    running_out: Mutex<HashMap<NamespacedName, (String, Instant)>>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (nodes, pods) = (cx.informers.of::<Node>(), pods::informer(&cx.informers));
    let (keys, on_node) = (queue.clone(), pods.clone());
    nodes.on_change(move |change| {
        let taints = |node: &Node| node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
        let same = matches!(change, Change::Updated { old, new } if taints(old) == taints(new));
        if !same {
            for pod in on_node.by_index(pods::BY_NODE, &change.object().name_any()) {
                keys.add(NamespacedName::of(pod.as_ref()));
            }
        }
    });
    pods.on_change(move |change| {
        let bound = |pod: &Pod| pods::node_name(pod).map(str::to_owned);
        let tolerations = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.tolerations.clone());
        let same = matches!(change, Change::Updated { old, new }
            if bound(old) == bound(new) && tolerations(old) == tolerations(new) && old.uid() == new.uid());
        if !same {
            queue.add(NamespacedName::of(change.object().as_ref()));
        }
    });
    Arc::new(EvictionController {
        client: cx.client.clone(),
        clock: cx.clock.clone(),
        recorder: cx.recorder("taint-eviction-controller"),
        nodes,
        pods,
        running_out: Mutex::default(),
    })
}

#[async_trait]
impl Controller for EvictionController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let pod = self.pods.get(key).filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let Some(pod) = pod else {
            self.running_out.lock().remove(key);
            return Ok(Action::Done);
        };
        let node = pods::node_name(&pod).and_then(|node| self.nodes.get(&NamespacedName::cluster(node)));
        let Some(limit) = node.and_then(|node| stay(&pod, &node)) else {
            if self.running_out.lock().remove(key).is_some() {
                let message = format!("Cancelling deletion of Pod {key}");
                self.recorder.event(&pod.object_ref(&()), EventType::Normal, "TaintManagerEviction", message);
            }
            return Ok(Action::Done);
        };
        let waited = self.start(key, &pod).elapsed();
        if waited < limit {
            return Ok(Action::After(limit - waited));
        }
        let message = format!("Marking for deletion Pod {key}");
        self.recorder.event(&pod.object_ref(&()), EventType::Normal, "TaintManagerEviction", message);
        self.evict(&pod).await?;
        self.running_out.lock().remove(key);
        Ok(Action::Done)
    }
}

impl EvictionController {
    /// Returns since when the pod's time runs.
    fn start(&self, key: &NamespacedName, pod: &Pod) -> Instant {
        let uid = pod.uid().unwrap_or_default();
        let mut all = self.running_out.lock();
        let entry = all.entry(key.clone()).or_insert_with(|| (uid.clone(), Instant::now()));
        if entry.0 != uid {
            *entry = (uid, Instant::now());
        }
        entry.1
    }

    async fn evict(&self, pod: &Pod) -> Result<(), Error> {
        let api = Api::<Pod>::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default());
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": Time(self.clock.now()),
        });
        let patch = json!({"metadata": {"uid": pod.uid()}, "status": {"conditions": [condition]}});
        let patched = api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(patch)).await;
        if let Err(error) = patched
            && !is_not_found(&error)
        {
            return Err(error.into());
        }
        let same = Preconditions { uid: pod.uid(), resource_version: None };
        match api.delete(&pod.name_any(), &DeleteParams::default().preconditions(same)).await {
            Err(error) if !is_not_found(&error) && !is_conflict(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}
