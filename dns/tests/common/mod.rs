//! A cluster for tests.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part; a test fails by panicking")]

use corvette_client::NamespacedName;
use corvette_dns::model::{Service, Slice};
use corvette_dns::zone::Zone;
use k8s_openapi::api::core::v1::Service as ApiService;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

/// A service of `namespace` with this `spec`.
pub fn service(namespace: &str, name: &str, spec: Value) -> Value {
    json!({ "metadata": { "namespace": namespace, "name": name, "resourceVersion": "1" }, "spec": spec })
}

/// A slice of `service` whose ports and endpoints are these.
pub fn slice(namespace: &str, name: &str, service: &str, ports: Value, endpoints: Value) -> Value {
    json!({
        "metadata": {
            "namespace": namespace, "name": name, "resourceVersion": "1",
            "labels": { "kubernetes.io/service-name": service }
        },
        "addressType": "IPv4", "ports": ports, "endpoints": endpoints
    })
}

/// The services of the cluster that most tests ask about.
pub fn services() -> Vec<Value> {
    let http = json!([{ "name": "http", "protocol": "TCP", "port": 80 }]);
    vec![
        service(
            "default",
            "kubernetes",
            json!({ "clusterIPs": ["10.96.0.1"], "ports": [{ "name": "https", "port": 443 }] }),
        ),
        service("n", "web", json!({ "clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"], "ports": http })),
        service("n", "old", json!({ "clusterIP": "10.96.0.8", "ports": [{ "port": 80 }] })),
        service(
            "n",
            "dual",
            json!({ "clusterIPs": ["10.96.0.9", "fd00:96::9"], "ports": [
            { "name": "dns", "protocol": "UDP", "port": 53 }, { "name": "dns-tcp", "protocol": "TCP", "port": 53 }
        ] }),
        ),
        service("n", "waiting", json!({ "clusterIP": "", "ports": http })),
        service("n", "db", json!({ "clusterIP": "None", "clusterIPs": ["None"], "ports": http })),
        service("n", "early", json!({ "clusterIP": "None", "publishNotReadyAddresses": true, "ports": http })),
        service("n", "bare", json!({ "clusterIP": "None" })),
        service("n", "empty", json!({ "clusterIP": "None", "ports": http })),
        service("n", "ext", json!({ "type": "ExternalName", "externalName": "www.Example.com" })),
        service("n", "inner", json!({ "type": "ExternalName", "externalName": "web.n.svc.cluster.local" })),
        service("n", "outer", json!({ "type": "ExternalName", "externalName": "inner.n.svc.cluster.local." })),
        service("n", "far", json!({ "type": "ExternalName", "externalName": "ext.n.svc.cluster.local" })),
        service("n", "lost", json!({ "type": "ExternalName", "externalName": "none.n.svc.cluster.local" })),
        service("n", "self", json!({ "type": "ExternalName", "externalName": "self.n.svc.cluster.local" })),
        service("n", "ping", json!({ "type": "ExternalName", "externalName": "pong.n.svc.cluster.local" })),
        service("n", "pong", json!({ "type": "ExternalName", "externalName": "ping.n.svc.cluster.local" })),
        service("n", "gone", json!({ "type": "ExternalName", "externalName": "none.test" })),
        service("n", "mute", json!({ "type": "ExternalName", "externalName": "silent.test" })),
        service("n", "number", json!({ "type": "ExternalName", "externalName": "192.0.2.1" })),
    ]
}

/// The slices of the cluster that most tests ask about.
pub fn slices() -> Vec<Value> {
    let http = json!([{ "name": "http", "protocol": "TCP", "port": 8080 }]);
    let two = json!([{ "name": "http", "port": 8080 }, { "name": "", "port": 9000 }]);
    let mut v6 = slice("n", "db-6", "db", http.clone(), json!([{ "addresses": ["fd00:1::5"] }]));
    v6["addressType"] = json!("IPv6");
    vec![
        slice(
            "n",
            "web-1",
            "web",
            http.clone(),
            json!([{ "addresses": ["10.1.0.1"], "conditions": { "ready": true } }]),
        ),
        slice(
            "n",
            "db-1",
            "db",
            two,
            json!([
                { "addresses": ["10.1.0.2"], "hostname": "db-0", "conditions": { "ready": true } },
                { "addresses": ["10.1.0.3"], "conditions": {} },
                { "addresses": ["10.1.0.4"], "hostname": "db-9", "conditions": { "ready": false } },
            ]),
        ),
        v6,
        slice("n", "db-2", "db", http.clone(), json!([{ "addresses": ["10.1.0.5"], "hostname": "db-0" }])),
        slice(
            "n",
            "early-1",
            "early",
            http.clone(),
            json!([
                { "addresses": ["10.1.0.6"], "hostname": "e-0", "conditions": { "ready": false } },
            ]),
        ),
        slice("n", "bare-1", "bare", Value::Null, json!([{ "addresses": ["10.1.0.7"], "hostname": "b-0" }])),
        slice("n", "empty-1", "empty", http, json!([{ "addresses": ["10.1.0.8"], "conditions": { "ready": false } }])),
    ]
}

/// Stores an object as it comes from the API.
pub fn apply_service(zone: &mut Zone, object: &Value) -> bool {
    let object: ApiService = serde_json::from_value(object.clone()).unwrap();
    let key = NamespacedName::of(&object);
    match Service::from_api(&object) {
        Some(service) => zone.apply_service(&key, service),
        None => zone.delete_service(&key),
    }
}

/// Stores an object as it comes from the API.
pub fn apply_slice(zone: &mut Zone, object: &Value) -> bool {
    let object: EndpointSlice = serde_json::from_value(object.clone()).unwrap();
    let key = NamespacedName::of(&object);
    match Slice::from_api(&object) {
        Some(slice) => zone.apply_slice(&key, slice),
        None => zone.delete_slice(&key),
    }
}

/// The zone of the cluster, known completely, served at 10.96.0.10.
pub fn zone() -> Zone {
    let mut zone = Zone::new("cluster.local", Some("10.96.0.10".parse().unwrap())).unwrap();
    for namespace in ["default", "kube-system", "n", "vacant"] {
        zone.apply_namespace(namespace);
    }
    for object in services() {
        apply_service(&mut zone, &object);
    }
    for object in slices() {
        apply_slice(&mut zone, &object);
    }
    zone.set_serial(7);
    zone.set_synced();
    zone
}
