//! Has a pod judged before anything is made for it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;

use super::observed::Observed;
use super::spec;
use super::worker::{Error, Next, Worker};
use crate::admission::NodeFacts;
use crate::node::machine;
use crate::status;

/// Deadline of asking for the node's object.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Worker {
    /// Judges a pod that was not judged yet; returns what to do next when the node does not take it. A pod that has a
    /// sandbox, or that the API knows as begun, was taken before.
    pub(super) async fn admit(&mut self, pod: &Arc<Pod>, observed: &Observed) -> Result<Option<Next>, Error> {
        if self.memory.admitted {
            return Ok(None);
        }
        if spec::acknowledged(pod) || !observed.sandboxes.is_empty() {
            self.deps.ledger.record(pod);
        } else {
            let node = NodeFacts::from_api(&self.node().await?, machine::app_armor(), self.deps.pressures.current());
            if let Err(refusal) = self.deps.ledger.admit(pod, &node) {
                self.deps.events.pod_warning(pod, &refusal.reason, &refusal.message);
                self.deps.status.set(pod, status::rejected(pod, &refusal, self.deps.clock.now()));
                self.memory.ended = true;
                self.memory.final_status = true;
                return Ok(Some(Next::Now));
            }
        }
        self.memory.admitted = true;
        Ok(None)
    }

    /// The node's object, with what pods may have of it.
    pub(super) async fn node(&self) -> Result<Node, Error> {
        let api: Api<Node> = Api::all(self.deps.client.clone());
        match tokio::time::timeout(TIMEOUT, api.get(&self.deps.host.node_name)).await {
            Ok(Ok(node)) if node.status.as_ref().is_some_and(|status| status.allocatable.is_some()) => Ok(node),
            Ok(Ok(_)) => Err(Error::Reported("the node's status is not written yet".to_owned())),
            Ok(Err(error)) => Err(Error::Api(Box::new(error))),
            Err(_) => Err(Error::Reported("timed out waiting for the API server".to_owned())),
        }
    }
}
