//! What the controller asks of the two kinds it serves.

use std::fmt::Debug;

use corvette_client::kube::Resource;
use corvette_client::kube::core::Selector;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{
    PodTemplateSpec, ReplicationController, ReplicationControllerCondition, ReplicationControllerStatus,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::controllers::shared::claim;
use crate::framework::Error;

/// What both kinds say in the same words.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parts<'a> {
    replicas: Option<i32>,
    min_ready_seconds: Option<i32>,
    template: Option<&'a PodTemplateSpec>,
}

/// Reads the parts of either kind: the fields have the same names in types of their own.
macro_rules! parts {
    ($set:expr) => {
        $set.spec.as_ref().map_or_else(Parts::default, |spec| Parts {
            replicas: spec.replicas,
            min_ready_seconds: spec.min_ready_seconds,
            template: spec.template.as_ref(),
        })
    };
}

/// Turns a condition of one kind into that of the other.
macro_rules! converted {
    ($from:expr, $into:ident) => {
        $into {
            last_transition_time: $from.last_transition_time,
            message: $from.message,
            reason: $from.reason,
            status: $from.status,
            type_: $from.type_,
        }
    };
}

/// A kind that keeps a number of equal pods.
pub trait Replicated:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The source of its events.
    const COMPONENT: &'static str;

    /// Returns what both kinds say in the same words.
    fn parts(&self) -> Parts<'_>;
    /// Returns the wanted number of pods.
    fn replicas(&self) -> i32 {
        self.parts().replicas.unwrap_or(1)
    }
    /// Returns how long a pod must be ready to be available, in seconds.
    fn min_ready_seconds(&self) -> i32 {
        self.parts().min_ready_seconds.unwrap_or_default()
    }
    /// Returns the template of its pods.
    fn template(&self) -> Option<&PodTemplateSpec> {
        self.parts().template
    }
    /// Parses the selector.
    fn selector(&self) -> Result<Selector, Error>;
    /// Returns the status in the form of a ReplicaSet.
    fn status(&self) -> ReplicaSetStatus;
    /// Returns the object with another status.
    fn with_status(&self, status: ReplicaSetStatus) -> Self;
}

impl Replicated for ReplicaSet {
    const COMPONENT: &'static str = "replicaset-controller";

    fn parts(&self) -> Parts<'_> {
        parts!(self)
    }

    fn selector(&self) -> Result<Selector, Error> {
        claim::selector(&self.spec.as_ref().map(|spec| spec.selector.clone()).unwrap_or_default())
    }

    fn status(&self) -> ReplicaSetStatus {
        self.status.clone().unwrap_or_default()
    }

    fn with_status(&self, status: ReplicaSetStatus) -> Self {
        Self { status: Some(status), ..self.clone() }
    }
}

impl Replicated for ReplicationController {
    const COMPONENT: &'static str = "replication-controller";

    fn parts(&self) -> Parts<'_> {
        parts!(self)
    }

    fn selector(&self) -> Result<Selector, Error> {
        let labels = self.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default();
        Ok(labels.into_iter().collect())
    }

    fn status(&self) -> ReplicaSetStatus {
        let status = self.status.clone().unwrap_or_default();
        let conditions = status.conditions.map(|conditions| {
            conditions.into_iter().map(|condition| converted!(condition, ReplicaSetCondition)).collect()
        });
        ReplicaSetStatus {
            available_replicas: status.available_replicas,
            conditions,
            fully_labeled_replicas: status.fully_labeled_replicas,
            observed_generation: status.observed_generation,
            ready_replicas: status.ready_replicas,
            replicas: status.replicas,
            terminating_replicas: None,
        }
    }

    fn with_status(&self, status: ReplicaSetStatus) -> Self {
        let conditions = status.conditions.map(|conditions| {
            conditions.into_iter().map(|condition| converted!(condition, ReplicationControllerCondition)).collect()
        });
        let status = ReplicationControllerStatus {
            available_replicas: status.available_replicas,
            conditions,
            fully_labeled_replicas: status.fully_labeled_replicas,
            observed_generation: status.observed_generation,
            ready_replicas: status.ready_replicas,
            replicas: status.replicas,
        };
        Self { status: Some(status), ..self.clone() }
    }
}
