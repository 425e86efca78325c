//! What plugins and allocators add to objects, and what they refuse.

mod common;

use common::{PODS, Server, pod};
use serde_json::{Value, json};

const SERVICES: &str = "/api/v1/namespaces/default/services";

async fn with_account() -> Server {
    let server = Server::start().await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    server.post("/api/v1/namespaces/default/serviceaccounts", &account).await.expect(201);
    server
}

fn service(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn pods_get_account_tolerations_and_priority() {
    let server = with_account().await;
    let plain = server.post(PODS, &pod("a")).await.expect(201);
    assert_eq!(plain["spec"]["serviceAccountName"], "default");
    assert_eq!(
        (plain["spec"]["priority"].as_i64(), plain["spec"]["preemptionPolicy"].as_str()),
        (Some(0), Some("PreemptLowerPriority"))
    );
    assert_eq!(plain["spec"]["tolerations"].as_array().unwrap().len(), 2);
    let mut bare = plain.clone();
    bare["spec"].as_object_mut().unwrap().remove("tolerations");
    assert_eq!(server.put(&format!("{PODS}/a"), &bare).await.expect(200)["spec"], plain["spec"]);
    let mut critical = pod("b");
    critical["spec"]["priorityClassName"] = "system-node-critical".into();
    assert_eq!(server.post(PODS, &critical).await.expect(201)["spec"]["priority"], 2_000_001_000);
    let mut unknown = pod("c");
    unknown["spec"]["priorityClassName"] = "none".into();
    let refused = server.post(PODS, &unknown).await;
    assert_eq!(
        (refused.code, refused.message().as_str()),
        (403, "pods \"c\" is forbidden: no PriorityClass with name none was found")
    );
}

#[tokio::test]
async fn pods_get_what_their_runtime_class_says() {
    let server = with_account().await;
    let of_class = |name: &str, class: &str, spec: Value| {
        let mut pod = pod(name);
        pod["spec"]["runtimeClassName"] = class.into();
        pod["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        pod
    };
    let refused = server.post(PODS, &of_class("a", "sandboxed", json!({}))).await;
    assert_eq!(
        (refused.code, refused.message().as_str()),
        (403, "pods \"a\" is forbidden: pod rejected: RuntimeClass \"sandboxed\" not found")
    );
    let class = json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "sandboxed"},
        "handler": "runsc", "overhead": {"podFixed": {"cpu": "100m", "memory": "16Mi"}},
        "scheduling": {"nodeSelector": {"runtime": "runsc"}, "tolerations": [{"key": "runsc", "operator": "Exists"}]}});
    server.post("/apis/node.k8s.io/v1/runtimeclasses", &class).await.expect(201);
    let made =
        server.post(PODS, &of_class("a", "sandboxed", json!({"nodeSelector": {"disk": "ssd"}}))).await.expect(201);
    assert_eq!(made["spec"]["overhead"], json!({"cpu": "100m", "memory": "16Mi"}));
    assert_eq!(made["spec"]["nodeSelector"], json!({"disk": "ssd", "runtime": "runsc"}));
    assert!(made["spec"]["tolerations"].as_array().unwrap().contains(&json!({"key": "runsc", "operator": "Exists"})));
    server
        .post(PODS, &of_class("b", "sandboxed", json!({"overhead": {"cpu": "0.1", "memory": "16Mi"}})))
        .await
        .expect(201);

    let mut bare = pod("c");
    bare["spec"]["overhead"] = json!({"cpu": "1"});
    for (pod, detail) in [
        (
            of_class("c", "sandboxed", json!({"overhead": {"cpu": "1"}})),
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (bare, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"),
        (
            of_class("c", "sandboxed", json!({"nodeSelector": {"runtime": "runc"}})),
            "conflict: runtimeClass.scheduling.nodeSelector[runtime] = runsc; pod.spec.nodeSelector[runtime] = runc",
        ),
    ] {
        let refused = server.post(PODS, &pod).await;
        assert_eq!((refused.code, refused.message()), (403, format!("pods \"c\" is forbidden: {detail}")));
    }
}

#[tokio::test]
async fn limit_ranges_fill_and_bound() {
    let server = with_account().await;
    let range = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [
        {"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"}, "max": {"cpu": "1"}}]}});
    server.post("/api/v1/namespaces/default/limitranges", &range).await.expect(201);
    let filled = server.post(PODS, &pod("a")).await.expect(201);
    assert_eq!(
        filled["spec"]["containers"][0]["resources"],
        json!({"limits": {"cpu": "500m"}, "requests": {"cpu": "100m"}})
    );
    let mut large = pod("b");
    large["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "2"}});
    let refused = server.post(PODS, &large).await;
    assert_eq!(
        (refused.code, refused.message().as_str()),
        (403, "pods \"b\" is forbidden: maximum cpu usage per Container is 1, but limit is 2")
    );
}

#[tokio::test]
async fn services_get_addresses_and_ports() {
    let server = Server::start().await;
    let kubernetes = server.get(&format!("{SERVICES}/kubernetes")).await.expect(200);
    assert_eq!(kubernetes["spec"]["clusterIP"], "10.96.0.1");
    let plain = server.post(SERVICES, &service("a", json!({"ports": [{"port": 80}]}))).await.expect(201);
    let address = plain["spec"]["clusterIP"].as_str().unwrap();
    assert!(address.starts_with("10."), "{address}");
    assert_eq!(plain["spec"]["clusterIPs"], json!([address]));
    let headless =
        server.post(SERVICES, &service("b", json!({"clusterIP": "None", "ports": [{"port": 80}]}))).await.expect(201);
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    let taken = server.post(SERVICES, &service("c", json!({"clusterIP": address, "ports": [{"port": 80}]}))).await;
    assert_eq!((taken.code, taken.reason().as_str()), (422, "Invalid"));
    assert!(taken.message().contains("provided IP is already allocated"), "{}", taken.message());
    let outside = server.post(SERVICES, &service("c", json!({"clusterIP": "1.2.3.4", "ports": [{"port": 80}]}))).await;
    assert!(
        outside.message().contains("is not in the valid range. The range of valid IPs is 10.96.0.0/12"),
        "{}",
        outside.message()
    );
    let spec = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]});
    server.post(SERVICES, &service("d", spec.clone())).await.expect(201);
    let port = server.post(SERVICES, &service("e", spec)).await;
    assert!(
        port.message().contains("spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated"),
        "{}",
        port.message()
    );
    let any =
        server.post(SERVICES, &service("f", json!({"type": "NodePort", "ports": [{"port": 80}]}))).await.expect(201);
    assert!((30000..=32767).contains(&any["spec"]["ports"][0]["nodePort"].as_i64().unwrap()));
    server.delete(&format!("{SERVICES}/d")).await.expect(200);
    let again = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]});
    server.post(SERVICES, &service("e", again)).await.expect(201);
}

#[tokio::test]
async fn a_service_keeps_its_address_and_gains_ports_when_its_type_changes() {
    let server = Server::start().await;
    let first = server.post(SERVICES, &service("a", json!({"ports": [{"port": 80}]}))).await.expect(201);
    let changed =
        server.patch("merge", &format!("{SERVICES}/a"), &json!({"spec": {"type": "NodePort"}})).await.expect(200);
    assert_eq!(changed["spec"]["clusterIP"], first["spec"]["clusterIP"]);
    assert!(changed["spec"]["ports"][0]["nodePort"].is_number());
}

#[tokio::test]
async fn concurrent_services_never_share_an_address() {
    let server = Server::start().await;
    let creates = (0..40).map(|i| {
        let server = &server;
        async move {
            let spec = json!({"type": "NodePort", "ports": [{"port": 80}]});
            server.post(SERVICES, &service(&format!("s{i}"), spec)).await.expect(201)
        }
    });
    let created = futures::future::join_all(creates).await;
    let distinct = |pointer: &str| {
        created.iter().map(|s| s.pointer(pointer).unwrap().to_string()).collect::<std::collections::HashSet<_>>().len()
    };
    assert_eq!((distinct("/spec/clusterIP"), distinct("/spec/ports/0/nodePort")), (40, 40));
}

#[tokio::test]
async fn new_nodes_are_not_ready() {
    let server = Server::start().await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}});
    let created = server.post("/api/v1/nodes", &node).await.expect(201);
    assert_eq!(created["spec"]["taints"], json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]));
}
