//! One row per kind that has behaviour. A kind without a row has spec and status and nothing else.

use super::kind::Kind;
use super::strategy::Strategy;
use super::{
    admissionregistration, apiextensions, apiregistration, apps, autoscaling, batch, certificates, coordination, core,
    discovery, flowcontrol, networking, node, policy, rbac, resource, scheduling, storage,
};

/// Ties a kind to its behaviour.
#[derive(Clone, Copy)]
pub struct Row {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Kind, e.g. `Pod`.
    pub kind: &'static str,
    /// What the pipeline asks.
    pub strategy: &'static dyn Strategy,
}

const fn row(group: &'static str, kind: &'static str, strategy: &'static dyn Strategy) -> Row {
    Row { group, kind, strategy }
}

/// Every kind with behaviour, by group and kind.
pub static ROWS: &[Row] = &[
    row("", "Binding", &core::binding::BINDING),
    row("", "ComponentStatus", &core::component_status::COMPONENT_STATUS),
    row("", "ConfigMap", &core::config_map::CONFIG_MAP),
    row("", "Endpoints", &core::endpoints::ENDPOINTS),
    row("", "Event", &core::event::EVENT),
    row("", "LimitRange", &core::limit_range::LIMIT_RANGE),
    row("", "Namespace", &core::namespace::NAMESPACE),
    row("", "Node", &core::node::NODE),
    row("", "PersistentVolume", &core::persistent_volume::PERSISTENT_VOLUME),
    row("", "PersistentVolumeClaim", &core::persistent_volume_claim::PERSISTENT_VOLUME_CLAIM),
    row("", "Pod", &core::pod::POD),
    row("", "PodTemplate", &core::pod_template::POD_TEMPLATE),
    row("", "ReplicationController", &core::replication_controller::REPLICATION_CONTROLLER),
    row("", "ResourceQuota", &core::resource_quota::RESOURCE_QUOTA),
    row("", "Secret", &core::secret::SECRET),
    row("", "Service", &core::service::SERVICE),
    row("", "ServiceAccount", &core::service_account::SERVICE_ACCOUNT),
    row(
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicy",
        &admissionregistration::policy::MUTATING_ADMISSION_POLICY,
    ),
    row(
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicyBinding",
        &admissionregistration::policy_binding::MUTATING,
    ),
    row("admissionregistration.k8s.io", "MutatingWebhookConfiguration", &admissionregistration::webhooks::MUTATING),
    row(
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        &admissionregistration::policy::VALIDATING_ADMISSION_POLICY,
    ),
    row(
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicyBinding",
        &admissionregistration::policy_binding::VALIDATING,
    ),
    row("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", &admissionregistration::webhooks::VALIDATING),
    row(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        &apiextensions::custom_resource_definition::CUSTOM_RESOURCE_DEFINITION,
    ),
    row("apiregistration.k8s.io", "APIService", &apiregistration::api_service::API_SERVICE),
    row("apps", "ControllerRevision", &apps::controller_revision::CONTROLLER_REVISION),
    row("apps", "DaemonSet", &apps::daemon_set::DAEMON_SET),
    row("apps", "Deployment", &apps::deployment::DEPLOYMENT),
    row("apps", "ReplicaSet", &apps::replica_set::REPLICA_SET),
    row("apps", "StatefulSet", &apps::stateful_set::STATEFUL_SET),
    row("autoscaling", "HorizontalPodAutoscaler", &autoscaling::horizontal_pod_autoscaler::HORIZONTAL_POD_AUTOSCALER),
    row("autoscaling", "Scale", &autoscaling::scale::SCALE),
    row("batch", "CronJob", &batch::cron_job::CRON_JOB),
    row("batch", "Job", &batch::job::JOB),
    row(
        "certificates.k8s.io",
        "CertificateSigningRequest",
        &certificates::certificate_signing_request::CERTIFICATE_SIGNING_REQUEST,
    ),
    row("certificates.k8s.io", "ClusterTrustBundle", &certificates::cluster_trust_bundle::CLUSTER_TRUST_BUNDLE),
    row(
        "certificates.k8s.io",
        "PodCertificateRequest",
        &certificates::pod_certificate_request::POD_CERTIFICATE_REQUEST,
    ),
    row("coordination.k8s.io", "Lease", &coordination::lease::LEASE),
    row("coordination.k8s.io", "LeaseCandidate", &coordination::lease_candidate::LEASE_CANDIDATE),
    row("discovery.k8s.io", "EndpointSlice", &discovery::endpoint_slice::ENDPOINT_SLICE),
    row("flowcontrol.apiserver.k8s.io", "FlowSchema", &flowcontrol::flow_schema::FLOW_SCHEMA),
    row(
        "flowcontrol.apiserver.k8s.io",
        "PriorityLevelConfiguration",
        &flowcontrol::priority_level::PRIORITY_LEVEL_CONFIGURATION,
    ),
    row("internal.apiserver.k8s.io", "StorageVersion", &storage::storage_version::STORAGE_VERSION),
    row("networking.k8s.io", "IPAddress", &networking::ip_address::IP_ADDRESS),
    row("networking.k8s.io", "Ingress", &networking::ingress::INGRESS),
    row("networking.k8s.io", "IngressClass", &networking::ingress_class::INGRESS_CLASS),
    row("networking.k8s.io", "NetworkPolicy", &networking::network_policy::NETWORK_POLICY),
    row("networking.k8s.io", "ServiceCIDR", &networking::service_cidr::SERVICE_CIDR),
    row("node.k8s.io", "RuntimeClass", &node::runtime_class::RUNTIME_CLASS),
    row("policy", "Eviction", &policy::eviction::EVICTION),
    row("policy", "PodDisruptionBudget", &policy::pod_disruption_budget::POD_DISRUPTION_BUDGET),
    row("rbac.authorization.k8s.io", "ClusterRole", &rbac::role::CLUSTER_ROLE),
    row("rbac.authorization.k8s.io", "ClusterRoleBinding", &rbac::binding::CLUSTER_ROLE_BINDING),
    row("rbac.authorization.k8s.io", "Role", &rbac::role::ROLE),
    row("rbac.authorization.k8s.io", "RoleBinding", &rbac::binding::ROLE_BINDING),
    row("resource.k8s.io", "DeviceClass", &resource::device_class::DEVICE_CLASS),
    row("resource.k8s.io", "DeviceTaintRule", &resource::taint_rule::DEVICE_TAINT_RULE),
    row("resource.k8s.io", "ResourceClaim", &resource::resource_claim::RESOURCE_CLAIM),
    row("resource.k8s.io", "ResourceClaimTemplate", &resource::resource_claim::RESOURCE_CLAIM_TEMPLATE),
    row("resource.k8s.io", "ResourcePoolStatusRequest", &resource::taint_rule::RESOURCE_POOL_STATUS_REQUEST),
    row("resource.k8s.io", "ResourceSlice", &resource::resource_slice::RESOURCE_SLICE),
    row("scheduling.k8s.io", "PodGroup", &scheduling::pod_group::POD_GROUP),
    row("scheduling.k8s.io", "PriorityClass", &scheduling::priority_class::PRIORITY_CLASS),
    row("scheduling.k8s.io", "Workload", &scheduling::pod_group::WORKLOAD),
    row("storage.k8s.io", "CSIDriver", &storage::csi_driver::CSI_DRIVER),
    row("storage.k8s.io", "CSINode", &storage::csi_node::CSI_NODE),
    row("storage.k8s.io", "CSIStorageCapacity", &storage::csi_storage_capacity::CSI_STORAGE_CAPACITY),
    row("storage.k8s.io", "StorageClass", &storage::storage_class::STORAGE_CLASS),
    row("storage.k8s.io", "VolumeAttachment", &storage::volume_attachment::VOLUME_ATTACHMENT),
    row("storage.k8s.io", "VolumeAttributesClass", &storage::volume_attributes_class::VOLUME_ATTRIBUTES_CLASS),
    row("storagemigration.k8s.io", "StorageVersionMigration", &storage::migration::STORAGE_VERSION_MIGRATION),
];

/// Finds the behaviour of a kind; [`Kind::SPEC_STATUS`] for one that has none of its own.
pub fn find(group: &str, kind: &str) -> &'static dyn Strategy {
    ROWS.iter()
        .find(|row| row.group == group && row.kind == kind)
        .map_or(&Kind::SPEC_STATUS as &'static dyn Strategy, |row| row.strategy)
}
