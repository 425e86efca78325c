//! The kinds with a description of their own.

use serde_json::Value;

use super::events::Events;
use super::generic;
use super::kinds::{
    config_map, cron_job, csi_node, daemon_set, deployment, endpoint_slice, endpoints, ingress, ingress_class,
    ip_address, job, limit_range, namespace, network_policy, node, persistent_volume, persistent_volume_claim, pod,
    pod_disruption_budget, priority_class, replica_set, replication_controller, resource_quota, role, role_binding,
    secret, service, service_account, service_cidr, stateful_set, storage_class,
};
use super::related::{Need, Related};
use super::template::pods_of;
use super::text::Text;

/// How one kind is described.
pub struct Row {
    group: &'static str,
    kind: &'static str,
    /// Whether events follow.
    pub events: Events,
    /// What else is asked for.
    pub needs: fn(&Value) -> Vec<Need>,
    /// Writes the description.
    pub describe: fn(&mut Text, &Value, &Related),
}

impl Row {
    const fn new(group: &'static str, kind: &'static str, describe: fn(&mut Text, &Value, &Related)) -> Self {
        Self { group, kind, events: Events::Shown, needs: |_| Vec::new(), describe }
    }

    const fn needing(self, needs: fn(&Value) -> Vec<Need>) -> Self {
        Self { needs, ..self }
    }

    const fn without_events(self) -> Self {
        Self { events: Events::Hidden, ..self }
    }
}

/// Kinds in the order of their groups.
const ROWS: &[Row] = &[
    Row::new("", "ConfigMap", config_map::describe),
    Row::new("", "Endpoints", endpoints::describe),
    Row::new("", "LimitRange", limit_range::describe).without_events(),
    Row::new("", "Namespace", namespace::describe).needing(namespace::needs).without_events(),
    Row::new("", "Node", node::describe).needing(node::needs),
    Row::new("", "PersistentVolume", persistent_volume::describe),
    Row::new("", "PersistentVolumeClaim", persistent_volume_claim::describe).needing(persistent_volume_claim::needs),
    Row::new("", "Pod", pod::describe),
    Row::new("", "ReplicationController", replication_controller::describe).needing(pods_of),
    Row::new("", "ResourceQuota", resource_quota::describe).without_events(),
    Row::new("", "Secret", secret::describe).without_events(),
    Row::new("", "Service", service::describe).needing(service::needs),
    Row::new("", "ServiceAccount", service_account::describe).needing(service_account::needs),
    Row::new("apps", "DaemonSet", daemon_set::describe).needing(pods_of),
    Row::new("apps", "Deployment", deployment::describe).needing(deployment::needs),
    Row::new("apps", "ReplicaSet", replica_set::describe).needing(pods_of),
    Row::new("apps", "StatefulSet", stateful_set::describe).needing(pods_of),
    Row::new("batch", "CronJob", cron_job::describe),
    Row::new("batch", "Job", job::describe),
    Row::new("discovery.k8s.io", "EndpointSlice", endpoint_slice::describe),
    Row::new("networking.k8s.io", "IPAddress", ip_address::describe),
    Row::new("networking.k8s.io", "Ingress", ingress::describe).needing(ingress::needs),
    Row::new("networking.k8s.io", "IngressClass", ingress_class::describe),
    Row::new("networking.k8s.io", "NetworkPolicy", network_policy::describe).without_events(),
    Row::new("networking.k8s.io", "ServiceCIDR", service_cidr::describe),
    Row::new("policy", "PodDisruptionBudget", pod_disruption_budget::describe),
    Row::new("rbac.authorization.k8s.io", "ClusterRole", role::describe).without_events(),
    Row::new("rbac.authorization.k8s.io", "ClusterRoleBinding", role_binding::describe).without_events(),
    Row::new("rbac.authorization.k8s.io", "Role", role::describe).without_events(),
    Row::new("rbac.authorization.k8s.io", "RoleBinding", role_binding::describe).without_events(),
    Row::new("scheduling.k8s.io", "PriorityClass", priority_class::describe),
    Row::new("storage.k8s.io", "CSINode", csi_node::describe),
    Row::new("storage.k8s.io", "StorageClass", storage_class::describe),
];

/// Everything else.
const GENERIC: &Row = &Row::new("", "", generic::describe);

/// The row of a kind.
pub fn find(group: &str, kind: &str) -> &'static Row {
    ROWS.iter().find(|row| row.group == group && row.kind == kind).unwrap_or(GENERIC)
}
