//! Syncs a pod that should run.

use std::sync::Arc;
use std::time::Duration;

use corvette_component::CancellationToken;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::node::v1::RuntimeClass;
use kube::Api;
use tokio::time::Instant;

use super::observed::{Observed, Sandbox, State};
use super::plan::{self, Kill, KillReason, Plan, Start};
use super::start::{self, Site};
use super::stop::{self, Target};
use super::worker::{Error, Next, Worker};
use super::{spec, teardown};
use crate::blueprint;
use crate::logs::rotate;
use crate::probes::Stage;
use crate::status::{self, Life, Reason};
use crate::volumes;

/// How often volumes are brought up to date though no watch told of a change.
const REFRESH: Duration = Duration::from_secs(60);
/// Deadline of looking up a RuntimeClass.
const LOOK_UP: Duration = Duration::from_secs(10);
/// Instances of a container that are kept: the newest and the one before.
const KEEP: usize = 2;

impl Worker {
    pub(super) async fn run_pod(&mut self, pod: &Arc<Pod>) -> Result<Next, Error> {
        self.deps.objects.track(&self.uid, &volumes::references(pod));
        // Each step makes progress or ends the sync; the bound only guards against a runtime that forgets.
        let steps = 4 + 2 * (spec::all_containers(pod).count() + spec::ephemeral(pod).len());
        for _ in 0..steps {
            let observed = self.observe(pod).await?;
            if let Some(next) = Box::pin(self.admit(pod, &observed)).await? {
                return Ok(next);
            }
            if self.past_deadline(pod) {
                self.report(pod, &observed, Life::Active);
                return Ok(Next::Now);
            }
            Box::pin(self.judge_resize(pod)).await?;
            let verdicts = self.results.snapshot();
            let plan = plan::plan(&self.facts(pod, &observed, &verdicts));
            self.note_held(pod, &observed, &plan);
            self.report(pod, &observed, Life::Active);
            if plan.completed {
                self.memory.ended = true;
                return Ok(Next::Now);
            }
            if plan.stop_pod {
                self.stop_all(pod, &observed).await?;
            } else if let Some(attempt) = plan.create_sandbox {
                Box::pin(self.make_sandbox(pod, &observed, attempt)).await?;
            } else if plan.kill.is_empty() && plan.start.is_empty() && plan.resize.is_empty() {
                return self.settled(pod, &observed, &plan).await;
            } else {
                self.kill(pod, &observed, &plan.kill).await?;
                self.resize(pod, &plan.resize).await?;
                if let Some(next) = Box::pin(self.start_all(pod, &observed, &plan)).await? {
                    return Ok(next);
                }
            }
        }
        Ok(Next::Wait(Some(Duration::from_secs(1))))
    }

    fn past_deadline(&mut self, pod: &Arc<Pod>) -> bool {
        let passed = teardown::deadline_left(pod, self.deps.clock.now()).is_some_and(|left| left.is_zero());
        if passed && self.memory.failed.is_none() {
            let message = "Pod was active on the node longer than the specified deadline";
            self.deps.events.pod(pod, "DeadlineExceeded", message);
            self.memory.failed =
                Some(status::Verdict { reason: "DeadlineExceeded".to_owned(), message: message.to_owned() });
            self.memory.ended = true;
        }
        passed
    }

    /// Makes containers that are held back wait in CrashLoopBackOff, and drops reasons that no longer hold.
    fn note_held(&mut self, pod: &Pod, observed: &Observed, plan: &Plan) {
        for held in &plan.held {
            let reason = Reason { reason: "CrashLoopBackOff".to_owned(), message: held.message.clone() };
            self.memory.reasons.insert(held.name.clone(), reason);
            let last = observed.latest(&held.name).map(|last| last.id.clone()).unwrap_or_default();
            if self.memory.held.insert(last) {
                let message =
                    format!("Back-off restarting failed container {} in pod {}", held.name, spec::display(pod));
                self.deps.events.container_warning(pod, &held.name, "BackOff", &message);
            }
        }
        self.memory.held.retain(|id| observed.containers.iter().any(|container| container.id == *id));
        let running = |name: &str| observed.latest(name).is_some_and(|last| last.state == State::Running);
        self.memory.reasons.retain(|name, _| !running(name));
    }

    async fn stop_all(&mut self, pod: &Arc<Pod>, observed: &Observed) -> Result<(), Error> {
        if !observed.sandboxes.is_empty() {
            let message = "Pod sandbox changed, it will be killed and re-created.";
            self.deps.events.pod(pod, "SandboxChanged", message);
        }
        let kills: Vec<Kill> = observed
            .alive()
            .map(|container| Kill {
                id: container.id.clone(),
                name: container.name.clone(),
                reason: KillReason::Pod,
                message: format!("Stopping container {}", container.name),
                grace: None,
            })
            .collect();
        self.kill(pod, observed, &kills).await?;
        for sandbox in observed.sandboxes.iter().filter(|sandbox| sandbox.ready) {
            self.stop_sandbox(&sandbox.id).await?;
        }
        Ok(())
    }

    /// Sets volumes up, then makes the sandbox, as upstream does.
    async fn make_sandbox(&mut self, pod: &Arc<Pod>, observed: &Observed, attempt: u32) -> Result<(), Error> {
        if attempt > 0 && !observed.sandboxes.iter().any(|sandbox| sandbox.ready) {
            let message = "Pod sandbox changed, it will be killed and re-created.";
            self.deps.events.pod(pod, "SandboxChanged", message);
        }
        self.release_sandbox(pod, observed).await?;
        self.set_up_volumes(pod).await?;
        let config = blueprint::sandbox(pod, attempt, &self.deps.host);
        let made = async {
            let handler = self.runtime_handler(pod).await?;
            tokio::fs::create_dir_all(&config.log_directory).await.map_err(|error| error.to_string())?;
            let runtime = self.deps.runtime.clone();
            let run = async move { runtime.run_pod_sandbox(config, &handler).await };
            self.deps.finish("RunPodSandbox", run).await.map_err(|error| error.to_string())
        };
        match made.await {
            Ok(_) => Ok(()),
            Err(error) => {
                let message = format!("Failed to create pod sandbox: {error}");
                self.deps.events.pod_warning(pod, "FailedCreatePodSandBox", &message);
                Err(Error::Reported(message))
            }
        }
    }

    /// The runtime handler of the pod's RuntimeClass, which is looked up anew for each sandbox as upstream does.
    async fn runtime_handler(&self, pod: &Pod) -> Result<String, String> {
        let class = pod.spec.as_ref().and_then(|spec| spec.runtime_class_name.as_deref()).unwrap_or_default();
        if class.is_empty() {
            return Ok(String::new());
        }
        let api: Api<RuntimeClass> = Api::all(self.deps.client.clone());
        match tokio::time::timeout(LOOK_UP, api.get_opt(class)).await {
            Ok(Ok(Some(found))) => Ok(found.handler),
            Ok(Ok(None)) => Err(format!("runtimeclass.node.k8s.io {class:?} not found")),
            Ok(Err(error)) => Err(format!("failed to lookup RuntimeClass {class}: {error}")),
            Err(_) => Err(format!("failed to lookup RuntimeClass {class}: timed out waiting for the API server")),
        }
    }

    async fn set_up_volumes(&mut self, pod: &Pod) -> Result<super::mounts::Paths, Error> {
        self.take_dirty();
        self.memory.refreshed = Some(Instant::now());
        self.memory.unmounted = false;
        match self.deps.volumes.set_up(pod).await {
            Ok(paths) => Ok(paths),
            Err(failure) => {
                let message = failure.to_string();
                self.deps.events.pod_warning(pod, "FailedMount", &message);
                Err(Error::Reported(message))
            }
        }
    }

    async fn kill(&mut self, pod: &Arc<Pod>, observed: &Observed, kills: &[Kill]) -> Result<(), Error> {
        if kills.is_empty() {
            return Ok(());
        }
        let address = self.ips(pod, observed).first().cloned().unwrap_or_default();
        let targets: Vec<Target> = kills
            .iter()
            .map(|kill| Target {
                id: kill.id.clone(),
                name: kill.name.clone(),
                message: self.memory.killing.insert(kill.id.clone()).then(|| kill.message.clone()),
                grace: stop::seconds(kill.grace.unwrap_or_else(|| spec::grace_period(pod))),
            })
            .collect();
        let deps = Arc::clone(&self.deps);
        let stops = join_all(targets.iter().map(|target| stop::stop(&deps, pod, target, &address)));
        let stopped = self.stopped();
        tokio::select! {
            results = stops => {
                results.into_iter().collect::<Result<Vec<()>, _>>()?;
                Ok(())
            }
            // What is left to stop is stopped with the pod, whose grace period may be shorter.
            () = stopped => Ok(()),
        }
    }

    /// Starts containers in order; returns when to go on after the first that did not start.
    async fn start_all(&mut self, pod: &Arc<Pod>, observed: &Observed, plan: &Plan) -> Result<Option<Next>, Error> {
        let Some(sandbox) = observed.ready_sandbox().cloned() else { return Ok(None) };
        if plan.start.is_empty() {
            return Ok(None);
        }
        let volumes = self.set_up_volumes(pod).await?;
        self.limit_pod(blueprint::pod_limits(pod)).await;
        let mut wait: Option<Duration> = None;
        for start in &plan.start {
            match self.start_one(pod, observed, &sandbox, &volumes, start).await {
                Started::Yes => {}
                Started::No(retry) => wait = Some(wait.map_or(retry, |wait| wait.min(retry))),
                Started::Stopped => return Ok(Some(Next::Now)),
            }
        }
        let Some(wait) = wait else { return Ok(None) };
        let observed = self.observe(pod).await?;
        self.report(pod, &observed, Life::Active);
        self.sync_probes(pod, &observed);
        let wait = plan.wake_after().map_or(wait, |held| held.min(wait));
        Ok(Some(Next::Wait(Some(wait))))
    }

    async fn start_one(
        &mut self,
        pod: &Arc<Pod>,
        observed: &Observed,
        sandbox: &Sandbox,
        volumes: &super::mounts::Paths,
        start: &Start,
    ) -> Started {
        if let Some((key, exit)) = &start.after_exit {
            self.memory.crashes.next(key, *exit, self.deps.clock.now());
        }
        let config = blueprint::sandbox(pod, sandbox.attempt, &self.deps.host);
        let ips = self.ips(pod, observed);
        let target = spec::ephemeral(pod).iter().find(|container| container.name == start.name);
        let target = target.and_then(|container| observed.latest(container.target_container_name.as_deref()?));
        let target = target.map(|container| container.id.as_str());
        let site = Site { sandbox, config: &config, volumes, ips: &ips, target };
        let (stopped, token) = (self.stopped(), CancellationToken::new());
        let deps = Arc::clone(&self.deps);
        let result = {
            let mut work = Box::pin(start::start(&deps, pod, start, site, &mut self.memory.pulls, &token));
            tokio::select! {
                result = &mut work => result,
                () = stopped => {
                    token.cancel();
                    // The outcome no longer matters, the end of the calls does.
                    let _ = work.await;
                    return Started::Stopped;
                }
            }
        };
        match result {
            Ok(()) => {
                self.memory.reasons.remove(&start.name);
                Started::Yes
            }
            Err(failure) => {
                if let Some(id) = failure.kill {
                    let kill = Kill {
                        id,
                        name: start.name.clone(),
                        reason: KillReason::Pod,
                        message: "FailedPostStartHook".to_owned(),
                        grace: None,
                    };
                    if let Err(error) = self.kill(pod, observed, &[kill]).await {
                        tracing::info!(pod = spec::name(pod), %error, "container not stopped after its hook failed");
                    }
                }
                self.memory.reasons.insert(start.name.clone(), failure.reason);
                Started::No(failure.retry)
            }
        }
    }

    fn sync_probes(&mut self, pod: &Arc<Pod>, observed: &Observed) {
        let address = self.ips(pod, observed).first().cloned().unwrap_or_default();
        let now = self.deps.clock.now();
        self.probes.sync(pod, observed, &address, Stage::Serving, now);
    }

    /// Nothing is to be done: looks after probes, volumes and leftovers.
    async fn settled(&mut self, pod: &Arc<Pod>, observed: &Observed, plan: &Plan) -> Result<Next, Error> {
        self.sync_probes(pod, observed);
        let due = self.memory.refreshed.is_none_or(|at| at.elapsed() >= REFRESH);
        if self.take_dirty() || due {
            self.set_up_volumes(pod).await?;
        }
        self.sweep(observed).await?;
        let waits = [plan.wake_after(), teardown::deadline_left(pod, self.deps.clock.now()), Some(REFRESH)];
        Ok(Next::Wait(waits.into_iter().flatten().min()))
    }

    /// Removes old instances of containers and old sandboxes.
    async fn sweep(&mut self, observed: &Observed) -> Result<(), Error> {
        let mut seen: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
        for container in &observed.containers {
            let count = seen.entry(&container.name).or_default();
            *count += 1;
            if *count > KEEP && container.state != State::Running {
                self.deps.runtime.remove_container(&container.id).await?;
                if !container.log_path.is_empty() {
                    remove_log(&container.log_path).await;
                }
            }
        }
        for sandbox in observed.sandboxes.iter().skip(1).filter(|sandbox| !sandbox.ready) {
            if !observed.containers.iter().any(|container| container.sandbox_id == sandbox.id) {
                self.deps.runtime.remove_pod_sandbox(&sandbox.id).await?;
            }
        }
        Ok(())
    }
}

async fn remove_log(path: &str) {
    let log = std::path::PathBuf::from(path);
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || rotate::remove(&log)).await {
        tracing::warn!(path, %error, "old log not removed");
    }
}

enum Started {
    Yes,
    /// It did not; try again after this time.
    No(Duration),
    /// The pod should no longer run.
    Stopped,
}
