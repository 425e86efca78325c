//! Resource lists: canonical form, defaults, validation (`ValidateResourceRequirements` and the pod-level rules).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::field::{At, Errors};
use crate::kinds::common::values::{each, ensure, is_zero, list, within};
use crate::names;
use crate::quantity::Quantity;

/// Names of resources without a domain that containers can have.
const CONTAINER_RESOURCES: &[&str] = &["cpu", "memory", "ephemeral-storage"];

/// Further names without a domain that are resources somewhere (quotas, nodes, volumes).
const OTHER_RESOURCES: &[&str] = &[
    "configmaps",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "storage",
];

/// Says whether a resource is one of Kubernetes' own.
pub fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Says whether a resource is huge pages of some size.
pub fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Says whether a resource belongs to a vendor (`example.com/gpu`).
pub fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && names::is_qualified_name(&format!("requests.{name}")).is_ok()
}

/// Says whether limits may exceed requests.
pub fn is_overcommit_allowed(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

/// Rewrites a quantity in its canonical form (`1000m` → `1`, a number → text). Something else stays for validation.
pub fn canonical_quantity(value: &mut Value) {
    if let Ok(quantity) = Quantity::from_value(value) {
        *value = quantity.to_string().into();
    }
}

/// Rewrites all quantities of a resource list, rounded up to thousandths.
pub fn canonical_list(resources: &mut Value) {
    for value in resources.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Ok(quantity) = Quantity::from_value(value) {
            let fine = quantity.nanos() % 1_000_000 != 0;
            let rounded = if fine { Quantity::from_millis(quantity.millis(), quantity.format()) } else { quantity };
            *value = rounded.to_string().into();
        }
    }
}

/// Rewrites the quantities of `limits` and `requests`.
pub fn canonical(requirements: &mut Value) {
    for field in ["limits", "requests"] {
        within(requirements, field, canonical_list);
    }
}

/// Gives a container of a pod the requests it has limits for but no requests.
pub fn requests_from_limits(requirements: &mut Value) {
    let Some(limits) = requirements.get("limits").and_then(Value::as_object).cloned() else { return };
    if limits.is_empty() {
        return;
    }
    if let Some(requests) = ensure(requirements, "requests").and_then(Value::as_object_mut) {
        for (name, quantity) in limits {
            requests.entry(name).or_insert(quantity);
        }
    }
}

/// A list of resources as numbers; what cannot be read is left out.
pub type Totals = BTreeMap<String, Quantity>;

/// Reads the resource list at a JSON pointer.
pub fn totals(obj: &Value, pointer: &str) -> Totals {
    let entries = obj.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), Quantity::from_value(value).ok()?))).collect()
}

/// What the containers of a pod take together: the sum of the regular and sidecar ones, or more when an init container
/// needs more while it runs. `pointer` is `/resources/requests` or `/resources/limits`.
pub fn aggregate(spec: &Value, pointer: &str) -> Totals {
    let mut running = Totals::new();
    for container in list(spec, "/containers") {
        add(&mut running, &totals(container, pointer));
    }
    let (mut sidecars, mut peak) = (Totals::new(), Totals::new());
    for container in list(spec, "/initContainers") {
        let mut needs = totals(container, pointer);
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            add(&mut running, &needs);
            add(&mut sidecars, &needs);
            needs = sidecars.clone();
        } else {
            add(&mut needs, &sidecars);
        }
        raise(&mut peak, &needs);
    }
    raise(&mut running, &peak);
    running
}

/// Adds the amounts of `more` to those of `sum`.
pub fn add(sum: &mut Totals, more: &Totals) {
    for (name, quantity) in more {
        let entry = sum.entry(name.clone()).or_insert(Quantity::ZERO);
        *entry = if entry.is_zero() { *quantity } else { *entry + *quantity };
    }
}

fn raise(max: &mut Totals, other: &Totals) {
    for (name, quantity) in other {
        let entry = max.entry(name.clone()).or_insert(*quantity);
        *entry = (*entry).max(*quantity);
    }
}

/// Says whether a pod as a whole can have this resource.
pub fn is_pod_level(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || is_huge_page(name)
}

/// Completes `spec.resources` of a pod that sets limits there: requests come from the containers, or else from the limits.
pub fn pod_level(spec: &mut Value) {
    if is_zero(spec.pointer("/resources/limits")) {
        return;
    }
    let from_containers = aggregate(spec, "/resources/requests");
    let limits = totals(spec, "/resources/limits");
    let Some(requests) = spec.get_mut("resources").and_then(|r| ensure(r, "requests")).and_then(Value::as_object_mut)
    else {
        return;
    };
    for (name, quantity) in from_containers {
        if is_pod_level(&name) && is_overcommit_allowed(&name) {
            requests.entry(name).or_insert_with(|| quantity.to_string().into());
        }
    }
    for (name, quantity) in limits {
        if is_pod_level(&name) {
            requests.entry(name).or_insert_with(|| quantity.to_string().into());
        }
    }
}

/// Validates the requirements of one container; `claims` are the names of the pod's resource claims.
pub fn requirements(at: &At<'_>, claims: &[&str], errs: &mut Errors) {
    let (limits, requests) = (at.child("limits"), at.child("requests"));
    let mut huge = false;
    let mut compute = false;
    for (name, quantity) in limits.entries().chain(requests.entries()) {
        huge |= is_huge_page(name);
        compute |= matches!(name, "cpu" | "memory");
        container_resource_name(&quantity, name, errs);
        value(&quantity, name, errs);
    }
    for (name, quantity) in requests.entries() {
        let Some(request) = quantity.value.and_then(|v| Quantity::from_value(v).ok()) else { continue };
        match limits.key(name).value.and_then(|v| Quantity::from_value(v).ok()) {
            Some(limit) if request != limit && !is_overcommit_allowed(name) => {
                errs.invalid_value(&requests, request.to_string(), format!("must be equal to {name} limit of {limit}"));
            }
            Some(limit) if request > limit => {
                errs.invalid_value(
                    &requests,
                    request.to_string(),
                    format!("must be less than or equal to {name} limit of {limit}"),
                );
            }
            None if !is_overcommit_allowed(name) => {
                errs.required_because(&limits, "Limit must be set for non overcommitable resources")
            }
            _ => {}
        }
    }
    if huge && !compute {
        errs.forbidden(at, "HugePages require cpu or memory");
    }
    claim_names(&at.child("claims"), claims, errs);
}

/// Validates `overhead`.
pub fn overhead(at: &At<'_>, errs: &mut Errors) {
    for (name, quantity) in at.entries() {
        container_resource_name(&quantity, name, errs);
        value(&quantity, name, errs);
    }
}

fn claim_names(at: &At<'_>, known: &[&str], errs: &mut Errors) {
    let mut seen = std::collections::BTreeSet::new();
    for claim in at.items() {
        let (name, request) = (claim.child("name").text(), claim.child("request").text());
        if name.is_empty() {
            errs.required(&claim);
            continue;
        }
        let key = if request.is_empty() { name.to_owned() } else { format!("{name}/{request}") };
        if !seen.insert(key.clone()) {
            errs.duplicate_value(&claim, key);
        }
        if !known.contains(&name) {
            errs.not_found_value(&claim, name);
            if let Some(error) = errs.0.last_mut() {
                error.detail = match known {
                    [] => "must be one of the names in pod.spec.resourceClaims which is empty".to_owned(),
                    _ => format!("must be one of the names in pod.spec.resourceClaims: {}", known.join(", ")),
                };
            }
        }
    }
}

fn container_resource_name(at: &At<'_>, name: &str, errs: &mut Errors) {
    let before = errs.len();
    errs.invalid_each(at, name, names::is_qualified_name(name));
    if errs.len() > before {
        return;
    }
    let standard = CONTAINER_RESOURCES.contains(&name) || is_huge_page(name);
    if !name.contains('/') {
        if !standard && !OTHER_RESOURCES.contains(&name) {
            errs.invalid_value(at, name, "must be a standard resource type or fully qualified");
        }
        if !standard {
            errs.invalid_value(at, name, "must be a standard resource for containers");
        }
    } else if !is_native(name) && !is_extended(name) {
        errs.invalid_value(at, name, "doesn't follow extended resource name standard");
    }
}

/// Validates the amount of a resource: not negative, and whole where parts make no sense.
pub fn value(at: &At<'_>, name: &str, errs: &mut Errors) {
    let Some(raw) = at.value else { return };
    match Quantity::from_value(raw) {
        Err(error) => errs.invalid(at, error.to_string()),
        Ok(quantity) => {
            if quantity.is_negative() {
                errs.invalid_value(at, quantity.to_string(), "must be greater than or equal to 0");
            }
            if is_extended(name) && !quantity.is_whole() {
                errs.invalid_value(at, quantity.to_string(), "must be an integer");
            }
        }
    }
}

/// Validates `spec.resources` of a pod against itself and its containers.
pub fn pod_requirements(spec: &At<'_>, errs: &mut Errors) {
    let at = spec.child("resources");
    let Some(object) = spec.value.filter(|_| at.exists()) else { return };
    for field in ["limits", "requests"] {
        for (name, quantity) in at.child(field).entries() {
            if !is_pod_level(name) {
                errs.not_supported_value(&quantity, name, &["cpu", "hugepages-", "memory"]);
            }
        }
    }
    requirements(&at, &[], errs);
    let claims = at.child("claims");
    if !claims.is_empty() {
        errs.forbidden(&claims, "claims cannot be set for Resources at pod-level");
    }
    let taken = aggregate(object, "/resources/requests");
    for (name, request) in totals(object, "/resources/requests") {
        if let Some(sum) = taken.get(&name).filter(|sum| **sum > request) {
            let path = at.child("requests").key(&name);
            errs.invalid_value(
                &path,
                request.to_string(),
                format!("must be greater than or equal to aggregate container requests of {sum}"),
            );
        }
    }
    let limits = totals(object, "/resources/limits");
    for list in ["containers", "initContainers"] {
        for container in spec.child(list).items() {
            let path = container.child("resources").child("limits");
            for (name, limit) in path.entries() {
                let Some(own) = limit.value.and_then(|v| Quantity::from_value(v).ok()) else { continue };
                if let Some(pod) = limits.get(name).filter(|pod| own > **pod) {
                    errs.invalid_value(
                        &path.key(name),
                        own.to_string(),
                        format!("must be less than or equal to pod limits of {pod}"),
                    );
                }
            }
        }
    }
}

/// Rewrites the quantities in the statuses of containers.
pub fn canonical_statuses(status: &mut Value) {
    for statuses in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
        each(status, statuses, |s| {
            within(s, "allocatedResources", canonical_list);
            within(s, "resources", canonical);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn aggregate_is_the_larger_of_start_up_and_running() {
        let spec = json!({
            "containers": [{"resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}}, {"resources": {"requests": {"cpu": "200m"}}}],
            "initContainers": [
                {"restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}},
                {"resources": {"requests": {"cpu": "1", "memory": "512Mi"}}},
            ],
        });
        let shown: Vec<String> =
            aggregate(&spec, "/resources/requests").iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(shown, ["cpu=1050m", "memory=1Gi"]);
    }

    #[test]
    fn quantities_become_canonical() {
        let mut list = json!({"cpu": 1, "memory": "1024Mi", "example.com/gpu": "2000m", "bad": "x"});
        canonical_list(&mut list);
        assert_eq!(list, json!({"cpu": "1", "memory": "1Gi", "example.com/gpu": "2", "bad": "x"}));
    }

    fn check(resources: Value, expected: &[&str]) {
        let mut errs = Errors::new();
        requirements(&At::root(&json!({"r": resources})).child("r"), &["gpu"], &mut errs);
        assert_eq!(errs.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{resources}");
    }

    #[test]
    fn requirements_of_a_container() {
        check(json!({"limits": {"cpu": "1"}, "requests": {"cpu": "500m", "memory": "1Gi"}}), &[]);
        check(
            json!({"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}),
            &["r.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1"],
        );
        check(
            json!({"limits": {"cpu": "-1"}}),
            &["r.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"],
        );
        check(
            json!({"requests": {"pods": "1"}}),
            &["r.requests[pods]: Invalid value: \"pods\": must be a standard resource for containers"],
        );
        check(
            json!({"requests": {"foo": "1"}}),
            &[
                "r.requests[foo]: Invalid value: \"foo\": must be a standard resource type or fully qualified",
                "r.requests[foo]: Invalid value: \"foo\": must be a standard resource for containers",
            ],
        );
        check(
            json!({"requests": {"example.com/gpu": "1"}}),
            &["r.limits: Required value: Limit must be set for non overcommitable resources"],
        );
        check(
            json!({"limits": {"example.com/gpu": "1500m"}, "requests": {"example.com/gpu": "1500m"}}),
            &[
                "r.limits[example.com/gpu]: Invalid value: \"1500m\": must be an integer",
                "r.requests[example.com/gpu]: Invalid value: \"1500m\": must be an integer",
            ],
        );
        check(json!({"limits": {"hugepages-2Mi": "2Mi"}}), &["r: Forbidden: HugePages require cpu or memory"]);
        check(json!({"claims": [{"name": "gpu"}, {"name": "gpu"}]}), &["r.claims[1]: Duplicate value: \"gpu\""]);
    }
}
