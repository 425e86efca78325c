use super::*;
use serde_json::json;

fn references() -> References {
    let map: ConfigMap = serde_json::from_value(json!({"data": {"k": "v", "bad=key": "x"}})).unwrap();
    let secret: Secret = serde_json::from_value(json!({"data": {"s": "c2VjcmV0"}})).unwrap();
    References {
        config_maps: [("cm".to_owned(), Some(Arc::new(map))), ("gone".to_owned(), None)].into(),
        secrets: [("sec".to_owned(), Some(Arc::new(secret)))].into(),
    }
}

fn run(container: serde_json::Value) -> Result<Environment, Error> {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "p", "namespace": "ns", "labels": {"app": "web"}},
        "spec": {"containers": [container]}
    }))
    .unwrap();
    let service: Service = serde_json::from_value(json!({
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 443, "name": "https"}]}
    }))
    .unwrap();
    let ips = ["10.244.0.7".to_owned()];
    environment(Inputs {
        pod: &pod,
        container: &pod.spec.as_ref().unwrap().containers[0],
        references: &references(),
        services: &[Arc::new(service)],
        place: Place { host_ips: &[], pod_ips: &ips },
        node: Amounts { cpu: 2000, memory: 1 << 30, storage: 0 },
    })
}

#[test]
fn later_sources_win_and_values_expand_what_came_before() {
    let environment = run(json!({
        "name": "c",
        "envFrom": [{"configMapRef": {"name": "cm"}}, {"prefix": "P_", "secretRef": {"name": "sec"}}],
        "env": [
            {"name": "A", "value": "1"},
            {"name": "B", "value": "$(A)-$(k)-$(P_s)-$(LATER)-$(KUBERNETES_SERVICE_HOST)"},
            {"name": "LATER", "value": "x"},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {"name": "MAYBE", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "k", "optional": true}}},
            {"name": "KUBERNETES_SERVICE_PORT", "value": "mine"},
            {"name": "EMPTY"}
        ]
    }))
    .unwrap();
    let get = |name: &str| environment.variables.get(name).map(String::as_str);
    assert_eq!(get("B"), Some("1-v-secret-$(LATER)-10.96.0.1"));
    assert_eq!(get("IP"), Some("10.244.0.7"));
    assert_eq!(get("CPU"), Some("2"));
    assert_eq!(get("MAYBE"), None);
    assert_eq!(get("EMPTY"), Some(""));
    assert_eq!(get("KUBERNETES_SERVICE_PORT"), Some("mine"));
    assert_eq!(get("KUBERNETES_SERVICE_HOST"), Some("10.96.0.1"));
    assert_eq!(environment.skipped, [("configMap", "ns/cm".to_owned(), vec!["bad=key".to_owned()])]);
}

#[test]
fn missing_references_are_named_as_upstream_names_them() {
    let with = |source: serde_json::Value| run(json!({"name": "c", "env": [{"name": "X", "valueFrom": source}]}));
    let message = |source| with(source).unwrap_err().to_string();
    assert_eq!(message(json!({"configMapKeyRef": {"name": "gone", "key": "k"}})), "configmap \"gone\" not found");
    assert_eq!(message(json!({"secretKeyRef": {"name": "no", "key": "k"}})), "secret \"no\" not found");
    assert_eq!(
        message(json!({"configMapKeyRef": {"name": "cm", "key": "zz"}})),
        "couldn't find key zz in ConfigMap ns/cm"
    );
    assert_eq!(
        run(json!({"name": "c", "envFrom": [{"secretRef": {"name": "no"}}]})).unwrap_err().to_string(),
        "secret \"no\" not found"
    );
    let optional = run(json!({"name": "c", "envFrom": [{"secretRef": {"name": "no", "optional": true}}]}));
    assert!(optional.is_ok());
}
