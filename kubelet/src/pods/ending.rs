//! Syncs a pod that ends: stops it, takes it down, and removes its object from the API when that waits for it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, Preconditions};

use super::observed::Observed;
use super::stop::{self, Target};
use super::teardown::{self, Fate, Step};
use super::worker::{Error, Next, Worker};
use super::{labels, spec};
use crate::cgroups;
use crate::probes::Stage;
use crate::status::Life;

/// Longest wait for the final status to be in the API before the pod's remains are removed.
const SETTLE: Duration = Duration::from_secs(30);
/// When to ask again for the removal of the object.
const ASK_AGAIN: Duration = Duration::from_secs(5);

impl Worker {
    pub(super) async fn end_pod(&mut self, pod: &Arc<Pod>, fate: Fate) -> Result<Next, Error> {
        self.deps.objects.track(&self.uid, &std::collections::BTreeSet::new());
        loop {
            let observed = self.observe(pod).await?;
            let life = if observed.alive().next().is_some() { Life::Active } else { Life::Over };
            if life == Life::Over {
                self.deps.ledger.release(&self.uid);
            }
            self.report_end(pod, &observed, fate, life);
            match teardown::next(pod, &observed, fate, !self.memory.unmounted) {
                Step::StopContainers(containers) => {
                    let address = self.ips(pod, &observed).first().cloned().unwrap_or_default();
                    self.probes.sync(pod, &observed, &address, Stage::Stopping, self.deps.clock.now());
                    if let Some(next) = self.stop_containers(pod, fate, &containers, &address).await? {
                        return Ok(next);
                    }
                }
                Step::StopSandboxes(ids) => {
                    self.probes.clear();
                    for id in ids {
                        self.stop_sandbox(&id).await?;
                    }
                }
                Step::Unmount => {
                    self.release_sandbox(pod, &observed).await?;
                    self.deps.volumes.take_down(&self.uid).await?;
                    self.memory.unmounted = true;
                }
                Step::Remove { containers, sandboxes } => {
                    if fate == Fate::Deleted {
                        // What the runtime still knows must be told before it is forgotten.
                        let settled = self.deps.status.settled(&self.uid);
                        if tokio::time::timeout(SETTLE, settled).await.is_err() {
                            return Err(Error::Reported("the final status could not be written yet".to_owned()));
                        }
                    }
                    for id in containers {
                        self.deps.runtime.remove_container(&id).await?;
                    }
                    for id in sandboxes {
                        self.deps.runtime.remove_pod_sandbox(&id).await?;
                    }
                }
                Step::Done => break,
            }
        }
        self.probes.clear();
        match fate {
            Fate::Run | Fate::Finished => Ok(Next::Wait(None)),
            Fate::Deleted => {
                self.clean_up(pod).await?;
                self.delete_object(pod).await?;
                Ok(Next::Wait(Some(ASK_AGAIN)))
            }
            Fate::Gone => {
                self.clean_up(pod).await?;
                self.deps.status.forget(&self.uid);
                Ok(Next::Over)
            }
        }
    }

    /// Stops a sandbox and remembers it.
    pub(super) async fn stop_sandbox(&mut self, id: &str) -> Result<(), Error> {
        self.deps.runtime.stop_pod_sandbox(id).await?;
        self.memory.stopped.insert(id.to_owned());
        Ok(())
    }

    /// Stops a sandbox that ended by itself, as with its shim or the machine: nobody else gives its address and its
    /// network namespace back. That of a pod which the API knows as finished was stopped when it finished, unless the
    /// runtime still has an address for it.
    pub(super) async fn release_sandbox(&mut self, pod: &Pod, observed: &Observed) -> Result<(), Error> {
        let held = |ips: &[String]| !ips.is_empty() || !spec::finished(pod);
        let newest = observed.sandboxes.first().filter(|newest| !newest.ready && held(&newest.ips));
        match newest {
            Some(newest) if !self.memory.stopped.contains(&newest.id) => self.stop_sandbox(&newest.id).await,
            _ => Ok(()),
        }
    }

    /// Reports the state of a pod that ends. Once the final status is given and the runtime has forgotten the
    /// containers, or never had any, there is nothing better to say.
    fn report_end(&mut self, pod: &Arc<Pod>, observed: &Observed, fate: Fate, life: Life) {
        let forgotten = (self.memory.final_status || spec::finished(pod)) && observed.containers.is_empty();
        if fate == Fate::Gone || forgotten {
            return;
        }
        self.report(pod, observed, life);
        self.memory.final_status |= life == Life::Over;
    }

    /// Stops containers at once; begins anew when the API gives less time meanwhile.
    async fn stop_containers(
        &mut self,
        pod: &Arc<Pod>,
        fate: Fate,
        containers: &[(String, String)],
        address: &str,
    ) -> Result<Option<Next>, Error> {
        let own = spec::grace_period(pod);
        let grace = self.memory.grace.map_or(own, |most| most.min(own));
        let least = i64::from(fate == Fate::Gone);
        let targets: Vec<Target> = containers
            .iter()
            .map(|(id, name)| Target {
                id: id.clone(),
                name: name.clone(),
                message: self.memory.killing.insert(id.clone()).then(|| format!("Stopping container {name}")),
                grace: stop::seconds(grace.max(least)),
            })
            .collect();
        let deps = Arc::clone(&self.deps);
        let stops = join_all(targets.iter().map(|target| stop::stop(&deps, pod, target, address)));
        let mut desired = self.desired.clone();
        let hurried = async {
            let sooner = |desired: &super::worker::Desired| {
                (desired.gone && fate != Fate::Gone) || spec::grace_period(&desired.pod) < own
            };
            if desired.wait_for(sooner).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            results = stops => match results.into_iter().collect::<Result<Vec<()>, _>>() {
                Ok(_) => Ok(None),
                Err(error) => {
                    let message = format!("error killing pod: {error}");
                    self.deps.events.pod_warning(pod, "FailedKillPod", &message);
                    Err(Error::Reported(message))
                }
            },
            () = hurried => Ok(Some(Next::Now)),
        }
    }

    /// Removes what is left of the pod on the node: directories, logs, cgroups.
    async fn clean_up(&mut self, pod: &Arc<Pod>) -> Result<(), Error> {
        self.deps.volumes.remove(&self.uid).await?;
        let (namespace, name) = (spec::namespace(pod), spec::name(pod));
        let logs = labels::log_directory(&self.deps.host.log_dir, namespace, name, &self.uid);
        match tokio::fs::remove_dir_all(&logs).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Reported(format!("{}: {error}", logs.display())));
            }
            _ => {}
        }
        let cgroup = cgroups::of_pod(&self.deps.host.cgroup_root, &self.uid);
        // The runtime may hold on to a cgroup for a moment; what is left is swept later.
        let removed = tokio::task::spawn_blocking(move || cgroups::remove(&cgroup)).await;
        if let Ok(Err(error)) = removed {
            tracing::debug!(pod_uid = self.uid, %error, "cgroup not removed");
        }
        Ok(())
    }

    /// Deletes the API object that waits for the node to let go of the pod.
    async fn delete_object(&mut self, pod: &Arc<Pod>) -> Result<(), Error> {
        let settled = self.deps.status.settled(&self.uid);
        if tokio::time::timeout(SETTLE, settled).await.is_err() {
            return Err(Error::Reported("the final status could not be written yet".to_owned()));
        }
        let api: Api<Pod> = Api::namespaced(self.deps.client.clone(), spec::namespace(pod));
        let parameters = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: Some(self.uid.clone()), resource_version: None }),
            ..DeleteParams::default()
        };
        let delete = api.delete(spec::name(pod), &parameters);
        match tokio::time::timeout(SETTLE, delete).await {
            Ok(Ok(_)) => Ok(()),
            // Gone already, or another pod of the same name.
            Ok(Err(kube::Error::Api(status))) if status.code == 404 || status.code == 409 => Ok(()),
            Ok(Err(error)) => Err(Error::Api(Box::new(error))),
            Err(_) => Err(Error::Reported("timed out waiting for the API server".to_owned())),
        }
    }
}
