//! Which endpoint of a service a proxy request goes to. Pure but for the choice, which is passed in.

use corvette_api::status::{self, Status};
use serde_json::Value;

/// An address behind a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// IP address.
    pub(super) address: String,
    /// Port number.
    pub(super) port: u16,
    /// Namespace and name of the pod behind it, if it says so.
    pub(super) pod: Option<(String, String)>,
}

/// Turns the port of a request, a number or a name, into the name of a service port.
///
/// # Errors
/// 503 in upstream's words when the service has no port of that number.
pub(super) fn port_name(service: &Value, name: &str, port: &str) -> Result<String, Status> {
    let Ok(number) = port.parse::<u64>() else { return Ok(port.to_owned()) };
    let ports = service.pointer("/spec/ports").and_then(Value::as_array);
    let found = ports.into_iter().flatten().find(|p| p.get("port").and_then(Value::as_u64) == Some(number));
    let found = found
        .ok_or_else(|| status::service_unavailable(format!("no service port {number} found for service {name:?}")))?;
    Ok(found.get("name").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Lists the ready endpoints of a port, in the order of the object.
pub(super) fn ready(endpoints: &Value, port: &str) -> Vec<Endpoint> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut found = Vec::new();
    for subset in list(endpoints, "subsets") {
        for subset_port in list(&subset, "ports").iter().filter(|candidate| text(candidate, "name") == port) {
            let number = subset_port.get("port").and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok());
            let Some(number) = number else { continue };
            for address in list(&subset, "addresses") {
                let pod = address.get("targetRef").filter(|target| text(target, "kind") == "Pod");
                let pod = pod.map(|target| (text(target, "namespace"), text(target, "name")));
                found.push(Endpoint { address: text(&address, "ip"), port: number, pod });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_are_found_by_number_or_name() {
        let service = json!({ "spec": { "ports": [{ "name": "web", "port": 80 }, { "port": 81 }] } });
        assert_eq!(port_name(&service, "s", "80").unwrap(), "web");
        assert_eq!(port_name(&service, "s", "81").unwrap(), "");
        assert_eq!(port_name(&service, "s", "other").unwrap(), "other");
        let error = port_name(&service, "s", "82").expect_err("no such port");
        assert_eq!((error.code, error.message.as_str()), (503, "no service port 82 found for service \"s\""));
    }

    #[test]
    fn only_ready_addresses_of_the_port_count() {
        let endpoints = json!({ "subsets": [
            { "addresses": [{ "ip": "10.0.0.1", "targetRef": { "kind": "Pod", "namespace": "n", "name": "p" } }],
              "notReadyAddresses": [{ "ip": "10.0.0.9" }], "ports": [{ "name": "web", "port": 8080 }] },
            { "addresses": [{ "ip": "10.0.0.2" }], "ports": [{ "name": "other", "port": 1 }] },
        ]});
        let pod = Some(("n".to_owned(), "p".to_owned()));
        assert_eq!(ready(&endpoints, "web"), [Endpoint { address: "10.0.0.1".to_owned(), port: 8080, pod }]);
        assert_eq!(ready(&endpoints, ""), []);
    }
}
