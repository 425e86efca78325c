//! Changes the sizes of running containers.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::worker::{Error, Worker};
use super::{sizes, spec};
use crate::admission::NodeFacts;
use crate::blueprint::{self, PodLimits};
use crate::cgroups;
use crate::node::machine;

impl Worker {
    /// Finds out whether the node has room for the sizes that the API asks for. Asked anew at each sync while it has not.
    pub(super) async fn judge_resize(&mut self, pod: &Arc<Pod>) -> Result<(), Error> {
        if self.memory.pending.is_none() && self.deps.ledger.holds(pod) {
            return Ok(());
        }
        let node = NodeFacts::from_api(&self.node().await?, machine::app_armor(), self.deps.pressures.current());
        let pending = self.deps.ledger.resize(pod, &node).err();
        if let Some(why) = pending.as_ref().filter(|_| self.memory.pending != pending) {
            self.deps.events.pod_warning(pod, &format!("Resize{}", why.reason), &why.message);
        }
        self.memory.pending = pending;
        Ok(())
    }

    /// Limits the containers of a pod together. The runtime has made the cgroup with the sandbox.
    pub(super) async fn limit_pod(&self, limits: PodLimits) {
        let cgroup = cgroups::of_pod(&self.deps.host.cgroup_root, &self.uid);
        let written = tokio::task::spawn_blocking(move || cgroups::limit(&cgroup, &limits)).await;
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        if let Err(error) = written {
            // Each container has its own limits all the same.
            tracing::warn!(pod_uid = self.uid, %error, "the pod's control group is not limited as a whole");
        }
    }

    /// Gives running containers the sizes of their spec.
    pub(super) async fn resize(&mut self, pod: &Pod, containers: &[(String, String)]) -> Result<(), Error> {
        if containers.is_empty() {
            return Ok(());
        }
        // The kernel takes no limit of a container that exceeds the pod's, and none of the pod's below a container's.
        self.limit_pod(blueprint::pod_limits(pod).lifted()).await;
        for (id, name) in containers {
            let Some(container) = spec::container(pod, name) else { continue };
            let host = &self.deps.host;
            let limits = blueprint::limits(pod, container, host.capacity, host.oom_floor);
            if let Err(error) = self.deps.runtime.update_container_resources(id, limits).await {
                let message = format!("Error resizing container {name}: {error}");
                self.deps.events.pod_warning(pod, "ResizeError", &message);
                return Err(error.into());
            }
            self.memory.sizes.insert(id.clone(), sizes::of(container.resources.as_ref()));
            let message = format!("Container {name} resized");
            self.deps.events.container(pod, name, "ResizeCompleted", &message);
        }
        self.limit_pod(blueprint::pod_limits(pod)).await;
        Ok(())
    }
}
