//! Feeds the graph: one metadata watch per resource, started and ended as discovery changes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use corvette_client::NamespacedName;
use corvette_client::kube::core::{DynamicObject, PartialObjectMeta};
use corvette_client::kube::runtime::{WatchStreamExt as _, watcher};
use corvette_client::kube::{Api, Client};
use corvette_component::backoff::Backoff;
use corvette_component::tasks::Tasks;
use futures::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::graph::{Graph, Identity, Node};
use super::mapping::{Mapping, api_version, group};
use crate::controllers::shared::discovery::{Served, resources};
use crate::framework::Queue;

/// How often discovery is asked for new and removed resources.
const RESYNC: Duration = Duration::from_secs(30);

/// Resources that nothing owns and that are too many to follow.
const IGNORED: [(&str, &str); 2] = [("", "events"), ("events.k8s.io", "events")];

/// What the monitors share with the controller.
#[derive(Clone)]
pub struct Feed {
    /// The way to the API.
    pub client: Client,
    /// What they fill. Never locked across an await.
    pub graph: Arc<Mutex<Graph>>,
    /// The kinds that can be looked up.
    pub mapping: Arc<Mapping>,
    /// Where uids go that are worth a look.
    pub queue: Queue,
    /// Whether every resource of the first discovery has been listed.
    pub ready: watch::Sender<bool>,
}

struct Monitor {
    tasks: Tasks,
    listed: watch::Receiver<bool>,
}

/// Keeps one monitor per resource until the tasks are cancelled.
pub async fn run(feed: Feed, tasks: Tasks) {
    let mut monitors: BTreeMap<String, Monitor> = BTreeMap::new();
    let mut backoff = Backoff::new(Duration::from_millis(200), RESYNC);
    loop {
        let served = match resources(&feed.client).await {
            Ok(served) if !served.is_empty() => served,
            Ok(_) => {
                tokio::time::sleep(backoff.next()).await;
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "discovery failed; trying again");
                tokio::time::sleep(backoff.next()).await;
                continue;
            }
        };
        backoff.reset();
        feed.mapping.replace(&served);
        update(&feed, &tasks, &served, &mut monitors).await;
        if !*feed.ready.borrow() {
            for monitor in monitors.values_mut() {
                // An error means that the monitor ended: nothing to wait for.
                if monitor.listed.wait_for(|listed| *listed).await.is_err() {
                    tracing::debug!("a monitor ended before it had listed");
                }
            }
            feed.ready.send_replace(true);
        }
        tokio::time::sleep(RESYNC).await;
    }
}

async fn update(feed: &Feed, tasks: &Tasks, served: &[Served], monitors: &mut BTreeMap<String, Monitor>) {
    let wanted: BTreeMap<String, &Served> =
        served.iter().filter(|s| is_monitored(s)).map(|served| (served.label(), served)).collect();
    let gone: Vec<String> = monitors.keys().filter(|label| !wanted.contains_key(*label)).cloned().collect();
    for label in gone {
        if let Some(monitor) = monitors.remove(&label)
            && monitor.tasks.shutdown(Duration::from_secs(1)).await.is_err()
        {
            tracing::warn!(resource = %label, "a monitor did not end in time");
        }
    }
    for (label, served) in wanted {
        if monitors.contains_key(&label) {
            continue;
        }
        let scope = tasks.child(&label);
        let (sender, listed) = watch::channel(false);
        scope.spawn_until_cancelled("monitor", follow(feed.clone(), served.clone(), sender));
        monitors.insert(label, Monitor { tasks: scope, listed });
    }
}

fn is_monitored(served: &Served) -> bool {
    let name = (served.resource.group.as_str(), served.resource.plural.as_str());
    served.supports(&["list", "watch", "delete"]) && !IGNORED.contains(&name)
}

/// Follows one resource. Errors are retried by the stream with back-off.
async fn follow(feed: Feed, served: Served, listed: watch::Sender<bool>) {
    let api = Api::<PartialObjectMeta<DynamicObject>>::all_with(feed.client.clone(), &served.resource);
    let events = watcher(api, watcher::Config::default()).default_backoff();
    let mut events = std::pin::pin!(events);
    let mut seen: HashSet<String> = HashSet::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => seen.clear(),
            Ok(watcher::Event::InitApply(object)) => {
                seen.extend(object.metadata.uid.clone());
                feed.observe(&served, &object);
            }
            Ok(watcher::Event::InitDone) => {
                feed.forget_others(&served, &std::mem::take(&mut seen));
                listed.send_replace(true);
            }
            Ok(watcher::Event::Apply(object)) => feed.observe(&served, &object),
            Ok(watcher::Event::Delete(object)) => feed.remove(object.metadata.uid.as_deref().unwrap_or_default()),
            Err(error) => tracing::debug!(resource = %served.label(), %error, "watch failed; trying again"),
        }
    }
}

impl Feed {
    /// Removes an object from the graph and wakes what that concerns.
    pub fn remove(&self, uid: &str) {
        let wake = self.graph.lock().remove(uid);
        self.wake(wake);
    }

    /// Removes an object that a live look did not find, unless it was observed since `node` was read.
    pub fn remove_missing(&self, node: &Node) {
        let uid = &node.identity.uid;
        let wake = {
            let mut graph = self.graph.lock();
            let appeared = node.is_virtual && graph.get(uid).is_some_and(|current| !current.is_virtual);
            if appeared { Vec::new() } else { graph.remove(uid) }
        };
        self.wake(wake);
    }

    /// Adds uids to the queue.
    pub fn wake(&self, uids: Vec<String>) {
        for uid in uids {
            self.queue.add(NamespacedName::cluster(uid));
        }
    }

    fn observe(&self, served: &Served, object: &PartialObjectMeta<DynamicObject>) {
        let meta = &object.metadata;
        let identity = Identity {
            api_version: api_version(&served.resource),
            kind: served.resource.kind.clone(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
        };
        let wake = self.graph.lock().observe(identity, meta);
        self.wake(wake);
    }

    /// Removes the objects of a resource that a new complete list does not hold.
    fn forget_others(&self, served: &Served, seen: &HashSet<String>) {
        let same_kind = |identity: &Identity| {
            identity.kind == served.resource.kind && group(&identity.api_version) == served.resource.group
        };
        let known = self.graph.lock().observed(same_kind);
        for uid in known.difference(seen) {
            self.remove(uid);
        }
    }
}
