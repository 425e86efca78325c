//! The worker of one pod: brings what the runtime has into line with what the API wants, again and again.
//!
//! Level-triggered: each sync looks at everything anew, so a lost wake-up costs time and nothing else. Nothing that
//! matters lives only here; what does ([`Memory`]) may be lost.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use corvette_component::backoff;
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::backoff::Backoff;
use super::deps::Deps;
use super::images::Pulls;
use super::observe::Observer;
use super::observed::Observed;
use super::plan::{Facts, Resize};
use super::teardown::{self, Fate};
use super::{sizes, spec};
use crate::probes::{self, Kind, Results, Verdicts};
use crate::status::{self, Life, Reasons};
use crate::volumes;
use crate::{cri, metrics};

/// What the API wants of a pod.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The pod, as last seen.
    pub pod: Arc<Pod>,
    /// Its object is gone from the API.
    pub gone: bool,
}

/// How others reach a worker.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// Something about the pod changed.
    pub wake: Arc<Notify>,
    /// An object that the pod refers to changed.
    pub dirty: Arc<AtomicBool>,
    /// Why the node ends the pod, until the worker has taken note.
    pub fail: Arc<Mutex<Option<status::Verdict>>>,
}

/// Why a sync could not be completed; it is tried again with back-off.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The runtime failed.
    #[error("runtime: {0}")]
    Runtime(#[from] cri::Error),
    /// Volumes could not be set up or taken down.
    #[error("volumes: {0}")]
    Volumes(#[from] volumes::Error),
    /// Something was reported as an event already.
    #[error("{0}")]
    Reported(String),
    /// The API failed.
    #[error("API: {0}")]
    Api(#[source] Box<kube::Error>),
}

/// When to sync again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// At once.
    Now,
    /// When woken, or after this time.
    Wait(Option<Duration>),
    /// Never: nothing of the pod is left.
    Over,
}

/// What a worker remembers between syncs.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) crashes: Backoff,
    pub(super) pulls: Pulls,
    pub(super) reasons: Reasons,
    /// The node took the pod.
    pub(super) admitted: bool,
    /// Sizes of containers that were changed.
    pub(super) sizes: sizes::Applied,
    /// Why containers do not get the sizes that the API has.
    pub(super) pending: Option<status::Verdict>,
    /// The node failed the pod.
    pub(super) failed: Option<status::Verdict>,
    /// Most seconds that its containers get to end, when the node ends the pod.
    pub(super) grace: Option<i64>,
    /// All containers have ended for good.
    pub(super) ended: bool,
    /// The final status was given to the writer.
    pub(super) final_status: bool,
    /// Volumes were taken down.
    pub(super) unmounted: bool,
    /// Sandboxes that were stopped and whose network is gone.
    pub(super) stopped: HashSet<String>,
    /// Containers whose Killing event was recorded.
    pub(super) killing: HashSet<String>,
    /// Results of probes that were known to the API were taken over.
    pub(super) adopted: bool,
    /// When the volumes were brought up to date.
    pub(super) refreshed: Option<tokio::time::Instant>,
    /// Waits of containers that were reported as events, by the end that they follow.
    pub(super) held: HashSet<String>,
}

/// The worker of one pod.
#[derive(Debug)]
pub struct Worker {
    pub(super) deps: Arc<Deps>,
    pub(super) uid: String,
    pub(super) desired: watch::Receiver<Desired>,
    pub(super) signals: Signals,
    pub(super) observer: Observer,
    pub(super) results: Results,
    pub(super) probes: probes::Set,
    pub(super) memory: Memory,
}

/// Seconds that the containers of an evicted pod get to end.
const EVICTED_GRACE: i64 = 1;
/// Delay of the first retry, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

impl Worker {
    /// Makes the worker of a pod.
    pub fn new(deps: Arc<Deps>, uid: &str, desired: watch::Receiver<Desired>, signals: Signals) -> Self {
        let results = Results::default();
        let tasks = deps.tasks.child("probes");
        let wake = Arc::clone(&signals.wake);
        let probes = probes::Set::new(deps.runtime.clone(), deps.events.clone(), results.clone(), wake, tasks);
        let observer = Observer::new(deps.runtime.clone(), uid, deps.volumes.pod_dir(uid));
        Self { deps, uid: uid.to_owned(), desired, signals, observer, results, probes, memory: Memory::default() }
    }

    /// Works until nothing of the pod is left.
    pub async fn run(&mut self) {
        let mut retry = backoff::Backoff::new(RETRY.0, RETRY.1);
        loop {
            let delay = match self.sync().await {
                Ok(Next::Over) => return,
                Ok(Next::Now) => {
                    retry.reset();
                    continue;
                }
                Ok(Next::Wait(delay)) => {
                    retry.reset();
                    delay
                }
                Err(error) => {
                    let delay = retry.next();
                    tracing::info!(pod_uid = self.uid, %error, ?delay, "pod sync failed, will retry");
                    Some(delay)
                }
            };
            let sleep = async {
                match delay {
                    Some(delay) => tokio::time::sleep(delay).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.desired.changed() => if changed.is_err() { return },
                () = self.signals.wake.notified() => {}
                () = sleep => {}
            }
        }
    }

    async fn sync(&mut self) -> Result<Next, Error> {
        let Desired { pod, gone } = self.desired.borrow_and_update().clone();
        if let Some(why) = self.signals.fail.lock().take() {
            self.memory.failed = Some(why);
            self.memory.ended = true;
            self.memory.grace = Some(EVICTED_GRACE);
        }
        let fate = teardown::fate(&pod, gone, self.memory.ended);
        let operation = if fate == Fate::Run { "sync" } else { "terminating" };
        let _timer = metrics::POD_WORKER.with_label_values(&[operation]).start_timer();
        match fate {
            // Boxed, so that a worker that waits is small.
            Fate::Run => Box::pin(self.run_pod(&pod)).await,
            fate => Box::pin(self.end_pod(&pod, fate)).await,
        }
    }

    /// Asks the runtime, and takes over what the API knew of containers that a kubelet before this one started.
    pub(super) async fn observe(&mut self, pod: &Pod) -> Result<Observed, Error> {
        let observed = self.observer.observe().await?;
        if !self.memory.adopted {
            self.memory.adopted = true;
            self.adopt(pod, &observed);
        }
        self.memory.sizes.retain(|id, _| observed.containers.iter().any(|container| container.id == *id));
        self.results.retain(|id| observed.containers.iter().any(|container| container.id == id));
        Ok(observed)
    }

    fn adopt(&mut self, pod: &Pod, observed: &Observed) {
        let Some(known) = &pod.status else { return };
        let lists = [&known.init_container_statuses, &known.container_statuses];
        for status in lists.into_iter().flatten().flatten() {
            let id = status.container_id.as_deref().and_then(|id| id.rsplit("://").next()).unwrap_or_default();
            let same = observed.latest(&status.name).is_some_and(|last| last.id == id);
            let probed = spec::container(pod, &status.name).is_some_and(|container| container.startup_probe.is_some());
            if same && let Some(resources) = &status.resources {
                self.memory.sizes.insert(id.to_owned(), sizes::of(Some(resources)));
            }
            if same && probed && status.started == Some(true) {
                self.results.set(id, Kind::Startup, true);
            }
        }
    }

    /// What the planner looks at.
    pub(super) fn facts<'a>(&'a self, pod: &'a Pod, observed: &'a Observed, verdicts: &'a Verdicts) -> Facts<'a> {
        let Memory { crashes, sizes, pending, .. } = &self.memory;
        let resize = if pending.is_none() { Resize::Allowed } else { Resize::Refused };
        Facts { pod, observed, verdicts, backoff: crashes, sizes, resize, now: self.deps.clock.now() }
    }

    /// Gives the writer the pod's status.
    pub(super) fn report(&self, pod: &Arc<Pod>, observed: &Observed, life: Life) {
        let verdicts = self.results.snapshot();
        let sandbox_ready = super::plan::usable_sandbox(&self.facts(pod, observed, &verdicts)).is_some();
        let status = status::generate(status::Inputs {
            pod,
            observed,
            reasons: &self.memory.reasons,
            verdicts: &verdicts,
            runtime: &self.deps.runtime_name,
            host_ips: &self.deps.node_ips,
            sandbox_ready,
            life,
            failed: self.memory.failed.as_ref(),
            sizes: &self.memory.sizes,
            pending: self.memory.pending.as_ref(),
            now: self.deps.clock.now(),
        });
        self.deps.status.set(pod, status);
    }

    /// Addresses of the pod.
    pub(super) fn ips(&self, pod: &Pod, observed: &Observed) -> Vec<String> {
        if spec::host_network(pod) {
            return self.deps.node_ips.clone();
        }
        observed.sandboxes.first().map(|sandbox| sandbox.ips.clone()).unwrap_or_default()
    }

    /// Waits until the pod should no longer run.
    pub(super) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut desired = self.desired.clone();
        async move {
            let stop = |desired: &Desired| teardown::fate(&desired.pod, desired.gone, false) != Fate::Run;
            // The sender goes only with the whole process.
            let _ = desired.wait_for(stop).await;
        }
    }

    /// Takes note that referenced objects changed.
    pub(super) fn take_dirty(&self) -> bool {
        self.signals.dirty.swap(false, Ordering::AcqRel)
    }
}
