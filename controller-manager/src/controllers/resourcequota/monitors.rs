//! Tells when something went away that a quota counts: one metadata watch per counted resource.

use std::collections::HashSet;

use corvette_api::gvk::GroupResource;
use corvette_client::NamespacedName;
use corvette_client::informer::Informer;
use corvette_client::kube::core::{DynamicObject, PartialObjectMeta};
use corvette_client::kube::runtime::{WatchStreamExt as _, watcher};
use corvette_client::kube::{Api, Client};
use corvette_component::tasks::Tasks;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ResourceQuota;
use parking_lot::Mutex;

use crate::controllers::shared::discovery::Served;
use crate::framework::Queue;

/// The watches under way.
pub struct Monitors {
    client: Client,
    tasks: Tasks,
    wake: Wake,
    watched: Mutex<HashSet<GroupResource>>,
}

/// Adds the quotas of a namespace to the queue.
#[derive(Clone)]
pub struct Wake {
    /// All quotas.
    pub quotas: Informer<ResourceQuota>,
    /// Where their keys go.
    pub queue: Queue,
}

impl Wake {
    /// Has the quotas of a namespace counted afresh.
    pub fn namespace(&self, namespace: &str) {
        for quota in self.quotas.in_namespace(namespace) {
            self.queue.add(NamespacedName::of(quota.as_ref()));
        }
    }
}

impl Monitors {
    /// Makes a set without watches. Those of `known` resources are someone else's business.
    pub fn new(client: Client, tasks: Tasks, wake: Wake, known: impl IntoIterator<Item = GroupResource>) -> Self {
        Self { client, tasks, wake, watched: Mutex::new(known.into_iter().collect()) }
    }

    /// Watches a resource from now on.
    pub fn watch(&self, name: &GroupResource, served: &Served) {
        if !served.supports(&["list", "watch"]) || !self.watched.lock().insert(name.clone()) {
            return;
        }
        let api = Api::<PartialObjectMeta<DynamicObject>>::all_with(self.client.clone(), &served.resource);
        let (wake, label) = (self.wake.clone(), served.label());
        self.tasks.spawn_until_cancelled(format!("quota monitor {label}"), async move {
            let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
            while let Some(event) = events.next().await {
                match event {
                    Ok(watcher::Event::Delete(gone)) => {
                        wake.namespace(gone.metadata.namespace.as_deref().unwrap_or_default())
                    }
                    // What went away while the watch was broken is not told.
                    Ok(watcher::Event::InitDone) => wake.quotas.list().iter().for_each(|quota| {
                        wake.queue.add(NamespacedName::of(quota.as_ref()));
                    }),
                    Ok(_) => {}
                    Err(error) => tracing::debug!(resource = %label, %error, "watch failed; trying again"),
                }
            }
        });
    }
}
