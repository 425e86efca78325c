//! The shell: keeps cache and queue up to date from the watches, runs cycles, carries placements out.

use std::sync::Arc;
use std::time::Duration;

use corvette_client::events::Recorder;
use corvette_client::informer::{Change, Informer, Informers};
use corvette_client::kube::Client;
use corvette_client::kube::runtime::watcher;
use corvette_client::leader::{self, Elector};
use corvette_component::tasks::Tasks;
use k8s_openapi::api::core::v1::{Node, Pod};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::binding::Binder;
use crate::cache::Cache;
use crate::cycle::{Cycle, FitError, Placement};
use crate::model::{NodeInfo, PodInfo, Surroundings};
use crate::plugins::ClusterEvent;
use crate::preemption;
use crate::queue::{Attempt, Queue, Timing};
use crate::surroundings;
use crate::{Config, metrics};

/// Pods that have ended use nothing and are never placed.
const LIVE_PODS: &str = "status.phase!=Succeeded,status.phase!=Failed";
/// How long bindings under way may take when the lead ends.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// Runs the scheduler until `tasks` is cancelled; as leader when an identity is configured, and again after losing the lead.
pub async fn run(client: Client, config: Config, tasks: Tasks) {
    let Some(election) = config.election.clone() else {
        return lead(client, config, tasks.child("lead"), tasks.token()).await;
    };
    let elector = Elector::new(client.clone(), election);
    leader::run(elector, &tasks, |token| lead(client.clone(), config.clone(), tasks.child("lead"), token)).await;
}

/// Everything that changes, behind one lock: a cycle sees cache and queue in step.
struct State {
    cache: Cache,
    queue: Queue,
    cycle: Cycle,
}

/// What the loop and the watch handlers share.
pub(crate) struct Shared {
    scheduler_name: String,
    state: Mutex<State>,
    wake: Notify,
}

/// What one pass over the queue decided.
enum Outcome {
    Placed(Attempt, Placement),
    Unplaced(Attempt, FitError, preemption::Outcome),
    Idle(Option<Instant>),
}

/// Schedules until `token` is cancelled; `scope` holds every task of this lead and ends with it.
async fn lead(client: Client, config: Config, scope: Tasks, token: CancellationToken) {
    tokio::select! {
        () = work(client, config, &scope) => {}
        () = token.cancelled() => {}
    }
    if let Err(late) = scope.shutdown(DRAIN_DEADLINE).await {
        tracing::warn!(tasks = ?late, "stopped without waiting for these any longer");
    }
}

async fn work(client: Client, config: Config, tasks: &Tasks) {
    let timing = Timing {
        initial_backoff: config.initial_backoff,
        max_backoff: config.max_backoff,
        flush: config.unschedulable_flush,
    };
    let state = State { cache: Cache::default(), queue: Queue::new(timing), cycle: Cycle::new(rand::random()) };
    let shared = Arc::new(Shared {
        scheduler_name: config.scheduler_name.clone(),
        state: Mutex::new(state),
        wake: Notify::new(),
    });
    let informers = Informers::new(client.clone(), tasks.clone());
    let nodes: Informer<Node> = informers.of();
    let pods: Informer<Pod> = informers.selected(watcher::Config::default().fields(LIVE_PODS));
    let handler = shared.clone();
    nodes.on_change(move |change| handler.node_changed(change));
    let handler = shared.clone();
    pods.on_change(move |change| handler.pod_changed(change));
    surroundings::watch(&informers, &shared);
    informers.start();
    informers.synced().await;
    let recorder = Recorder::new(client.clone(), &config.scheduler_name, None, tasks);
    let binder = Binder::new(client, pods, recorder, config.scheduler_name.clone());
    let permits = Arc::new(Semaphore::new(config.parallel_binds));
    schedule(&shared, &binder, &permits, tasks).await;
}

/// Takes pods from the queue until cancelled. Holds a permit for every binding and failure report under way.
async fn schedule(shared: &Arc<Shared>, binder: &Binder, permits: &Arc<Semaphore>, tasks: &Tasks) {
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        match shared.next() {
            Outcome::Idle(due) => shared.wait(due).await,
            Outcome::Placed(attempt, placement) => {
                let (shared, binder) = (shared.clone(), binder.clone());
                tasks.spawn("bind", async move {
                    let started = Instant::now();
                    let bound = binder.bind(&attempt.pod, &placement).await;
                    if !bound {
                        shared.binding_failed(attempt, &binder);
                    }
                    let result = if bound { "scheduled" } else { "error" };
                    count(result, started);
                    drop(permit);
                });
            }
            Outcome::Unplaced(attempt, error, room) => {
                let binder = binder.clone();
                tasks.spawn("report", async move {
                    let started = Instant::now();
                    binder.report(&attempt.pod, &error, room).await;
                    count("unschedulable", started);
                    drop(permit);
                });
            }
        }
    }
}

fn count(result: &str, started: Instant) {
    metrics::ATTEMPTS.with_label_values(&[result]).inc();
    metrics::ATTEMPT_SECONDS.with_label_values(&[result]).observe(started.elapsed().as_secs_f64());
}

impl Shared {
    /// Decides about the next ready pod.
    fn next(&self) -> Outcome {
        let mut state = self.state.lock();
        let State { cache, queue, cycle } = &mut *state;
        let now = Instant::now();
        let popped = queue.pop(now);
        let depth = queue.depth();
        for (name, waiting) in [
            ("active", depth.active),
            ("backoff", depth.backoff),
            ("unschedulable", depth.unschedulable),
            ("gated", depth.gated),
        ] {
            metrics::PENDING.with_label_values(&[name]).set(i64::try_from(waiting).unwrap_or(i64::MAX));
        }
        let Some(attempt) = popped else { return Outcome::Idle(queue.next_due()) };
        let decided = cycle.run(cache.snapshot(), &attempt.pod);
        metrics::ALGORITHM_SECONDS.observe((Instant::now() - now).as_secs_f64());
        match decided {
            Ok(placement) => {
                cache.assume(attempt.pod.clone(), placement.node.clone());
                Outcome::Placed(attempt, placement)
            }
            Err(error) => {
                let pod = &attempt.pod;
                let before = cache.nominated(&pod.key).cloned();
                let room = preemption::nominate(cache.snapshot(), pod, before.as_deref(), &error.resolvable);
                match &room {
                    preemption::Outcome::Nominated(nomination) => {
                        cache.nominate(pod.clone(), nomination.node.clone());
                    }
                    preemption::Outcome::NoVictims => cache.withdraw(&pod.key),
                    preemption::Outcome::NotEligible(_) => {}
                }
                queue.put_back(attempt.clone(), error.plugins.clone(), now);
                Outcome::Unplaced(attempt, error, room)
            }
        }
    }

    /// Takes over a change of what decisions depend on beside nodes and pods.
    pub(crate) fn around(&self, edit: impl FnOnce(&mut Surroundings), event: Option<ClusterEvent>) {
        let mut state = self.state.lock();
        edit(state.cache.around_mut());
        if let Some(event) = event {
            state.queue.notice(event, Instant::now());
        }
        drop(state);
        self.wake.notify_one();
    }

    async fn wait(&self, due: Option<Instant>) {
        match due {
            Some(due) => {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep_until(due) => {}
                }
            }
            None => self.wake.notified().await,
        }
    }

    /// A pod whose binding was refused is tried again, unless it is gone.
    fn binding_failed(&self, attempt: Attempt, binder: &Binder) {
        let mut state = self.state.lock();
        state.cache.forget(&attempt.pod.key);
        if binder.still_waits(&attempt.pod) {
            state.queue.put_back(attempt, Default::default(), Instant::now());
        }
        drop(state);
        self.wake.notify_one();
    }

    fn node_changed(&self, change: &Change<Node>) {
        let mut state = self.state.lock();
        match change {
            Change::Added(node) | Change::Updated { new: node, .. } => {
                if let Some(info) = NodeInfo::from_api(node) {
                    let known =
                        state.cache.snapshot().position(&info.name).and_then(|i| state.cache.snapshot().node(i));
                    if known.is_some_and(|node| *node.info == info) {
                        return;
                    }
                    state.cache.apply_node(info);
                    state.queue.notice(ClusterEvent::Node, Instant::now());
                }
            }
            Change::Deleted(node) => {
                if let Some(name) = node.metadata.name.as_deref() {
                    state.cache.delete_node(name);
                }
            }
        }
        drop(state);
        self.wake.notify_one();
    }

    fn pod_changed(&self, change: &Change<Pod>) {
        let mut state = self.state.lock();
        let now = Instant::now();
        match change {
            Change::Added(pod) | Change::Updated { new: pod, .. } => {
                let Some(info) = PodInfo::from_api(pod) else { return };
                if info.node.is_some() {
                    state.queue.delete(&info.key);
                    let event = placed_event(change, &info);
                    state.cache.apply_pod(info);
                    if let Some(event) = event {
                        state.queue.notice(event, now);
                    }
                } else if info.terminating {
                    state.queue.delete(&info.key);
                    state.cache.withdraw(&info.key);
                } else if self.is_ours(pod) && !state.cache.is_placed(&info.key) {
                    // Room made before a restart is still kept.
                    let node = pod.status.as_ref().and_then(|status| status.nominated_node_name.as_deref());
                    if let (Change::Added(_), Some(node)) = (change, node.filter(|node| !node.is_empty())) {
                        state.cache.nominate(Arc::new(info.clone()), node.into());
                    }
                    state.queue.apply(info, now);
                }
            }
            Change::Deleted(pod) => {
                let Some(info) = PodInfo::from_api(pod) else { return };
                state.queue.delete(&info.key);
                state.cache.withdraw(&info.key);
                if state.cache.is_placed(&info.key) {
                    state.cache.delete_pod(&info.key);
                    state.queue.notice(ClusterEvent::PodGone, now);
                }
            }
        }
        drop(state);
        self.wake.notify_one();
    }

    fn is_ours(&self, pod: &Pod) -> bool {
        let name = pod.spec.as_ref().and_then(|s| s.scheduler_name.as_deref());
        name.unwrap_or("default-scheduler") == self.scheduler_name
    }
}

/// What the change of a pod on a node means for others; nothing when no decision depends on it.
fn placed_event(change: &Change<Pod>, new: &PodInfo) -> Option<ClusterEvent> {
    let Change::Updated { old, .. } = change else { return Some(ClusterEvent::PodPlaced) };
    match PodInfo::from_api(old)? {
        old if old == *new => None,
        old if old.requests != new.requests => Some(ClusterEvent::PodGone),
        _ => Some(ClusterEvent::PodPlaced),
    }
}
