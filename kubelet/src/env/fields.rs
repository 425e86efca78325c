//! `fieldRef`: facts of the pod as text, for variables and downward API files. Pure.

use std::collections::BTreeMap;

use corvette_api::quote::quote;
use k8s_openapi::api::core::v1::Pod;

use crate::pods::spec;

/// Facts of a pod that are not in its spec.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Addresses of the node, primary first.
    pub host_ips: &'a [String],
    /// Addresses of the pod, primary first; empty until the sandbox is up.
    pub pod_ips: &'a [String],
}

/// Renders a field of the pod; `None` when the path is not supported.
pub fn render(pod: &Pod, path: &str, place: Place<'_>) -> Option<String> {
    let meta = &pod.metadata;
    if let Some(key) = subscript(path, "metadata.labels") {
        return Some(lookup(meta.labels.as_ref(), key));
    }
    if let Some(key) = subscript(path, "metadata.annotations") {
        return Some(lookup(meta.annotations.as_ref(), key));
    }
    let pod_spec = pod.spec.as_ref();
    let first = |ips: &[String]| ips.first().cloned().unwrap_or_default();
    Some(match path {
        "metadata.name" => spec::name(pod).to_owned(),
        "metadata.namespace" => spec::namespace(pod).to_owned(),
        "metadata.uid" => spec::uid(pod).to_owned(),
        "metadata.labels" => map(meta.labels.as_ref()),
        "metadata.annotations" => map(meta.annotations.as_ref()),
        "spec.nodeName" => pod_spec.and_then(|s| s.node_name.clone()).unwrap_or_default(),
        "spec.serviceAccountName" => pod_spec.and_then(|s| s.service_account_name.clone()).unwrap_or_default(),
        "status.hostIP" => first(place.host_ips),
        "status.hostIPs" => place.host_ips.join(","),
        "status.podIP" => first(place.pod_ips),
        "status.podIPs" => place.pod_ips.join(","),
        _ => return None,
    })
}

fn subscript<'a>(path: &'a str, field: &str) -> Option<&'a str> {
    path.strip_prefix(field)?.strip_prefix("['")?.strip_suffix("']")
}

fn lookup(map: Option<&BTreeMap<String, String>>, key: &str) -> String {
    map.and_then(|map| map.get(key)).cloned().unwrap_or_default()
}

/// Renders a map as sorted lines of `key="quoted value"`.
fn map(map: Option<&BTreeMap<String, String>>) -> String {
    let lines: Vec<String> = map.into_iter().flatten().map(|(key, value)| format!("{key}={}", quote(value))).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::PodSpec;
    use kube::api::ObjectMeta;

    #[test]
    fn fields_render_as_upstream_does() {
        let pod = Pod {
            metadata: ObjectMeta {
                name: Some("p".into()),
                namespace: Some("n".into()),
                uid: Some("u".into()),
                labels: Some([("b".into(), "x\"y".into()), ("a".into(), "1".into())].into()),
                annotations: Some([("k/e".into(), "line\nbreak".into())].into()),
                ..Default::default()
            },
            spec: Some(PodSpec { node_name: Some("node".into()), ..Default::default() }),
            ..Default::default()
        };
        let (host, ips) = (["10.0.0.1".to_owned()], ["10.1.0.1".to_owned(), "fd00::1".to_owned()]);
        let place = Place { host_ips: &host, pod_ips: &ips };
        for (path, expected) in [
            ("metadata.name", "p"),
            ("metadata.namespace", "n"),
            ("metadata.uid", "u"),
            ("metadata.labels", "a=\"1\"\nb=\"x\\\"y\""),
            ("metadata.annotations", "k/e=\"line\\nbreak\""),
            ("metadata.labels['a']", "1"),
            ("metadata.labels['none']", ""),
            ("metadata.annotations['k/e']", "line\nbreak"),
            ("spec.nodeName", "node"),
            ("status.hostIP", "10.0.0.1"),
            ("status.podIP", "10.1.0.1"),
            ("status.podIPs", "10.1.0.1,fd00::1"),
        ] {
            assert_eq!(render(&pod, path, place).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(render(&pod, "spec.nonsense", place), None);
    }
}
