//! The shell: patches `spec.podCIDR`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{Patch, PatchParams};
use corvette_client::kube::{Api, Client};
use k8s_openapi::api::core::v1::{Node, ObjectReference};
use parking_lot::Mutex;
use serde_json::json;

use super::plan::Ranges;
use crate::framework::{Action, Context, Controller, Error, Queue, is_not_found};

struct RangeController {
    client: Client,
    recorder: Recorder,
    nodes: Informer<Node>,
    ranges: Ranges,
    /// Ranges that were given and may not be in the cache yet, by node.
    given: Arc<Mutex<BTreeMap<String, String>>>,
}

/// Builds the controller. It has one worker, so that no range is given twice.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let nodes = cx.informers.of::<Node>();
    let given = Arc::new(Mutex::new(BTreeMap::new()));
    let returned = given.clone();
    nodes.on_change(move |change| {
        let key = NamespacedName::of(change.object().as_ref());
        if matches!(change, Change::Deleted(_)) {
            returned.lock().remove(&key.name);
        }
        queue.add(key);
    });
    let ranges = Ranges::new(cx.config.cluster_cidr, cx.config.node_cidr_mask_size);
    Arc::new(RangeController {
        client: cx.client.clone(),
        recorder: cx.recorder("cidrAllocator"),
        nodes,
        ranges,
        given,
    })
}

#[async_trait]
impl Controller for RangeController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let Some(node) = self.nodes.get(key) else { return Ok(Action::Done) };
        if range_of(&node).is_some() || node.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let Some(range) = self.choose(&key.name) else {
            let object = node_reference(&key.name);
            let message = format!("Node {} status is now: CIDRNotAvailable", key.name);
            self.recorder.event(&object, EventType::Normal, "CIDRNotAvailable", message);
            return Err(Error::Invalid(format!("no pod range is left for node {}", key.name)));
        };
        let api = Api::<Node>::all(self.client.clone());
        let patch = json!({"spec": {"podCIDR": range, "podCIDRs": [range]}, "metadata": {"uid": node.metadata.uid}});
        match api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Err(error) if is_not_found(&error) => Ok(Action::Done),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(Action::Done),
        }
    }
}

impl RangeController {
    fn choose(&self, node: &str) -> Option<String> {
        let mut given = self.given.lock();
        if let Some(range) = given.get(node) {
            return Some(range.clone());
        }
        let cached = self.nodes.list();
        let mut used: BTreeSet<String> = cached.iter().filter_map(|node| range_of(node).map(str::to_owned)).collect();
        used.extend(given.values().cloned());
        let range = self.ranges.free(&used)?;
        given.insert(node.to_owned(), range.clone());
        Some(range)
    }
}

fn range_of(node: &Node) -> Option<&str> {
    node.spec.as_ref()?.pod_cidr.as_deref().filter(|range| !range.is_empty())
}

/// Returns the reference that events about nodes carry: upstream's uid is the node's name.
pub fn node_reference(name: &str) -> ObjectReference {
    let name = Some(name.to_owned());
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Node".to_owned()),
        uid: name.clone(),
        name,
        ..ObjectReference::default()
    }
}
