//! Changes the sizes of running containers.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::worker::{Error, Worker};
use super::{sizes, spec};
use crate::admission::NodeFacts;
use crate::blueprint;
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

    /// Gives running containers the sizes of their spec.
    pub(super) async fn resize(&mut self, pod: &Pod, containers: &[(String, String)]) -> Result<(), Error> {
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
        Ok(())
    }
}
