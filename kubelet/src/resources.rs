//! Amounts of resources: reading quantities, QoS class, what containers ask for. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::pods::spec;

/// A resource list of the API.
pub type List = BTreeMap<String, Quantity>;

/// What a node or a container has of CPU (millicores), memory and ephemeral storage (bytes).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Millicores.
    pub cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub storage: i64,
}

/// Thousandths of a quantity, rounded up; `None` when it does not parse.
pub fn milli(quantity: &Quantity) -> Option<i64> {
    let parsed = corvette_api::quantity::Quantity::parse(&quantity.0).ok()?;
    Some(clamp(parsed.millis()))
}

/// Whole units of a quantity, rounded up; `None` when it does not parse.
pub fn value(quantity: &Quantity) -> Option<i64> {
    let parsed = corvette_api::quantity::Quantity::parse(&quantity.0).ok()?;
    Some(clamp(parsed.value()))
}

fn clamp(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

/// The container's limit of a resource.
pub fn limit<'a>(container: &'a Container, resource: &str) -> Option<&'a Quantity> {
    container.resources.as_ref()?.limits.as_ref()?.get(resource)
}

/// The container's request of a resource; its limit when it has no request.
pub fn request<'a>(container: &'a Container, resource: &str) -> Option<&'a Quantity> {
    let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    requests.and_then(|requests| requests.get(resource)).or_else(|| limit(container, resource))
}

/// The pod's quality-of-service class: Guaranteed, Burstable or BestEffort.
pub fn qos_class(pod: &Pod) -> &'static str {
    const COUNTED: [&str; 2] = ["cpu", "memory"];
    let positive = |quantity: Option<&Quantity>| quantity.and_then(milli).filter(|amount| *amount > 0);
    let mut any = false;
    let mut guaranteed = true;
    for container in spec::all_containers(pod) {
        for resource in COUNTED {
            let (request, limit) = (positive(request(container, resource)), positive(limit(container, resource)));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && request == limit;
        }
    }
    if let Some(resources) = pod.spec.as_ref().and_then(|spec| spec.resources.as_ref()) {
        any |= resources.requests.iter().chain(&resources.limits).flatten().any(|(_, q)| positive(Some(q)).is_some());
        guaranteed &= resources.limits.is_none();
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// Renders a resource of a container in units of `divisor`, rounded up, as `resourceFieldRef` does. A limit that is
/// not set is what the node can allocate.
pub fn field(container: &Container, resource: &str, divisor: Option<&Quantity>, node: Amounts) -> Option<String> {
    let (side, name) = resource.split_once('.')?;
    let quantity = match side {
        "limits" => limit(container, name),
        "requests" => request(container, name),
        _ => return None,
    };
    let divisor = divisor.filter(|divisor| milli(divisor).is_some_and(|d| d > 0));
    let by_node = side == "limits";
    if name == "cpu" {
        let amount =
            quantity.and_then(milli).filter(|amount| *amount > 0).unwrap_or(if by_node { node.cpu } else { 0 });
        return Some(divide(amount, divisor.and_then(milli).unwrap_or(1000)));
    }
    let whole = match name {
        "memory" => node.memory,
        "ephemeral-storage" => node.storage,
        _ if name.starts_with("hugepages-") => 0,
        _ => return None,
    };
    let amount = quantity.and_then(value).filter(|amount| *amount > 0).unwrap_or(if by_node { whole } else { 0 });
    Some(divide(amount, divisor.and_then(value).unwrap_or(1)))
}

fn divide(amount: i64, divisor: i64) -> String {
    let divisor = divisor.max(1);
    let rest = i64::from(amount % divisor != 0);
    (amount / divisor + rest).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ResourceRequirements;

    fn container(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> Container {
        let list = |pairs: &[(&str, &str)]| -> Option<List> {
            (!pairs.is_empty())
                .then(|| pairs.iter().map(|(k, v)| ((*k).to_owned(), Quantity((*v).to_owned()))).collect())
        };
        let resources = ResourceRequirements { requests: list(requests), limits: list(limits), ..Default::default() };
        Container { resources: Some(resources), ..Default::default() }
    }

    #[test]
    fn resource_fields_round_up_in_units_of_the_divisor() {
        let node = Amounts { cpu: 2000, memory: 1 << 30, storage: 1 << 31 };
        let c = container(&[("cpu", "250m"), ("memory", "32Mi")], &[("cpu", "1250m"), ("memory", "64Mi")]);
        let q = |text: &str| Quantity(text.to_owned());
        for (resource, divisor, expected) in [
            ("limits.cpu", None, "2"),
            ("limits.cpu", Some("1m"), "1250"),
            ("requests.cpu", None, "1"),
            ("requests.cpu", Some("1m"), "250"),
            ("limits.memory", None, "67108864"),
            ("limits.memory", Some("1Mi"), "64"),
            ("requests.memory", Some("1Mi"), "32"),
            ("limits.ephemeral-storage", Some("1Gi"), "2"),
        ] {
            let divisor = divisor.map(q);
            assert_eq!(field(&c, resource, divisor.as_ref(), node).as_deref(), Some(expected), "{resource}");
        }
        let bare = Container::default();
        assert_eq!(field(&bare, "limits.cpu", None, node).as_deref(), Some("2"));
        assert_eq!(field(&bare, "limits.memory", None, node).as_deref(), Some("1073741824"));
        assert_eq!(field(&bare, "requests.cpu", None, node).as_deref(), Some("0"));
        assert_eq!(field(&bare, "limits.nonsense", None, node), None);
    }
}
