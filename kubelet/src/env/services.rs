//! Environment variables that describe services (`FOO_SERVICE_HOST`, `FOO_PORT_80_TCP_ADDR` …). Pure.

use k8s_openapi::api::core::v1::Service;

/// Selects the services whose variables a pod gets: those of its namespace when it wants links, and always the API
/// server's own (`default/kubernetes`). Headless services have none.
pub fn visible<'a>(services: impl IntoIterator<Item = &'a Service>, namespace: &str, links: Links) -> Vec<&'a Service> {
    let mut chosen: Vec<&Service> = services
        .into_iter()
        .filter(|service| cluster_ip(service).is_some())
        .filter(|service| {
            let (ns, name) = (service.metadata.namespace.as_deref(), service.metadata.name.as_deref());
            let master = ns == Some("default") && name == Some("kubernetes");
            master || (links == Links::Enabled && ns == Some(namespace))
        })
        .collect();
    // A service named "kubernetes" of the pod's own namespace takes precedence over the API server's, as upstream.
    chosen.sort_by_key(|service| (service.metadata.namespace.as_deref() == Some(namespace), &service.metadata.name));
    chosen
}

/// Whether a pod wants variables for the services of its namespace (`enableServiceLinks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// It does.
    Enabled,
    /// Only for the API server.
    Disabled,
}

fn cluster_ip(service: &Service) -> Option<&str> {
    let ip = service.spec.as_ref()?.cluster_ip.as_deref()?;
    (!ip.is_empty() && ip != "None").then_some(ip)
}

/// Variables of the given services, as upstream's `pkg/kubelet/envvars: FromServices @ v1.36`.
pub fn variables<'a>(services: impl IntoIterator<Item = &'a Service>) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for service in services {
        one(service, &mut out);
    }
    out
}

fn one(service: &Service, out: &mut Vec<(String, String)>) {
    let (Some(ip), Some(name)) = (cluster_ip(service), service.metadata.name.as_deref()) else { return };
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let Some(first) = ports.first() else { return };
    let prefix = variable_name(name);
    out.push((format!("{prefix}_SERVICE_HOST"), ip.to_owned()));
    out.push((format!("{prefix}_SERVICE_PORT"), first.port.to_string()));
    for port in ports {
        if let Some(port_name) = port.name.as_deref().filter(|port_name| !port_name.is_empty()) {
            out.push((format!("{prefix}_SERVICE_PORT_{}", variable_name(port_name)), port.port.to_string()));
        }
    }
    for (index, port) in ports.iter().enumerate() {
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
        let url = format!("{}://{host}:{}", protocol.to_lowercase(), port.port);
        if index == 0 {
            out.push((format!("{prefix}_PORT"), url.clone()));
        }
        let base = format!("{prefix}_PORT_{}_{}", port.port, protocol.to_uppercase());
        out.push((base.clone(), url));
        out.push((format!("{base}_PROTO"), protocol.to_lowercase()));
        out.push((format!("{base}_PORT"), port.port.to_string()));
        out.push((format!("{base}_ADDR"), ip.to_owned()));
    }
}

fn variable_name(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{ServicePort, ServiceSpec};
    use kube::api::ObjectMeta;

    fn service(namespace: &str, name: &str, ip: &str, ports: &[(&str, i32, &str)]) -> Service {
        let ports = ports
            .iter()
            .map(|(name, port, protocol)| ServicePort {
                name: (!name.is_empty()).then(|| (*name).to_owned()),
                port: *port,
                protocol: Some((*protocol).to_owned()),
                ..Default::default()
            })
            .collect();
        Service {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                ..Default::default()
            },
            spec: Some(ServiceSpec { cluster_ip: Some(ip.to_owned()), ports: Some(ports), ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn a_service_gives_host_port_and_link_variables() {
        let foo = service("ns", "foo-bar", "1.2.3.4", &[("web", 80, "TCP"), ("", 53, "UDP")]);
        let variables: std::collections::BTreeMap<_, _> = variables([&foo]).into_iter().collect();
        for (name, value) in [
            ("FOO_BAR_SERVICE_HOST", "1.2.3.4"),
            ("FOO_BAR_SERVICE_PORT", "80"),
            ("FOO_BAR_SERVICE_PORT_WEB", "80"),
            ("FOO_BAR_PORT", "tcp://1.2.3.4:80"),
            ("FOO_BAR_PORT_80_TCP", "tcp://1.2.3.4:80"),
            ("FOO_BAR_PORT_80_TCP_PROTO", "tcp"),
            ("FOO_BAR_PORT_80_TCP_PORT", "80"),
            ("FOO_BAR_PORT_80_TCP_ADDR", "1.2.3.4"),
            ("FOO_BAR_PORT_53_UDP", "udp://1.2.3.4:53"),
        ] {
            assert_eq!(variables.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(variables.len(), 12);
    }

    #[test]
    fn links_can_be_off_but_the_api_server_is_always_known() {
        let all = [
            service("default", "kubernetes", "10.96.0.1", &[("https", 443, "TCP")]),
            service("ns", "mine", "10.96.0.2", &[("", 80, "TCP")]),
            service("other", "theirs", "10.96.0.3", &[("", 80, "TCP")]),
            service("ns", "headless", "None", &[("", 80, "TCP")]),
        ];
        let names = |links| -> Vec<&str> {
            visible(&all, "ns", links).iter().filter_map(|service| service.metadata.name.as_deref()).collect()
        };
        assert_eq!(names(Links::Enabled), ["kubernetes", "mine"]);
        assert_eq!(names(Links::Disabled), ["kubernetes"]);
    }
}
