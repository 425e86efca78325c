//! The shell: looks at one uid, live, and carries the decision out.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::kube::Client;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::attempt::Live;
use super::graph::{FOREGROUND, Graph, Identity, Node, ORPHAN};
use super::mapping::Mapping;
use super::monitors::{Feed, run};
use super::plan::{Decision, Owner, decide};
use crate::framework::{Action, Context, Controller, Error, Queue};

/// How long to wait for a kind that discovery does not show (yet).
const UNKNOWN_KIND: Duration = Duration::from_secs(30);

/// How many absent owners are remembered.
const REMEMBERED: usize = 500;

struct GarbageCollector {
    client: Client,
    recorder: Recorder,
    feed: Feed,
    ready: watch::Receiver<bool>,
    /// Owners, by namespace and uid, that a live look did not find, so that thousands of dependents need one look: a uid
    /// never returns.
    absent: Mutex<HashSet<(String, String)>>,
}

/// Builds the controller and starts its monitors.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (sender, ready) = watch::channel(false);
    let feed = Feed {
        client: cx.client.clone(),
        graph: Arc::new(Mutex::new(Graph::default())),
        mapping: Arc::new(Mapping::default()),
        queue,
        ready: sender,
    };
    let tasks = cx.tasks.child("garbage-collector");
    tasks.spawn_until_cancelled("monitors", run(feed.clone(), tasks.clone()));
    let recorder = cx.recorder("garbage-collector-controller");
    Arc::new(GarbageCollector { client: cx.client.clone(), recorder, feed, ready, absent: Mutex::default() })
}

#[async_trait]
impl Controller for GarbageCollector {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        // Before all kinds are listed an owner may be missing from the graph only.
        if self.ready.clone().wait_for(|ready| *ready).await.is_err() {
            return Ok(Action::Done);
        }
        let Some(node) = self.feed.graph.lock().get(&key.name).cloned() else { return Ok(Action::Done) };
        if node.orphaning {
            return self.orphan(&node).await;
        }
        if node.being_deleted && !node.deleting_dependents {
            return Ok(Action::Done);
        }
        self.attempt(&node).await
    }
}

impl GarbageCollector {
    fn live(&self, identity: &Identity) -> Option<Live> {
        let served = self.feed.mapping.find(&identity.api_version, &identity.kind)?;
        Some(Live::new(&self.client, &served, identity))
    }

    /// Looks at an object and at its owners.
    async fn attempt(&self, node: &Node) -> Result<Action, Error> {
        let identity = &node.identity;
        let Some(live) = self.live(identity) else { return Ok(Action::After(UNKNOWN_KIND)) };
        let Some(meta) = live.metadata(&identity.uid).await? else {
            self.feed.remove_missing(node);
            return Ok(Action::Done);
        };
        if node.is_virtual {
            // It is there; its monitor will tell. Until then its dependents are safe.
            return Ok(Action::Done);
        }
        if node.deleting_dependents {
            return self.finish_foreground(node, &live, &meta).await;
        }
        let owners = meta.owner_references.clone().unwrap_or_default();
        let mut states = Vec::with_capacity(owners.len());
        for owner in owners {
            let state = self.state_of(identity, &owner).await?;
            states.push((owner, state));
        }
        let dependents = self.feed.graph.lock().dependents(&identity.uid);
        let waiting = dependents.iter().any(|dependent| dependent.deleting_dependents);
        self.carry_out(&live, &meta, decide(&meta, &states, !dependents.is_empty(), waiting)).await
    }

    async fn carry_out(&self, live: &Live, meta: &ObjectMeta, decision: Decision) -> Result<Action, Error> {
        match decision {
            Decision::Keep => {}
            Decision::Disown(gone) => {
                let owners = meta.owner_references.iter().flatten();
                let left: Vec<_> = owners.filter(|owner| !gone.contains(&owner.uid)).cloned().collect();
                live.set_owners(meta, &left).await?;
            }
            Decision::Delete { policy, unblock } => {
                if unblock {
                    let mut owners = meta.owner_references.clone().unwrap_or_default();
                    owners.iter_mut().for_each(|owner| owner.block_owner_deletion = Some(false));
                    live.set_owners(meta, &owners).await?;
                    // The version has changed: the deletion follows on the next look.
                    return Err(Error::Stale("its references were just unblocked".to_owned()));
                }
                live.delete(meta, policy).await?;
            }
        }
        Ok(Action::Done)
    }

    /// Ends a foreground deletion when no dependent blocks it any more.
    async fn finish_foreground(&self, node: &Node, live: &Live, meta: &ObjectMeta) -> Result<Action, Error> {
        let uid = &node.identity.uid;
        let dependents = self.feed.graph.lock().dependents(uid);
        let blocking: Vec<&Node> = dependents.iter().filter(|dependent| dependent.blocks(uid)).collect();
        if blocking.is_empty() {
            live.remove_finalizer(meta, FOREGROUND).await?;
            return Ok(Action::Done);
        }
        let idle = blocking.iter().filter(|dependent| !dependent.deleting_dependents);
        self.feed.wake(idle.map(|dependent| dependent.identity.uid.clone()).collect());
        Ok(Action::Done)
    }

    /// Releases all dependents, then lets the owner go.
    async fn orphan(&self, node: &Node) -> Result<Action, Error> {
        let uid = &node.identity.uid;
        let dependents = self.feed.graph.lock().dependents(uid);
        for dependent in dependents {
            let Some(live) = self.live(&dependent.identity) else { continue };
            let Some(meta) = live.metadata(&dependent.identity.uid).await? else { continue };
            let owners = meta.owner_references.clone().unwrap_or_default();
            let left: Vec<_> = owners.iter().filter(|owner| owner.uid != *uid).cloned().collect();
            if left.len() < owners.len() {
                live.set_owners(&meta, &left).await?;
            }
        }
        let Some(live) = self.live(&node.identity) else { return Ok(Action::After(UNKNOWN_KIND)) };
        if let Some(meta) = live.metadata(uid).await? {
            live.remove_finalizer(&meta, ORPHAN).await?;
        }
        Ok(Action::Done)
    }

    /// Reads an owner live.
    async fn state_of(&self, child: &Identity, owner: &OwnerReference) -> Result<Owner, Error> {
        let Some(served) = self.feed.mapping.find(&owner.api_version, &owner.kind) else {
            return Err(Error::Invalid(format!("no resource serves owner {} {}", owner.api_version, owner.kind)));
        };
        if served.namespaced && child.namespace.is_empty() {
            // Such a reference cannot be resolved: the object is kept.
            self.tell_invalid(child, owner);
            return Ok(Owner::Solid);
        }
        let identity = Identity {
            api_version: owner.api_version.clone(),
            kind: owner.kind.clone(),
            namespace: if served.namespaced { child.namespace.clone() } else { String::new() },
            name: owner.name.clone(),
            uid: owner.uid.clone(),
        };
        let missing = (identity.namespace.clone(), owner.uid.clone());
        if self.absent.lock().contains(&missing) {
            return Ok(Owner::Absent);
        }
        let Some(meta) = Live::new(&self.client, &served, &identity).metadata(&owner.uid).await? else {
            self.tell_elsewhere(child, owner);
            self.remember_absent(missing);
            return Ok(Owner::Absent);
        };
        let foreground = meta.finalizers.iter().flatten().any(|finalizer| finalizer == FOREGROUND);
        Ok(if meta.deletion_timestamp.is_some() && foreground { Owner::Waiting } else { Owner::Solid })
    }

    fn remember_absent(&self, missing: (String, String)) {
        let mut absent = self.absent.lock();
        if absent.len() >= REMEMBERED {
            absent.clear();
        }
        absent.insert(missing);
    }

    /// Tells when the owner exists, but in another namespace.
    fn tell_elsewhere(&self, child: &Identity, owner: &OwnerReference) {
        let known = self.feed.graph.lock().get(&owner.uid).filter(|node| !node.is_virtual).cloned();
        if known.is_some_and(|node| node.identity.namespace != child.namespace) {
            self.tell_invalid(child, owner);
        }
    }

    fn tell_invalid(&self, child: &Identity, owner: &OwnerReference) {
        let object = ObjectReference {
            api_version: Some(child.api_version.clone()),
            kind: Some(child.kind.clone()),
            namespace: Some(child.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            name: Some(child.name.clone()),
            uid: Some(child.uid.clone()),
            ..ObjectReference::default()
        };
        let OwnerReference { api_version, kind, name, uid, .. } = owner;
        let message = format!(
            "ownerRef [{api_version}/{kind}, namespace: {}, name: {name}, uid: {uid}] does not exist in namespace {:?}",
            child.namespace, child.namespace
        );
        self.recorder.event(&object, EventType::Warning, "OwnerRefInvalidNamespace", message);
    }
}
