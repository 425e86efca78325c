//! The table of controllers. A new controller is a row here and a folder beside this file.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::ReplicationController;

use super::{deployment, replicaset};
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
