//! What quotas count: which objects a quota is about, and how much of what each of them uses.
//!
//! Pure, and shared by the two that must agree: admission, which refuses what would exceed a quota, and the controller,
//! which counts afresh. Follows `pkg/quota/v1/evaluator/core` and `staging/src/k8s.io/apiserver/pkg/quota/v1 @ v1.36`.

mod claims;
mod pods;
mod scopes;
mod services;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::gvk::GroupResource;
use crate::quantity::Quantity;

pub use pods::unspecified;
pub use scopes::applies;

/// Amounts by the names that quotas use, such as `requests.cpu` or `count/deployments.apps`.
pub type Amounts = BTreeMap<String, Quantity>;

/// The objects that quotas count by their plural alone.
const COUNTED: [&str; 4] = ["configmaps", "replicationcontrollers", "resourcequotas", "secrets"];

/// Returns the resource whose objects use what `name` limits; `None` when nothing is known to use it.
pub fn counted(name: &str) -> Option<GroupResource> {
    if let Some(counted) = name.strip_prefix("count/") {
        let (resource, group) = counted.split_once('.').unwrap_or((counted, ""));
        return Some(GroupResource { group: group.to_owned().into(), resource: resource.to_owned().into() });
    }
    let resource = if let Some(counted) = COUNTED.iter().find(|counted| **counted == name) {
        counted
    } else if services::NAMES.contains(&name) {
        "services"
    } else if claims::uses(name) {
        "persistentvolumeclaims"
    } else if pods::uses(name) {
        "pods"
    } else {
        return None;
    };
    Some(GroupResource::new("", resource))
}

/// Returns what one object of `resource` uses; `now` tells whether the grace of a deleted pod is over.
pub fn usage(resource: &GroupResource, object: &Value, now: Timestamp) -> Amounts {
    let mut used = Amounts::from([(count_name(resource), ONE)]);
    match (&*resource.group, &*resource.resource) {
        ("", "pods") => pods::usage(object, now, &mut used),
        ("", "services") => services::usage(object, &mut used),
        ("", "persistentvolumeclaims") => claims::usage(object, &mut used),
        ("", plural) if COUNTED.contains(&plural) => {
            used.insert(plural.to_owned(), ONE);
        }
        _ => {}
    }
    used
}

/// Says whether more than the number of objects counts, so that the objects themselves must be looked at.
pub fn is_measured(resource: &GroupResource) -> bool {
    resource.group.is_empty() && ["pods", "services", "persistentvolumeclaims"].contains(&&*resource.resource)
}

/// Reads `hard` or `used` of a quota; `pointer` is such as `/status/hard`.
pub fn amounts(quota: &Value, pointer: &str) -> Amounts {
    crate::kinds::podspec::resources::totals(quota, pointer)
}

/// Adds `more` to `sum`.
pub fn add(sum: &mut Amounts, more: &Amounts) {
    crate::kinds::podspec::resources::add(sum, more);
}

/// Writes amounts for people: `cpu=1,pods=2`.
pub fn describe(amounts: &Amounts) -> String {
    amounts.iter().map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(",")
}

const ONE: Quantity = Quantity::new(1, crate::quantity::Format::DecimalSi);

fn count_name(resource: &GroupResource) -> String {
    let GroupResource { group, resource } = resource;
    if group.is_empty() { format!("count/{resource}") } else { format!("count/{resource}.{group}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn used(resource: &'static str, object: Value) -> String {
        describe(&usage(&GroupResource::new("", resource), &object, Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn every_name_is_used_by_one_resource() {
        let rows = [
            ("pods", "", "pods"),
            ("requests.cpu", "", "pods"),
            ("limits.memory", "", "pods"),
            ("requests.example.com/gpu", "", "pods"),
            ("hugepages-2Mi", "", "pods"),
            ("count/pods", "", "pods"),
            ("services.nodeports", "", "services"),
            ("gold.storageclass.storage.k8s.io/requests.storage", "", "persistentvolumeclaims"),
            ("requests.storage", "", "persistentvolumeclaims"),
            ("secrets", "", "secrets"),
            ("count/deployments.apps", "apps", "deployments"),
        ];
        for (name, group, resource) in rows {
            assert_eq!(counted(name), Some(GroupResource::new(group, resource)), "{name}");
        }
        assert_eq!(counted("unknown"), None);
    }

    #[test]
    fn objects_use_what_they_ask_for() {
        let pod = json!({"spec": {
            "overhead": {"cpu": "10m"},
            "initContainers": [{"resources": {"requests": {"cpu": "200m"}}}],
            "containers": [{"resources": {"requests": {"cpu": "100m", "example.com/gpu": "2"}, "limits": {"cpu": "1"}}}],
        }});
        assert_eq!(
            used("pods", pod),
            "count/pods=1,cpu=210m,limits.cpu=1010m,pods=1,requests.cpu=210m,requests.example.com/gpu=2"
        );
        assert_eq!(used("pods", json!({"status": {"phase": "Failed"}})), "count/pods=1");
        let service = json!({"spec": {"type": "LoadBalancer", "ports": [{}, {"nodePort": 30000}]}});
        assert_eq!(
            used("services", service.clone()),
            "count/services=1,services=1,services.loadbalancers=1,services.nodeports=2"
        );
        let claim = json!({"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1Gi"}}}});
        assert_eq!(
            used("persistentvolumeclaims", claim),
            "count/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/persistentvolumeclaims=1,\
             gold.storageclass.storage.k8s.io/requests.storage=1Gi,persistentvolumeclaims=1,requests.storage=1Gi"
        );
        assert_eq!(used("secrets", json!({})), "count/secrets=1,secrets=1");
        assert_eq!(used("podtemplates", json!({})), "count/podtemplates=1");
    }

    #[test]
    fn containers_must_ask_for_compute_that_is_limited() {
        let pod = json!({"spec": {
            "containers": [{"name": "b", "resources": {"requests": {"cpu": "1"}}}, {"name": "a"}],
            "initContainers": [{"name": "i", "resources": {"limits": {"memory": "1"}}}],
        }});
        let names = ["pods", "requests.cpu", "limits.memory", "limits.ephemeral-storage"];
        assert_eq!(
            unspecified(&names, &pod).as_deref(),
            Some("must specify limits.memory for: a,b; requests.cpu for: a,i")
        );
        assert_eq!(unspecified(&["pods"], &pod), None);
    }

    #[test]
    fn scopes_choose_pods() {
        let quota = |spec: Value| json!({"spec": spec});
        let with = |scope: &str| quota(json!({"scopes": [scope]}));
        let class = |operator: &str, values: &[&str]| {
            let wanted = json!({"scopeName": "PriorityClass", "operator": operator, "values": values});
            quota(json!({"scopeSelector": {"matchExpressions": [wanted]}}))
        };
        let pod = json!({"spec": {
            "activeDeadlineSeconds": 5, "priorityClassName": "high",
            "affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"namespaces": ["x"]}]}},
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}],
        }});
        let pods = GroupResource::new("", "pods");
        for (expected, quota) in [
            (true, quota(json!({}))),
            (true, with("Terminating")),
            (false, with("NotTerminating")),
            (false, with("BestEffort")),
            (true, with("NotBestEffort")),
            (true, with("CrossNamespacePodAffinity")),
            (true, with("PriorityClass")),
            (true, class("In", &["high", "low"])),
            (false, class("NotIn", &["high"])),
            (false, class("DoesNotExist", &[])),
            (true, class("Exists", &[])),
        ] {
            assert_eq!(applies(&quota, &pods, &pod), expected, "{quota}");
        }
        assert!(!applies(&with("Terminating"), &GroupResource::new("", "secrets"), &json!({})));
        let claim = json!({"spec": {"volumeAttributesClassName": "fast"}});
        let fast = json!({"scopeName": "VolumeAttributesClass", "operator": "In", "values": ["fast"]});
        let fast = quota(json!({"scopeSelector": {"matchExpressions": [fast]}}));
        assert!(applies(&fast, &GroupResource::new("", "persistentvolumeclaims"), &claim));
    }
}
