//! The kinds with a description of their own.

use serde_json::Value;

use super::events::Events::{self, Hidden, Shown};
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

const fn row(
    group: &'static str,
    kind: &'static str,
    events: Events,
    needs: fn(&Value) -> Vec<Need>,
    describe: fn(&mut Text, &Value, &Related),
) -> Row {
    Row { group, kind, events, needs, describe }
}

fn nothing(_: &Value) -> Vec<Need> {
    Vec::new()
}

/// Kinds in the order of their groups.
const ROWS: &[Row] = &[
    row("", "ConfigMap", Shown, nothing, config_map::describe),
    row("", "Endpoints", Shown, nothing, endpoints::describe),
    row("", "LimitRange", Hidden, nothing, limit_range::describe),
    row("", "Namespace", Hidden, namespace::needs, namespace::describe),
    row("", "Node", Shown, node::needs, node::describe),
    row("", "PersistentVolume", Shown, nothing, persistent_volume::describe),
    row("", "PersistentVolumeClaim", Shown, persistent_volume_claim::needs, persistent_volume_claim::describe),
    row("", "Pod", Shown, nothing, pod::describe),
    row("", "ReplicationController", Shown, pods_of, replication_controller::describe),
    row("", "ResourceQuota", Hidden, nothing, resource_quota::describe),
    row("", "Secret", Hidden, nothing, secret::describe),
    row("", "Service", Shown, service::needs, service::describe),
    row("", "ServiceAccount", Shown, service_account::needs, service_account::describe),
    row("apps", "DaemonSet", Shown, pods_of, daemon_set::describe),
    row("apps", "Deployment", Shown, deployment::needs, deployment::describe),
    row("apps", "ReplicaSet", Shown, pods_of, replica_set::describe),
    row("apps", "StatefulSet", Shown, pods_of, stateful_set::describe),
    row("batch", "CronJob", Shown, nothing, cron_job::describe),
    row("batch", "Job", Shown, nothing, job::describe),
    row("discovery.k8s.io", "EndpointSlice", Shown, nothing, endpoint_slice::describe),
    row("networking.k8s.io", "IPAddress", Shown, nothing, ip_address::describe),
    row("networking.k8s.io", "Ingress", Shown, ingress::needs, ingress::describe),
    row("networking.k8s.io", "IngressClass", Shown, nothing, ingress_class::describe),
    row("networking.k8s.io", "NetworkPolicy", Hidden, nothing, network_policy::describe),
    row("networking.k8s.io", "ServiceCIDR", Shown, nothing, service_cidr::describe),
    row("policy", "PodDisruptionBudget", Shown, nothing, pod_disruption_budget::describe),
    row("rbac.authorization.k8s.io", "ClusterRole", Hidden, nothing, role::describe),
    row("rbac.authorization.k8s.io", "ClusterRoleBinding", Hidden, nothing, role_binding::describe),
    row("rbac.authorization.k8s.io", "Role", Hidden, nothing, role::describe),
    row("rbac.authorization.k8s.io", "RoleBinding", Hidden, nothing, role_binding::describe),
    row("scheduling.k8s.io", "PriorityClass", Shown, nothing, priority_class::describe),
    row("storage.k8s.io", "CSINode", Shown, nothing, csi_node::describe),
    row("storage.k8s.io", "StorageClass", Shown, nothing, storage_class::describe),
];

/// Everything else.
const GENERIC: &Row = &row("", "", Shown, nothing, generic::describe);

/// The row of a kind.
pub fn find(group: &str, kind: &str) -> &'static Row {
    ROWS.iter().find(|row| row.group == group && row.kind == kind).unwrap_or(GENERIC)
}
