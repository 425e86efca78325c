//! The probe tasks of one pod.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use corvette_component::tasks::Tasks;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::attempt::{Outcome, attempt, seconds};
use super::counter::Counter;
use super::{Kind, Results};
use crate::cri::Runtime;
use crate::events::PodEvents;
use crate::pods::observed::{Observed, State};
use crate::pods::spec;

/// Attempts in a row that may fail to be made before one counts as such.
const TRIES: usize = 3;

/// Whether the pod is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It runs.
    Serving,
    /// It is being stopped: only readiness is of interest.
    Stopping,
}

/// What probe tasks share.
#[derive(Debug, Clone)]
struct Shared {
    runtime: Runtime,
    events: PodEvents,
    results: Results,
    wake: Arc<Notify>,
}

/// Keeps one task for each probe of each running container of a pod. Dropping it ends them all.
pub struct Set {
    shared: Shared,
    tasks: Tasks,
    running: HashMap<(String, Kind), AbortHandle>,
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Set").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

impl Set {
    /// Makes an empty set. `wake` is notified when a result changes.
    pub fn new(runtime: Runtime, events: PodEvents, results: Results, wake: Arc<Notify>, tasks: Tasks) -> Self {
        Self { shared: Shared { runtime, events, results, wake }, tasks, running: HashMap::new() }
    }

    /// Starts and ends tasks so that they fit the containers that run. Liveness and readiness begin once the startup
    /// probe, if any, has succeeded.
    pub fn sync(&mut self, pod: &Arc<Pod>, observed: &Observed, address: &str, stage: Stage, now: Timestamp) {
        let mut wanted = HashMap::new();
        for container in spec::all_containers(pod) {
            if spec::is_init(pod, &container.name) && !spec::is_sidecar(container) {
                continue;
            }
            let Some(last) = observed.latest(&container.name).filter(|last| last.state == State::Running) else {
                continue;
            };
            let verdict = self.shared.results.get(&last.id);
            let started = container.startup_probe.is_none() || verdict.startup == Some(true);
            for (kind, probe) in probes(container) {
                let due = match kind {
                    Kind::Startup => !started && verdict.startup.is_none() && stage == Stage::Serving,
                    Kind::Liveness => started && verdict.liveness != Some(false) && stage == Stage::Serving,
                    Kind::Readiness => started,
                };
                if due {
                    wanted.insert((last.id.clone(), kind), (container, probe, last.started_at.unwrap_or(now)));
                }
            }
        }
        self.running.retain(|key, task| {
            let keep = wanted.contains_key(key) && !task.is_finished();
            if !keep {
                task.abort();
            }
            keep
        });
        for (key, (container, probe, since)) in wanted {
            if self.running.contains_key(&key) {
                continue;
            }
            let task = Task {
                shared: self.shared.clone(),
                pod: Arc::clone(pod),
                container: container.clone(),
                probe: probe.clone(),
                kind: key.1,
                id: key.0.clone(),
                address: address.to_owned(),
            };
            let delay = task.first_delay(since, now);
            let name = format!("{} probe of {}", key.1.word(), container.name);
            let handle = self.tasks.spawn_until_cancelled(name, task.run(delay));
            self.running.insert(key, handle);
        }
    }

    /// Ends all tasks.
    pub fn clear(&mut self) {
        for (_, task) in self.running.drain() {
            task.abort();
        }
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        self.clear();
    }
}

fn probes(container: &Container) -> impl Iterator<Item = (Kind, &Probe)> {
    [
        (Kind::Liveness, &container.liveness_probe),
        (Kind::Readiness, &container.readiness_probe),
        (Kind::Startup, &container.startup_probe),
    ]
    .into_iter()
    .filter_map(|(kind, probe)| Some((kind, probe.as_ref()?)))
}

struct Task {
    shared: Shared,
    pod: Arc<Pod>,
    container: Container,
    probe: Probe,
    kind: Kind,
    id: String,
    address: String,
}

impl Task {
    /// What is left of the initial delay.
    fn first_delay(&self, since: Timestamp, now: Timestamp) -> Duration {
        let delay = self.probe.initial_delay_seconds.and_then(|delay| u64::try_from(delay).ok()).unwrap_or(0);
        Duration::from_secs(delay).saturating_sub(crate::pods::backoff::since(since, now))
    }

    async fn run(self, delay: Duration) {
        let mut counter = Counter::new(self.probe.success_threshold, self.probe.failure_threshold);
        let start = tokio::time::Instant::now() + delay;
        let mut ticks = tokio::time::interval_at(start, seconds(self.probe.period_seconds, 10));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let outcome = self.attempt().await;
            self.report(&outcome);
            let Some(success) = counter.take(&outcome) else { continue };
            if self.shared.results.set(&self.id, self.kind, success) {
                self.shared.wake.notify_one();
            }
            // The container is killed, or has started: either way this probe has said all it has to say.
            let last_word = match self.kind {
                Kind::Liveness => !success,
                Kind::Startup => true,
                Kind::Readiness => false,
            };
            if last_word {
                return;
            }
        }
    }

    async fn attempt(&self) -> Outcome {
        let mut outcome = Outcome::Error(String::new());
        for _ in 0..TRIES {
            outcome = attempt(&self.shared.runtime, &self.probe, &self.container, &self.id, &self.address).await;
            if !matches!(outcome, Outcome::Error(_)) {
                break;
            }
        }
        outcome
    }

    fn report(&self, outcome: &Outcome) {
        let word = self.kind.word();
        let message = match outcome {
            Outcome::Success => return,
            Outcome::Failure(output) => format!("{word} probe failed: {output}"),
            Outcome::Error(error) => format!("{word} probe errored and resulted in unknown state: {error}"),
        };
        self.shared.events.container_warning(&self.pod, &self.container.name, "Unhealthy", &message);
    }
}
