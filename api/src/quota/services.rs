//! What services use.

use serde_json::Value;

use super::{Amounts, ONE};
use crate::kinds::common::values::list;
use crate::quantity::{Format, Quantity};

/// Names of what quotas limit of services.
pub const NAMES: [&str; 3] = ["services", "services.loadbalancers", "services.nodeports"];

/// Adds what a service uses. Node ports count by what is asked for, since they are not allocated yet in admission.
pub fn usage(service: &Value, used: &mut Amounts) {
    let ports = list(service, "/spec/ports");
    let explicit = ports.iter().filter(|port| port.get("nodePort").and_then(Value::as_i64).unwrap_or(0) != 0).count();
    let allocates = service.pointer("/spec/allocateLoadBalancerNodePorts").and_then(Value::as_bool).unwrap_or(true);
    let (node_ports, balancers) = match service.pointer("/spec/type").and_then(Value::as_str) {
        Some("NodePort") => (ports.len(), Quantity::ZERO),
        Some("LoadBalancer") if allocates => (ports.len(), ONE),
        Some("LoadBalancer") => (explicit, ONE),
        _ => (0, Quantity::ZERO),
    };
    let node_ports = Quantity::new(i64::try_from(node_ports).unwrap_or(i64::MAX), Format::DecimalSi);
    for (name, amount) in NAMES.into_iter().zip([ONE, balancers, node_ports]) {
        used.insert(name.to_owned(), amount);
    }
}
