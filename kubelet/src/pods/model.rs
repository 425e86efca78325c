//! A runtime that is only a value: what tests of pure decisions run pods on.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container as Spec, Pod};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::backoff::Backoff;
use super::observed::{Container, Observed, Sandbox, State};
use super::plan::{Facts, Plan, Resize, plan};
use super::{labels, sizes, spec};
use crate::probes::{Verdict, Verdicts};

/// What may happen to a pod that the kubelet did not do.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// A running container ends; which one, and how.
    Exit(usize, i32),
    /// A probe has a result.
    Probe(usize, Verdict),
    /// The sandbox dies with its containers.
    SandboxDies,
    /// The runtime loses track of a container.
    Lost(usize),
    /// Time passes, in seconds.
    Wait(i64),
    /// The kubelet is killed between two steps and forgets what only it knew.
    Forget,
    /// A container turns out never to have run: the kubelet was killed while it started it.
    NeverRan(usize),
    /// The image of a regular container changes.
    NewImage(usize),
}

/// A pod on a model runtime.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) pod: Pod,
    pub(super) observed: Observed,
    pub(super) verdicts: Verdicts,
    pub(super) backoff: Backoff,
    pub(super) sizes: sizes::Applied,
    pub(super) now: Timestamp,
    next: u64,
}

pub(super) fn start_of_time() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

impl Model {
    pub(super) fn new(pod: Pod) -> Self {
        Self {
            pod,
            observed: Observed::default(),
            verdicts: Verdicts::new(),
            backoff: Backoff::default(),
            sizes: sizes::Applied::new(),
            now: start_of_time(),
            next: 0,
        }
    }

    pub(super) fn plan(&self) -> Plan {
        plan(&Facts {
            pod: &self.pod,
            observed: &self.observed,
            verdicts: &self.verdicts,
            backoff: &self.backoff,
            sizes: &self.sizes,
            resize: Resize::Allowed,
            now: self.now,
        })
    }

    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.now += jiff::SignedDuration::from_millis(1);
        self.next
    }

    /// Does what a plan says.
    pub(super) fn apply(&mut self, plan: &Plan) {
        if plan.stop_pod {
            self.sandbox_dies(137);
        } else if let Some(attempt) = plan.create_sandbox {
            let number = self.tick();
            self.observed.sandboxes.push(Sandbox {
                id: format!("s{number}"),
                attempt,
                created_at: self.now,
                ready: true,
                host_network: false,
                ips: vec!["10.0.0.1".to_owned()],
            });
        } else {
            for kill in &plan.kill {
                self.end(&kill.id, 137);
            }
            for (id, name) in &plan.resize {
                let container = spec::container(&self.pod, name).unwrap();
                self.sizes.insert(id.clone(), sizes::of(container.resources.as_ref()));
            }
            for start in &plan.start {
                if let Some((key, exit)) = &start.after_exit {
                    self.backoff.next(key, *exit, self.now);
                }
                self.observed.containers.retain(|container| Some(&container.id) != start.discard.as_ref());
                self.start(&start.name, start.restart_count);
            }
        }
        self.observed.sort();
    }

    fn start(&mut self, name: &str, restart_count: u32) {
        let number = self.tick();
        let container = spec::any_container(&self.pod, name).unwrap();
        let sandbox_id = self.observed.ready_sandbox().unwrap().id.clone();
        self.observed.containers.push(Container {
            id: format!("c{number}"),
            name: name.to_owned(),
            sandbox_id,
            restart_count,
            state: State::Running,
            created_at: self.now,
            started_at: Some(self.now),
            finished_at: None,
            exit_code: 0,
            reason: String::new(),
            message: String::new(),
            image: String::new(),
            image_id: String::new(),
            hash: labels::hash(&container),
            sizes: Some(sizes::of(container.resources.as_ref())),
            grace: None,
            log_path: String::new(),
        });
    }

    fn end(&mut self, id: &str, code: i32) {
        self.tick();
        let now = self.now;
        for container in self.observed.containers.iter_mut().filter(|c| c.id == id && c.state != State::Exited) {
            container.state = State::Exited;
            container.exit_code = code;
            container.finished_at = Some(now);
        }
    }

    fn sandbox_dies(&mut self, code: i32) {
        let ids: Vec<String> = self.observed.alive().map(|container| container.id.clone()).collect();
        ids.iter().for_each(|id| self.end(id, code));
        self.observed.sandboxes.iter_mut().for_each(|sandbox| sandbox.ready = false);
    }

    fn nth_running(&self, index: usize) -> Option<String> {
        let running: Vec<_> = self.observed.containers.iter().filter(|c| c.state == State::Running).collect();
        (!running.is_empty()).then(|| running[index % running.len()].id.clone())
    }

    fn turn(&mut self, index: usize, state: State) {
        if let Some(id) = self.nth_running(index) {
            let found = self.observed.containers.iter_mut().find(|container| container.id == id);
            found.unwrap().state = state;
        }
    }

    /// Lets something happen.
    pub(super) fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Exit(index, code) => {
                if let Some(id) = self.nth_running(*index) {
                    self.end(&id, *code);
                }
            }
            Happening::Probe(index, verdict) => {
                if let Some(id) = self.nth_running(*index) {
                    self.verdicts.insert(id, *verdict);
                }
            }
            Happening::SandboxDies => self.sandbox_dies(255),
            Happening::Lost(index) => self.turn(*index, State::Unknown),
            Happening::NeverRan(index) => self.turn(*index, State::Created),
            Happening::Wait(seconds) => self.now += jiff::SignedDuration::from_secs(*seconds),
            Happening::Forget => {
                self.backoff = Backoff::default();
                self.verdicts.clear();
            }
            Happening::NewImage(index) => {
                let number = self.tick();
                let containers: &mut Vec<Spec> = &mut self.pod.spec.as_mut().unwrap().containers;
                let index = index % containers.len();
                containers[index].image = Some(format!("image:{number}"));
            }
        }
        self.observed.sort();
    }
}

fn probe(on: bool) -> Value {
    if on { json!({"exec": {"command": ["true"]}}) } else { Value::Null }
}

/// Any pod of up to three init containers, some of them sidecars, and up to three regular ones.
pub(super) fn pods() -> impl Strategy<Value = Pod> {
    let policy = prop_oneof![Just("Always"), Just("OnFailure"), Just("Never")];
    let init = prop::collection::vec((any::<bool>(), any::<bool>()), 0..4);
    let own = prop::option::weighted(0.1, prop_oneof![Just("Always"), Just("OnFailure"), Just("Never")]);
    let regular = prop::collection::vec((any::<bool>(), any::<bool>(), own), 1..4);
    (policy, init, regular).prop_map(|(policy, init, regular)| {
        let init: Vec<Value> = init
            .iter()
            .enumerate()
            .map(|(index, (sidecar, startup))| {
                let policy = sidecar.then_some("Always");
                json!({"name": format!("i{index}"), "image": "x", "restartPolicy": policy, "startupProbe": probe(*sidecar && *startup)})
            })
            .collect();
        let regular: Vec<Value> = regular
            .iter()
            .enumerate()
            .map(|(index, (live, startup, own))| {
                json!({"name": format!("r{index}"), "image": "x", "restartPolicy": own, "livenessProbe": probe(*live), "startupProbe": probe(*startup)})
            })
            .collect();
        serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": {"restartPolicy": policy, "initContainers": init, "containers": regular}
        }))
        .unwrap()
    })
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let one = || prop::option::of(any::<bool>());
    (one(), one(), one()).prop_map(|(liveness, readiness, startup)| Verdict { liveness, readiness, startup })
}

/// Anything that may happen.
pub(super) fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..6_usize, prop_oneof![Just(0), Just(1), Just(137)]).prop_map(|(i, code)| Happening::Exit(i, code)),
        3 => (0..6_usize, verdicts()).prop_map(|(i, verdict)| Happening::Probe(i, verdict)),
        1 => Just(Happening::SandboxDies),
        1 => (0..6_usize).prop_map(Happening::Lost),
        1 => (0..6_usize).prop_map(Happening::NeverRan),
        3 => (1..700_i64).prop_map(Happening::Wait),
        1 => Just(Happening::Forget),
        1 => (0..3_usize).prop_map(Happening::NewImage),
    ]
}
