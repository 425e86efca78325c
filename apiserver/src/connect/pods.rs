//! What a pod or node object says about where a request goes. Pure.

use std::net::IpAddr;

use corvette_api::meta;
use corvette_api::status::{self, Status};
use serde_json::Value;

/// The kubelet's port when its node does not tell.
const KUBELET_PORT: u16 = 10250;

/// Kinds of node addresses, best first. Addresses before names: names need not resolve.
const ADDRESS_TYPES: [&str; 5] = ["InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS"];

/// Chooses the container that a request means: the named one, or the only one.
///
/// # Errors
/// 400 in upstream's words when the name fits none, or is missing and there are several.
pub(super) fn container(pod: &Value, wanted: Option<&str>) -> Result<String, Status> {
    let name = meta::name(pod);
    let regular = names(pod, "containers");
    let init = names(pod, "initContainers");
    match (wanted.filter(|wanted| !wanted.is_empty()), regular.as_slice()) {
        (Some(wanted), _) => {
            let known = [regular, init, names(pod, "ephemeralContainers")].concat();
            if known.contains(&wanted) {
                return Ok(wanted.to_owned());
            }
            Err(status::bad_request(format!("container {wanted} is not valid for pod {name}")))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, []) => Err(status::bad_request(format!("a container name must be specified for pod {name}"))),
        (None, several) => {
            let mut text =
                format!("a container name must be specified for pod {name}, choose one of: [{}]", several.join(" "));
            if !init.is_empty() {
                text.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
            }
            Err(status::bad_request(text))
        }
    }
}

fn names<'a>(pod: &'a Value, list: &str) -> Vec<&'a str> {
    let containers = pod.pointer("/spec").and_then(|spec| spec.get(list)).and_then(Value::as_array);
    containers.into_iter().flatten().filter_map(|container| container.get("name")?.as_str()).collect()
}

/// The node of a pod; `None` before it is bound.
pub(super) fn node_name(pod: &Value) -> Option<&str> {
    pod.pointer("/spec/nodeName").and_then(Value::as_str).filter(|name| !name.is_empty())
}

/// Host (address or name) and port of a node's kubelet.
///
/// # Errors
/// 503 when the node has no address yet.
pub(super) fn kubelet(node: &Value) -> Result<(String, u16), Status> {
    let addresses = node.pointer("/status/addresses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |address: &Value, key: &str| address.get(key).and_then(Value::as_str).map(str::to_owned);
    let host = ADDRESS_TYPES.iter().find_map(|kind| {
        let address = addresses.iter().find(|address| text(address, "type").as_deref() == Some(kind))?;
        text(address, "address").filter(|address| !address.is_empty())
    });
    let host = host.ok_or_else(|| {
        status::service_unavailable(format!("no preferred addresses found; known addresses: {addresses:?}"))
    })?;
    let port = node.pointer("/status/daemonEndpoints/kubeletEndpoint/Port").and_then(Value::as_u64);
    let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0).unwrap_or(KUBELET_PORT);
    Ok((host, port))
}

/// The first address of a pod, which must be one that may be proxied to.
///
/// # Errors
/// 400 `address not allowed` as upstream for none, loopback and link-local addresses.
pub(super) fn proxy_address(pod: &Value) -> Result<IpAddr, Status> {
    let address = pod.pointer("/status/podIP").and_then(Value::as_str).unwrap_or_default();
    proxyable(address)
}

/// Parses an address and refuses those of this machine alone.
///
/// # Errors
/// 400 `address not allowed`.
pub(super) fn proxyable(address: &str) -> Result<IpAddr, Status> {
    let refused = || status::bad_request("address not allowed");
    let address: IpAddr = address.parse().map_err(|_| refused())?;
    let local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || (v4.is_multicast() && matches!(v4.octets(), [224, 0, 0, _])),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || matches!(v6.segments(), [0xff01 | 0xff02, ..]),
    };
    if local || address.is_loopback() || address.is_unspecified() { Err(refused()) } else { Ok(address) }
}

/// The port for a proxy request that names none: the first that a container declares.
pub(super) fn default_port(pod: &Value) -> Option<u16> {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array)?;
    let port = containers.iter().find_map(|container| container.pointer("/ports/0/containerPort")?.as_u64())?;
    u16::try_from(port).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(containers: &[&str], init: &[&str]) -> Value {
        let list = |names: &[&str]| names.iter().map(|name| json!({ "name": name })).collect::<Value>();
        json!({ "metadata": { "name": "p" }, "spec": { "containers": list(containers), "initContainers": list(init) } })
    }

    #[test]
    fn the_only_container_is_meant_and_several_are_listed() {
        assert_eq!(container(&pod(&["a"], &["i"]), None).unwrap(), "a");
        assert_eq!(container(&pod(&["a"], &["i"]), Some("i")).unwrap(), "i");
        let message = |pod, wanted| container(&pod, wanted).expect_err("refused").message;
        assert_eq!(
            message(pod(&["a", "b"], &[]), None),
            "a container name must be specified for pod p, choose one of: [a b]"
        );
        assert_eq!(
            message(pod(&["a", "b"], &["i"]), Some("")),
            "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]"
        );
        assert_eq!(message(pod(&["a"], &[]), Some("x")), "container x is not valid for pod p");
        assert_eq!(message(pod(&[], &[]), None), "a container name must be specified for pod p");
    }

    #[test]
    fn a_kubelet_is_found_by_its_best_address() {
        let node = json!({ "status": {
            "addresses": [{ "type": "Hostname", "address": "n" }, { "type": "InternalIP", "address": "10.0.0.1" }],
            "daemonEndpoints": { "kubeletEndpoint": { "Port": 10999 } } } });
        assert_eq!(kubelet(&node).unwrap(), ("10.0.0.1".to_owned(), 10999));
        assert_eq!(kubelet(&json!({})).expect_err("no address").code, 503);
    }

    #[test]
    fn addresses_of_this_machine_are_refused() {
        for address in ["", "127.0.0.1", "169.254.169.254", "::1", "fe80::1", "224.0.0.1", "0.0.0.0"] {
            assert_eq!(proxyable(address).expect_err(address).message, "address not allowed");
        }
        assert!(proxyable("10.244.0.5").is_ok() && proxyable("fd00::5").is_ok());
    }

    #[test]
    fn the_first_declared_port_is_the_default() {
        let pod =
            json!({ "spec": { "containers": [{}, { "ports": [{ "containerPort": 8080 }, { "containerPort": 1 }] }] } });
        assert_eq!(default_port(&pod), Some(8080));
        assert_eq!(default_port(&json!({})), None);
    }
}
