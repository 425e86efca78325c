//! The table of built-in API resources: one row for each resource in each served version.
//!
//! Adding a resource is adding a row here (and, when it has behaviour, a row in `corvette_api::kinds::table`). The order
//! within a group and version is the alphabetical one that discovery shows.

use corvette_api::gvk::{GroupVersionKind, join_api_version};
use corvette_api::kinds::table::find as strategy;

use super::row::{
    Backing, Row, Scope, Storage, StrategyRef, Subresource, SubresourceKind, Verb, Verbs, Virtual, definition_name,
};
use Scope::{Cluster, Namespaced};
use Sub::{Plain, Typed};
use SubresourceKind as S;

/// Groups in the order `/apis` lists them in, core first; others follow by name.
///
/// Follows the group priorities of `pkg/controlplane/apiserver/aggregator.go: DefaultGenericAPIServicePriorities @ v1.36`.
pub const GROUP_ORDER: &[&str] = &[
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "storagemigration.k8s.io",
];

const ADMISSION: &str = "admissionregistration.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";
const COORDINATION: &str = "coordination.k8s.io";
const FLOWCONTROL: &str = "flowcontrol.apiserver.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const RESOURCE: &str = "resource.k8s.io";
const SCHEDULING: &str = "scheduling.k8s.io";
const STORAGE: &str = "storage.k8s.io";

/// A subresource of a table row.
#[derive(Clone, Copy)]
enum Sub {
    /// Its body is the row's own kind.
    Plain(SubresourceKind),
    /// Its body (create) or options (connect) are of another kind: group, version, kind.
    Typed(SubresourceKind, &'static str, &'static str, &'static str),
}

/// One line of the table.
#[derive(Clone, Copy)]
struct Entry {
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    scope: Scope,
    verbs: Verbs,
    short: &'static [&'static str],
    categories: &'static [&'static str],
    subs: &'static [Sub],
    /// Group and version objects are stored in, when not the row's own.
    stored_in: Option<(&'static str, &'static str)>,
    computed: Option<Virtual>,
}

const fn entry(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    scope: Scope,
) -> Entry {
    Entry {
        group,
        version,
        plural,
        kind,
        scope,
        verbs: Verbs::ALL,
        short: &[],
        categories: &[],
        subs: &[],
        stored_in: None,
        computed: None,
    }
}

impl Entry {
    const fn short(mut self, names: &'static [&'static str]) -> Self {
        self.short = names;
        self
    }

    const fn all(mut self) -> Self {
        self.categories = &["all"];
        self
    }

    const fn extensions(mut self) -> Self {
        self.categories = &["api-extensions"];
        self
    }

    const fn subs(mut self, subs: &'static [Sub]) -> Self {
        self.subs = subs;
        self
    }

    const fn status(self) -> Self {
        self.subs(&[Plain(S::Status)])
    }

    const fn scaled(self) -> Self {
        self.subs(&[SCALE, Plain(S::Status)])
    }

    const fn verbs(mut self, verbs: Verbs) -> Self {
        self.verbs = verbs;
        self
    }

    const fn stored_in(mut self, group: &'static str, version: &'static str) -> Self {
        self.stored_in = Some((group, version));
        self
    }

    const fn computed(mut self, kind: Virtual) -> Self {
        self.computed = Some(kind);
        self.verbs(CREATE)
    }
}

const CREATE: Verbs = Verbs::of(&[Verb::Create]);
const SCALE: Sub = Typed(S::Scale, "autoscaling", "v1", "Scale");

#[rustfmt::skip]
const ENTRIES: &[Entry] = &[
    entry("", "v1", "bindings", "Binding", Namespaced).computed(Virtual::Binding),
    entry("", "v1", "componentstatuses", "ComponentStatus", Cluster).short(&["cs"]).computed(Virtual::ComponentStatus)
        .verbs(Verbs::of(&[Verb::Get, Verb::List])),
    entry("", "v1", "configmaps", "ConfigMap", Namespaced).short(&["cm"]),
    entry("", "v1", "endpoints", "Endpoints", Namespaced).short(&["ep"]),
    entry("", "v1", "events", "Event", Namespaced).short(&["ev"]),
    entry("", "v1", "limitranges", "LimitRange", Namespaced).short(&["limits"]),
    entry("", "v1", "namespaces", "Namespace", Cluster).short(&["ns"]).verbs(Verbs::ALL.without(Verb::DeleteCollection))
        .subs(&[Plain(S::Finalize), Plain(S::Status)]),
    entry("", "v1", "nodes", "Node", Cluster).short(&["no"])
        .subs(&[Typed(S::Proxy, "", "v1", "NodeProxyOptions"), Plain(S::Status)]),
    entry("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", Namespaced).short(&["pvc"]).status(),
    entry("", "v1", "persistentvolumes", "PersistentVolume", Cluster).short(&["pv"]).status(),
    entry("", "v1", "pods", "Pod", Namespaced).short(&["po"]).all().subs(&[
        Typed(S::Attach, "", "v1", "PodAttachOptions"),
        Typed(S::Binding, "", "v1", "Binding"),
        Plain(S::EphemeralContainers),
        Typed(S::Eviction, "policy", "v1", "Eviction"),
        Typed(S::Exec, "", "v1", "PodExecOptions"),
        Plain(S::Log),
        Typed(S::PortForward, "", "v1", "PodPortForwardOptions"),
        Typed(S::Proxy, "", "v1", "PodProxyOptions"),
        Plain(S::Resize),
        Plain(S::Status),
    ]),
    entry("", "v1", "podtemplates", "PodTemplate", Namespaced),
    entry("", "v1", "replicationcontrollers", "ReplicationController", Namespaced).short(&["rc"]).all().scaled(),
    entry("", "v1", "resourcequotas", "ResourceQuota", Namespaced).short(&["quota"]).status(),
    entry("", "v1", "secrets", "Secret", Namespaced),
    entry("", "v1", "serviceaccounts", "ServiceAccount", Namespaced).short(&["sa"])
        .subs(&[Typed(S::Token, "authentication.k8s.io", "v1", "TokenRequest")]),
    entry("", "v1", "services", "Service", Namespaced).short(&["svc"]).all()
        .subs(&[Typed(S::Proxy, "", "v1", "ServiceProxyOptions"), Plain(S::Status)]),

    entry("apiregistration.k8s.io", "v1", "apiservices", "APIService", Cluster).extensions().status(),

    entry("apps", "v1", "controllerrevisions", "ControllerRevision", Namespaced),
    entry("apps", "v1", "daemonsets", "DaemonSet", Namespaced).short(&["ds"]).all().status(),
    entry("apps", "v1", "deployments", "Deployment", Namespaced).short(&["deploy"]).all().scaled(),
    entry("apps", "v1", "replicasets", "ReplicaSet", Namespaced).short(&["rs"]).all().scaled(),
    entry("apps", "v1", "statefulsets", "StatefulSet", Namespaced).short(&["sts"]).all().scaled(),

    entry("events.k8s.io", "v1", "events", "Event", Namespaced).short(&["ev"]).stored_in("", "v1"),

    entry("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", Cluster).computed(Virtual::SelfSubjectReview),
    entry("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", Cluster).computed(Virtual::TokenReview),

    entry("authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview", Namespaced)
        .computed(Virtual::LocalSubjectAccessReview),
    entry("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", Cluster)
        .computed(Virtual::SelfSubjectAccessReview),
    entry("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", Cluster)
        .computed(Virtual::SelfSubjectRulesReview),
    entry("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", Cluster)
        .computed(Virtual::SubjectAccessReview),

    entry("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", Namespaced).short(&["hpa"]).all().status(),
    entry("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler", Namespaced).short(&["hpa"]).all().status()
        .stored_in("autoscaling", "v2"),

    entry("batch", "v1", "cronjobs", "CronJob", Namespaced).short(&["cj"]).all().status(),
    entry("batch", "v1", "jobs", "Job", Namespaced).all().status(),

    entry(CERTIFICATES, "v1", "certificatesigningrequests", "CertificateSigningRequest", Cluster).short(&["csr"])
        .subs(&[Plain(S::Approval), Plain(S::Status)]),
    entry(CERTIFICATES, "v1beta1", "clustertrustbundles", "ClusterTrustBundle", Cluster),
    entry(CERTIFICATES, "v1beta1", "podcertificaterequests", "PodCertificateRequest", Namespaced).status(),
    entry(CERTIFICATES, "v1alpha1", "clustertrustbundles", "ClusterTrustBundle", Cluster).stored_in(CERTIFICATES, "v1beta1"),

    entry(NETWORKING, "v1", "ingressclasses", "IngressClass", Cluster),
    entry(NETWORKING, "v1", "ingresses", "Ingress", Namespaced).short(&["ing"]).status(),
    entry(NETWORKING, "v1", "ipaddresses", "IPAddress", Cluster).short(&["ip"]),
    entry(NETWORKING, "v1", "networkpolicies", "NetworkPolicy", Namespaced).short(&["netpol"]),
    entry(NETWORKING, "v1", "servicecidrs", "ServiceCIDR", Cluster).status(),
    entry(NETWORKING, "v1beta1", "ipaddresses", "IPAddress", Cluster).short(&["ip"]).stored_in(NETWORKING, "v1"),
    entry(NETWORKING, "v1beta1", "servicecidrs", "ServiceCIDR", Cluster).status().stored_in(NETWORKING, "v1"),

    entry("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", Namespaced).short(&["pdb"]).status(),

    entry(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", Cluster),
    entry(RBAC, "v1", "clusterroles", "ClusterRole", Cluster),
    entry(RBAC, "v1", "rolebindings", "RoleBinding", Namespaced),
    entry(RBAC, "v1", "roles", "Role", Namespaced),

    entry(STORAGE, "v1", "csidrivers", "CSIDriver", Cluster),
    entry(STORAGE, "v1", "csinodes", "CSINode", Cluster),
    entry(STORAGE, "v1", "csistoragecapacities", "CSIStorageCapacity", Namespaced),
    entry(STORAGE, "v1", "storageclasses", "StorageClass", Cluster).short(&["sc"]),
    entry(STORAGE, "v1", "volumeattachments", "VolumeAttachment", Cluster).status(),
    entry(STORAGE, "v1", "volumeattributesclasses", "VolumeAttributesClass", Cluster).short(&["vac"]),
    entry(STORAGE, "v1beta1", "volumeattributesclasses", "VolumeAttributesClass", Cluster).short(&["vac"]).stored_in(STORAGE, "v1"),

    entry(ADMISSION, "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", Cluster).extensions(),
    entry(ADMISSION, "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", Cluster).extensions(),
    entry(ADMISSION, "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", Cluster).extensions(),
    entry(ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", Cluster).extensions().status(),
    entry(ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", Cluster).extensions(),
    entry(ADMISSION, "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", Cluster).extensions(),
    entry(ADMISSION, "v1beta1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", Cluster).extensions().stored_in(ADMISSION, "v1"),
    entry(ADMISSION, "v1beta1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", Cluster).extensions()
        .stored_in(ADMISSION, "v1"),
    entry(ADMISSION, "v1alpha1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", Cluster).extensions().stored_in(ADMISSION, "v1"),
    entry(ADMISSION, "v1alpha1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", Cluster).extensions()
        .stored_in(ADMISSION, "v1"),

    entry("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", Cluster)
        .short(&["crd", "crds"]).extensions().status(),

    entry(SCHEDULING, "v1", "priorityclasses", "PriorityClass", Cluster).short(&["pc"]),
    entry(SCHEDULING, "v1alpha2", "podgroups", "PodGroup", Namespaced).status(),
    entry(SCHEDULING, "v1alpha2", "workloads", "Workload", Namespaced),

    entry(COORDINATION, "v1", "leases", "Lease", Namespaced),
    entry(COORDINATION, "v1beta1", "leasecandidates", "LeaseCandidate", Namespaced),
    entry(COORDINATION, "v1alpha2", "leasecandidates", "LeaseCandidate", Namespaced).stored_in(COORDINATION, "v1beta1"),

    entry("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", Cluster),

    entry("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", Namespaced),

    entry(RESOURCE, "v1", "deviceclasses", "DeviceClass", Cluster),
    entry(RESOURCE, "v1", "resourceclaims", "ResourceClaim", Namespaced).status(),
    entry(RESOURCE, "v1", "resourceclaimtemplates", "ResourceClaimTemplate", Namespaced),
    entry(RESOURCE, "v1", "resourceslices", "ResourceSlice", Cluster),
    entry(RESOURCE, "v1beta2", "deviceclasses", "DeviceClass", Cluster).stored_in(RESOURCE, "v1"),
    entry(RESOURCE, "v1beta2", "devicetaintrules", "DeviceTaintRule", Cluster).status(),
    entry(RESOURCE, "v1beta2", "resourceclaims", "ResourceClaim", Namespaced).status().stored_in(RESOURCE, "v1"),
    entry(RESOURCE, "v1beta2", "resourceclaimtemplates", "ResourceClaimTemplate", Namespaced).stored_in(RESOURCE, "v1"),
    entry(RESOURCE, "v1beta2", "resourceslices", "ResourceSlice", Cluster).stored_in(RESOURCE, "v1"),
    entry(RESOURCE, "v1beta1", "deviceclasses", "DeviceClass", Cluster).stored_in(RESOURCE, "v1"),
    entry(RESOURCE, "v1beta1", "resourceclaims", "ResourceClaim", Namespaced).status().stored_in(RESOURCE, "v1"),
    entry(RESOURCE, "v1beta1", "resourceclaimtemplates", "ResourceClaimTemplate", Namespaced).stored_in(RESOURCE, "v1"),
    entry(RESOURCE, "v1beta1", "resourceslices", "ResourceSlice", Cluster).stored_in(RESOURCE, "v1"),
    entry(RESOURCE, "v1alpha3", "devicetaintrules", "DeviceTaintRule", Cluster).status().stored_in(RESOURCE, "v1beta2"),
    entry(RESOURCE, "v1alpha3", "resourcepoolstatusrequests", "ResourcePoolStatusRequest", Cluster).status(),

    entry(FLOWCONTROL, "v1", "flowschemas", "FlowSchema", Cluster).status(),
    entry(FLOWCONTROL, "v1", "prioritylevelconfigurations", "PriorityLevelConfiguration", Cluster).status(),

    entry("internal.apiserver.k8s.io", "v1alpha1", "storageversions", "StorageVersion", Cluster).status(),

    entry("storagemigration.k8s.io", "v1beta1", "storageversionmigrations", "StorageVersionMigration", Cluster).status(),
];

/// Builds the rows of all built-in resources.
#[must_use]
pub fn rows() -> Vec<Row> {
    ENTRIES.iter().map(build).collect()
}

fn build(entry: &Entry) -> Row {
    let (group, version, kind) = (entry.group.into(), entry.version.into(), entry.kind.into());
    let (stored_group, stored_version) = entry.stored_in.unwrap_or((entry.group, entry.version));
    let backing = match entry.computed {
        Some(computed) => Backing::Virtual(computed),
        None => Backing::Stored(Storage::new(
            &stored_group.into(),
            &stored_version.into(),
            &entry.kind.into(),
            entry.plural,
        )),
    };
    Row {
        list_kind: format!("{}List", entry.kind).into(),
        plural: entry.plural.into(),
        singular: entry.kind.to_lowercase().into(),
        short_names: entry.short.iter().map(|s| (*s).into()).collect(),
        categories: entry.categories.iter().map(|s| (*s).into()).collect(),
        scope: entry.scope,
        verbs: entry.verbs,
        definition: Some(definition_name(entry.group, entry.version, entry.kind).into()),
        backing,
        strategy: StrategyRef::Static(strategy(stored_group, entry.kind)),
        subresources: entry.subs.iter().map(|sub| build_sub(entry, *sub)).collect(),
        api_version: join_api_version(entry.group, entry.version).into(),
        group,
        version,
        kind,
    }
}

fn build_sub(entry: &Entry, sub: Sub) -> Subresource {
    let (kind, group, version, object) = match sub {
        Plain(kind) => (kind, entry.group, entry.version, entry.kind),
        Typed(kind, group, version, object) => (kind, group, version, object),
    };
    let verbs = match kind {
        S::Status | S::Scale | S::Approval | S::EphemeralContainers | S::Resize => {
            Verbs::of(&[Verb::Get, Verb::Patch, Verb::Update])
        }
        S::Binding | S::Eviction | S::Token => CREATE,
        S::Log => Verbs::of(&[Verb::Get]),
        S::Finalize => Verbs::of(&[Verb::Update]),
        S::Exec | S::Attach | S::PortForward => Verbs::of(&[Verb::Create, Verb::Get]),
        S::Proxy => Verbs::of(&[Verb::Create, Verb::Delete, Verb::Get, Verb::Patch, Verb::Update]),
    };
    let has_body = !kind.is_connect() && kind != S::Log;
    Subresource {
        kind,
        verbs,
        object: GroupVersionKind::new(group, version, object),
        foreign: (group, version) != (entry.group, entry.version),
        definition: has_body.then(|| definition_name(group, version, object).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use corvette_api::schema;

    use super::*;

    /// Says what the table serves in the words of the list: `resource kind scope methods`, with `@` lines.
    fn described(row: &Row) -> BTreeSet<String> {
        let scope = if row.is_namespaced() { "N" } else { "C" };
        let mut out = BTreeSet::from([format!("{} {} {scope} {}", row.plural, row.kind, letters(row.verbs))]);
        for sub in &row.subresources {
            let name = sub.name();
            let kind = match (sub.foreign, sub.kind.is_connect()) {
                (_, true) => row.kind.to_string(),
                (true, _) => format!("{}/{}/{}", sub.object.group, sub.object.version, sub.object.kind),
                (false, _) => sub.object.kind.to_string(),
            };
            let letters = if sub.kind.is_connect() { "x".to_owned() } else { letters(sub.verbs) };
            out.insert(format!("{}/{name} {kind} {scope} {letters}", row.plural));
            if sub.kind == S::Proxy {
                out.insert(format!("{}/{name}/* {kind} {scope} {letters}", row.plural));
            }
        }
        out
    }

    fn letters(verbs: Verbs) -> String {
        let letter = |verb| match verb {
            Verb::Delete => "d",
            Verb::DeleteCollection => "D",
            Verb::Get => "g",
            Verb::List => "l",
            Verb::Patch => "p",
            Verb::Create => "c",
            Verb::Update => "u",
            Verb::Watch => "",
        };
        let order =
            [Verb::Delete, Verb::DeleteCollection, Verb::Get, Verb::List, Verb::Patch, Verb::Create, Verb::Update];
        order.into_iter().filter(|v| verbs.contains(*v)).map(letter).collect()
    }

    #[test]
    fn the_table_serves_exactly_the_resources_of_the_api() {
        let mut wanted = BTreeSet::new();
        let mut at = "";
        for line in include_str!("testdata/resources.txt").lines().filter(|l| !l.starts_with('#')) {
            match line.strip_prefix('@') {
                Some(version) => at = version,
                None => {
                    wanted.insert(format!("{at} {line}"));
                }
            }
        }
        let served: BTreeSet<String> =
            rows().iter().flat_map(|r| described(r).into_iter().map(|d| format!("{} {d}", r.api_version))).collect();
        let missing: Vec<_> = wanted.difference(&served).collect();
        let extra: Vec<_> = served.difference(&wanted).collect();
        assert!(missing.is_empty() && extra.is_empty(), "missing {missing:#?}, extra {extra:#?}");
    }

    #[test]
    fn every_definition_is_in_the_schema() {
        for row in rows() {
            let subs = row.subresources.iter().filter_map(|s| s.definition.as_deref());
            for name in row.definition.as_deref().into_iter().chain(subs) {
                assert!(schema::definition(name).is_some(), "{name}");
            }
            if let Some(storage) = row.storage() {
                assert!(schema::of_kind(&storage.group, &storage.version, &storage.kind).is_some());
            }
        }
    }

    #[test]
    fn every_storage_has_one_row_of_its_version() {
        let rows = rows();
        for row in rows.iter().filter(|r| r.storage().is_some()) {
            let resource = &row.storage().expect("stored").resource;
            let owners = rows
                .iter()
                .filter(|r| r.is_storage_version() && r.storage().is_some_and(|s| s.resource == *resource))
                .count();
            assert_eq!(owners, 1, "{resource}");
        }
    }

    #[test]
    fn served_versions_translate_there_and_back() {
        use serde_json::json;
        let registry = super::super::Registry::builtin();
        let row = registry.find("events.k8s.io", "v1", "events").expect("row");
        assert_eq!(row.storage().expect("stored").key(Some("n"), "e"), "/registry/events/n/e");
        let event = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "note": "x", "regarding": {"name": "p"}});
        let mut object = event.clone();
        row.to_storage(&mut object);
        assert_eq!(
            object,
            json!({"apiVersion": "v1", "kind": "Event", "message": "x", "involvedObject": {"name": "p"}})
        );
        row.from_storage(&mut object);
        assert_eq!(object, event);
        let row = registry.find("resource.k8s.io", "v1beta1", "resourceclaims").expect("row");
        let mut claim = json!({"spec": {"devices": {"requests": [{"name": "r", "deviceClassName": "c"}]}}});
        row.to_storage(&mut claim);
        assert_eq!(claim["apiVersion"], "resource.k8s.io/v1");
        assert_eq!(claim["spec"]["devices"]["requests"][0]["exactly"]["deviceClassName"], "c");
    }
}
