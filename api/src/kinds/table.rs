//! One row per kind that has behaviour. A kind without a row is [`Plain`].

use super::admissionregistration::policy_binding::PolicyBinding;
use super::admissionregistration::webhooks::WebhookConfiguration;
use super::strategy::{Plain, Strategy};
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
    row("", "Binding", &core::binding::Binding),
    row("", "ComponentStatus", &core::component_status::ComponentStatus),
    row("", "ConfigMap", &core::config_map::ConfigMap),
    row("", "Endpoints", &core::endpoints::Endpoints),
    row("", "Event", &core::event::Event),
    row("", "LimitRange", &core::limit_range::LimitRange),
    row("", "Namespace", &core::namespace::Namespace),
    row("", "Node", &core::node::Node),
    row("", "PersistentVolume", &core::persistent_volume::PersistentVolume),
    row("", "PersistentVolumeClaim", &core::persistent_volume_claim::PersistentVolumeClaim),
    row("", "Pod", &core::pod::Pod),
    row("", "PodTemplate", &core::pod_template::PodTemplate),
    row("", "ReplicationController", &core::replication_controller::ReplicationController),
    row("", "ResourceQuota", &core::resource_quota::ResourceQuota),
    row("", "Secret", &core::secret::Secret),
    row("", "Service", &core::service::Service),
    row("", "ServiceAccount", &core::service_account::ServiceAccount),
    row(
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicy",
        &admissionregistration::policy::MutatingAdmissionPolicy,
    ),
    row("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding", &PolicyBinding { actions: false }),
    row("admissionregistration.k8s.io", "MutatingWebhookConfiguration", &WebhookConfiguration { mutating: true }),
    row(
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        &admissionregistration::policy::ValidatingAdmissionPolicy,
    ),
    row("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", &PolicyBinding { actions: true }),
    row("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", &WebhookConfiguration { mutating: false }),
    row(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        &apiextensions::custom_resource_definition::CustomResourceDefinition,
    ),
    row("apiregistration.k8s.io", "APIService", &apiregistration::api_service::ApiService),
    row("apps", "ControllerRevision", &apps::controller_revision::ControllerRevision),
    row("apps", "DaemonSet", &apps::daemon_set::DaemonSet),
    row("apps", "Deployment", &apps::deployment::Deployment),
    row("apps", "ReplicaSet", &apps::replica_set::ReplicaSet),
    row("apps", "StatefulSet", &apps::stateful_set::StatefulSet),
    row("autoscaling", "HorizontalPodAutoscaler", &autoscaling::horizontal_pod_autoscaler::HorizontalPodAutoscaler),
    row("autoscaling", "Scale", &autoscaling::scale::Scale),
    row("batch", "CronJob", &batch::cron_job::CronJob),
    row("batch", "Job", &batch::job::Job),
    row(
        "certificates.k8s.io",
        "CertificateSigningRequest",
        &certificates::certificate_signing_request::CertificateSigningRequest,
    ),
    row("certificates.k8s.io", "ClusterTrustBundle", &certificates::cluster_trust_bundle::ClusterTrustBundle),
    row("certificates.k8s.io", "PodCertificateRequest", &certificates::pod_certificate_request::PodCertificateRequest),
    row("coordination.k8s.io", "Lease", &coordination::lease::Lease),
    row("coordination.k8s.io", "LeaseCandidate", &coordination::lease_candidate::LeaseCandidate),
    row("discovery.k8s.io", "EndpointSlice", &discovery::endpoint_slice::EndpointSlice),
    row("flowcontrol.apiserver.k8s.io", "FlowSchema", &flowcontrol::flow_schema::FlowSchema),
    row(
        "flowcontrol.apiserver.k8s.io",
        "PriorityLevelConfiguration",
        &flowcontrol::priority_level::PriorityLevelConfiguration,
    ),
    row("internal.apiserver.k8s.io", "StorageVersion", &storage::migration::StorageVersion),
    row("networking.k8s.io", "IPAddress", &networking::ip_address::IpAddress),
    row("networking.k8s.io", "Ingress", &networking::ingress::Ingress),
    row("networking.k8s.io", "IngressClass", &networking::ingress_class::IngressClass),
    row("networking.k8s.io", "NetworkPolicy", &networking::network_policy::NetworkPolicy),
    row("networking.k8s.io", "ServiceCIDR", &networking::service_cidr::ServiceCidr),
    row("node.k8s.io", "RuntimeClass", &node::runtime_class::RuntimeClass),
    row("policy", "Eviction", &policy::eviction::Eviction),
    row("policy", "PodDisruptionBudget", &policy::pod_disruption_budget::PodDisruptionBudget),
    row("rbac.authorization.k8s.io", "ClusterRole", &rbac::role::ClusterRole),
    row("rbac.authorization.k8s.io", "ClusterRoleBinding", &rbac::binding::ClusterRoleBinding),
    row("rbac.authorization.k8s.io", "Role", &rbac::role::Role),
    row("rbac.authorization.k8s.io", "RoleBinding", &rbac::binding::RoleBinding),
    row("resource.k8s.io", "DeviceClass", &resource::device_class::DeviceClass),
    row("resource.k8s.io", "DeviceTaintRule", &resource::taint_rule::DeviceTaintRule),
    row("resource.k8s.io", "ResourceClaim", &resource::resource_claim::ResourceClaim),
    row("resource.k8s.io", "ResourceClaimTemplate", &resource::resource_claim::ResourceClaimTemplate),
    row("resource.k8s.io", "ResourcePoolStatusRequest", &resource::taint_rule::ResourcePoolStatusRequest),
    row("resource.k8s.io", "ResourceSlice", &resource::resource_slice::ResourceSlice),
    row("scheduling.k8s.io", "PodGroup", &scheduling::pod_group::PodGroup),
    row("scheduling.k8s.io", "PriorityClass", &scheduling::priority_class::PriorityClass),
    row("scheduling.k8s.io", "Workload", &scheduling::pod_group::Workload),
    row("storage.k8s.io", "CSIDriver", &storage::csi_driver::CsiDriver),
    row("storage.k8s.io", "CSINode", &storage::csi_node::CsiNode),
    row("storage.k8s.io", "CSIStorageCapacity", &storage::csi_storage_capacity::CsiStorageCapacity),
    row("storage.k8s.io", "StorageClass", &storage::storage_class::StorageClass),
    row("storage.k8s.io", "VolumeAttachment", &storage::volume_attachment::VolumeAttachment),
    row("storage.k8s.io", "VolumeAttributesClass", &storage::volume_attributes_class::VolumeAttributesClass),
    row("storagemigration.k8s.io", "StorageVersionMigration", &storage::migration::StorageVersionMigration),
];

/// Finds the behaviour of a kind; [`Plain::SPEC_STATUS`] for one that has none of its own.
pub fn find(group: &str, kind: &str) -> &'static dyn Strategy {
    ROWS.iter()
        .find(|row| row.group == group && row.kind == kind)
        .map_or(&Plain::SPEC_STATUS as &'static dyn Strategy, |row| row.strategy)
}
