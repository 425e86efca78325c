//! Looks at the node again and again, and ends a pod when it must.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::time::Instant;

use super::images::{self, ImageGc};
use super::limits::{self, Place};
use super::messages::{self, Use};
use super::pressure::{Pressures, Thresholds};
use super::rank::{self, Candidate};
use super::usage::{self, Containers};
use crate::cri::Runtime;
use crate::events::PodEvents;
use crate::node::machine;
use crate::pods::{Pods, labels, spec};
use crate::resources;
use crate::status::Verdict;

/// How often the node is looked at.
const PERIOD: Duration = Duration::from_secs(10);
/// How often images are looked at though there is no pressure (`pkg/kubelet: ImageGCPeriod`).
const IMAGES: Duration = Duration::from_secs(300);

/// Ends pods when they use more than they may, or the node runs short.
#[derive(Debug)]
pub struct Evictor {
    /// The pods.
    pub pods: Pods,
    /// The runtime.
    pub runtime: Runtime,
    /// Events.
    pub events: PodEvents,
    /// Name of the node.
    pub node_name: String,
    /// What must be left of the node.
    pub thresholds: Thresholds,
    /// What the node reports.
    pub pressures: Pressures,
    /// Directory of the kubelet, on the disk that counts.
    pub root: PathBuf,
    /// Directory of pod logs.
    pub log_dir: PathBuf,
}

impl Evictor {
    /// Looks after the node until dropped.
    pub async fn run(self) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut gc = ImageGc::new(self.runtime.clone());
        let mut collected: Option<Instant> = None;
        loop {
            ticks.tick().await;
            if collected.is_none_or(|at| at.elapsed() >= IMAGES) {
                collected = Some(Instant::now());
                self.collect_images(&mut gc).await;
            }
            let pods: Vec<Arc<Pod>> = self.pods.all().into_iter().filter(|pod| spec::acknowledged(pod)).collect();
            self.enforce_limits(&pods).await;
            self.relieve(&mut gc, &pods).await;
        }
    }

    async fn collect_images(&self, gc: &mut ImageGc) {
        let wanted = machine::disk(&self.root).map_or(0, images::wanted);
        match gc.collect(wanted).await {
            Ok(done) if done.freed < done.wanted => {
                let (wanted, freed) = (done.wanted, done.freed);
                let message = format!(
                    "Failed to garbage collect required amount of images. Attempted to free {wanted} bytes, but only \
                     found {freed} bytes eligible to free."
                );
                self.events.node_warning(&self.node_name, "FreeDiskSpaceFailed", &message);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "images not looked at, will retry"),
        }
    }

    /// Ends pods that use more disk than they may.
    async fn enforce_limits(&self, pods: &[Arc<Pod>]) {
        let limited: Vec<_> = pods.iter().filter(|pod| limits::is_limited(pod)).collect();
        if limited.is_empty() {
            return;
        }
        let used = self.usage().await;
        for pod in limited {
            let place = self.place(pod);
            let containers = used.get(spec::uid(pod)).cloned().unwrap_or_default();
            let looked = Arc::clone(pod);
            let exceeded = tokio::task::spawn_blocking(move || limits::exceeded(&looked, &place, &containers));
            if let Ok(Some(why)) = exceeded.await {
                self.evict(pod, why);
            }
        }
    }

    fn place(&self, pod: &Pod) -> Place {
        let (namespace, name, uid) = (spec::namespace(pod), spec::name(pod), spec::uid(pod));
        let logs = labels::log_directory(&self.log_dir, namespace, name, uid);
        Place::of(&self.root.join("pods").join(uid), logs)
    }

    async fn usage(&self) -> HashMap<String, Containers> {
        match usage::of_containers(&self.runtime).await {
            Ok(used) => used,
            Err(error) => {
                tracing::warn!(%error, "use of containers not known, will retry");
                HashMap::new()
            }
        }
    }

    /// Ends one pod when the node runs short, or for disk removes images instead when that is enough.
    async fn relieve(&self, gc: &mut ImageGc, pods: &[Arc<Pod>]) {
        let measured = self.thresholds.measure(&self.root);
        self.pressures.observe(measured);
        if measured.disk {
            if let Err(error) = gc.collect(i64::MAX).await {
                tracing::warn!(%error, "images not removed under disk pressure");
            }
            if self.thresholds.measure(&self.root).disk {
                self.evict_first(pods, Resource::Disk).await;
            }
        } else if measured.memory {
            self.evict_first(pods, Resource::Memory).await;
        }
    }

    async fn evict_first(&self, pods: &[Arc<Pod>], resource: Resource) {
        let used = self.usage().await;
        let none = Containers::new();
        let of = |pod: &Pod| used.get(spec::uid(pod)).unwrap_or(&none);
        let mut candidates = Vec::new();
        for pod in pods {
            let uses = uses(pod, of(pod), resource);
            candidates.push(Candidate {
                uid: spec::uid(pod).to_owned(),
                priority: pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or(0),
                usage: uses.iter().map(|one| one.used).sum(),
                request: uses.iter().map(|one| one.request).sum(),
            });
        }
        let Some(first) = rank::first(&candidates) else {
            tracing::warn!(resource = resource.name(), "the node runs short and no pod may be ended");
            return;
        };
        let Some(pod) = pods.iter().find(|pod| spec::uid(pod) == first.uid) else { return };
        let (threshold, available) = self.left(resource);
        let why = messages::low(resource.name(), threshold, available, &uses(pod, of(pod), resource));
        self.evict(pod, why);
    }

    /// What must be left of a resource, and what is.
    fn left(&self, resource: Resource) -> (i64, i64) {
        match resource {
            Resource::Memory => (self.thresholds.memory, machine::available_memory()),
            Resource::Disk => machine::disk(&self.root)
                .map_or((0, 0), |disk| (disk.total / 100 * self.thresholds.disk, disk.available)),
        }
    }

    fn evict(&self, pod: &Pod, why: Verdict) {
        tracing::info!(pod = spec::name(pod), namespace = spec::namespace(pod), message = why.message, "pod evicted");
        self.events.pod_warning(pod, messages::REASON, &why.message);
        self.pods.fail(spec::uid(pod), why);
    }
}

/// What the node can run short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    Memory,
    Disk,
}

impl Resource {
    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "ephemeral-storage",
        }
    }
}

fn uses<'a>(pod: &'a Pod, used: &Containers, resource: Resource) -> Vec<Use<'a>> {
    let of = |container: &'a k8s_openapi::api::core::v1::Container| {
        let usage = used.get(&container.name).copied().unwrap_or_default();
        Use {
            container: &container.name,
            used: if resource == Resource::Memory { usage.memory } else { usage.disk },
            request: resources::request(container, resource.name()).and_then(resources::value).unwrap_or(0),
        }
    };
    spec::containers(pod).iter().map(of).collect()
}
