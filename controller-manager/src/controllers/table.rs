//! The table of controllers. A new controller is a row here and a folder beside this file.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::ReplicationController;

use super::{
    cronjob, daemonset, deployment, disruption, endpoints, endpointslice, endpointslicemirroring, garbagecollector,
    job, namespace, nodeipam, nodelifecycle, podgc, replicaset, resourcequota, serviceaccount, statefulset,
    tainteviction, ttlafterfinished,
};
use crate::framework::{Context, Controller, Queue};

/// One controller.
pub struct Row {
    /// Its name in configuration, logs and metrics, as upstream's.
    pub name: &'static str,
    /// How many keys it reconciles at a time unless configured otherwise.
    pub workers: usize,
    /// Declares its informers and makes it.
    pub build: fn(&Context, Queue) -> Arc<dyn Controller>,
}

/// All controllers.
pub const TABLE: &[Row] = &[
    Row { name: "deployment-controller", workers: 5, build: deployment::build },
    Row { name: "replicaset-controller", workers: 5, build: replicaset::build::<ReplicaSet> },
    Row { name: "replicationcontroller-controller", workers: 5, build: replicaset::build::<ReplicationController> },
    Row { name: "daemonset-controller", workers: 2, build: daemonset::build },
    Row { name: "statefulset-controller", workers: 5, build: statefulset::build },
    Row { name: "job-controller", workers: 5, build: job::build },
    Row { name: "cronjob-controller", workers: 5, build: cronjob::build },
    Row { name: "ttl-after-finished-controller", workers: 5, build: ttlafterfinished::build },
    Row { name: "garbage-collector-controller", workers: 20, build: garbagecollector::build },
    Row { name: "namespace-controller", workers: 10, build: namespace::build },
    Row { name: "serviceaccount-controller", workers: 1, build: serviceaccount::build_account },
    Row { name: "root-ca-certificate-publisher-controller", workers: 1, build: serviceaccount::build_root_ca },
    Row { name: "endpointslice-controller", workers: 5, build: endpointslice::build },
    Row { name: "endpointslice-mirroring-controller", workers: 5, build: endpointslicemirroring::build },
    Row { name: "endpoints-controller", workers: 5, build: endpoints::build },
    Row { name: "node-ipam-controller", workers: 1, build: nodeipam::build },
    Row { name: "node-lifecycle-controller", workers: 4, build: nodelifecycle::build },
    Row { name: "taint-eviction-controller", workers: 4, build: tainteviction::build },
    Row { name: "disruption-controller", workers: 1, build: disruption::build },
    Row { name: "resourcequota-controller", workers: 5, build: resourcequota::build },
    Row { name: "pod-garbage-collector-controller", workers: 1, build: podgc::build },
];

/// Returns the names of all controllers.
#[must_use]
pub fn names() -> Vec<&'static str> {
    TABLE.iter().map(|row| row.name).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        assert_eq!(names().into_iter().collect::<BTreeSet<_>>().len(), TABLE.len());
    }
}
