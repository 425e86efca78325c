//! Quotas: what is counted, what is refused, what is given back.

use corvette_client::kube::api::PostParams;
use corvette_client::kube::{Api, Error};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ResourceQuota, Service};
use serde_json::{Value, json};

use super::plane::{Plane, eventually, object, template};

async fn uses(plane: &Plane, namespace: &str, name: &str, expected: Value) {
    let api: Api<ResourceQuota> = plane.api(namespace);
    let expected: std::collections::BTreeMap<String, String> = object(expected);
    eventually(&format!("{name} uses {expected:?}"), || {
        let api = api.clone();
        let expected = &expected;
        async move {
            let used = api.get(name).await.unwrap().status.and_then(|status| status.used).unwrap_or_default();
            expected.iter().all(|(key, value)| used.get(key).is_some_and(|used| used.0 == *value)).then_some(())
        }
    })
    .await;
}

fn pod(name: &str, cpu: &str) -> Value {
    let mut pod = template("x", "v1");
    pod["metadata"]["name"] = json!(name);
    pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": cpu}});
    pod
}

async fn refusal(plane: &Plane, namespace: &str, value: Value) -> String {
    match plane.api::<Pod>(namespace).create(&PostParams::default(), &object(value)).await {
        Err(Error::Api(status)) => {
            assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
            status.message
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_counts_refuses_and_gives_back() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    // The namespace's own root certificate. One that is made while the quota is new may be counted late, as upstream does.
    let maps: Api<ConfigMap> = plane.api(&ns);
    eventually("the namespace has its certificate", || async { maps.get_opt("kube-root-ca.crt").await.unwrap() }).await;
    let hard = json!({"pods": "2", "requests.cpu": "1", "services": "1", "services.nodeports": "0",
        "count/configmaps": "3", "count/replicasets.apps": "1"});
    plane.create::<ResourceQuota>(&ns, json!({"metadata": {"name": "q"}, "spec": {"hard": hard}})).await;
    uses(&plane, &ns, "q", json!({"pods": "0", "count/configmaps": "1", "services": "0"})).await;

    plane.create::<Pod>(&ns, pod("one", "600m")).await;
    uses(&plane, &ns, "q", json!({"pods": "1", "requests.cpu": "600m"})).await;
    assert_eq!(
        refusal(&plane, &ns, pod("two", "500m")).await,
        "pods \"two\" is forbidden: exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, \
         limited: requests.cpu=1"
    );
    let mut silent = pod("silent", "1");
    silent["spec"]["containers"][0]["resources"] = json!({});
    assert_eq!(
        refusal(&plane, &ns, silent).await,
        "pods \"silent\" is forbidden: failed quota: q: must specify requests.cpu for: c"
    );
    let service = json!({"metadata": {"name": "s"}, "spec": {"type": "ClusterIP", "ports": [{"port": 80}]}});
    plane.create::<Service>(&ns, service).await;
    uses(&plane, &ns, "q", json!({"services": "1"})).await;
    plane.create::<ConfigMap>(&ns, json!({"metadata": {"name": "c"}})).await;
    uses(&plane, &ns, "q", json!({"count/configmaps": "2"})).await;

    plane.api::<Pod>(&ns).delete("one", &Default::default()).await.unwrap();
    plane.api::<Service>(&ns).delete("s", &Default::default()).await.unwrap();
    plane.api::<ConfigMap>(&ns).delete("c", &Default::default()).await.unwrap();
    let back = json!({"pods": "0", "requests.cpu": "0", "services": "0", "count/configmaps": "1"});
    uses(&plane, &ns, "q", back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_makes_no_more_pods_than_a_quota_allows() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let quota = json!({"metadata": {"name": "q"}, "spec": {"hard": {"pods": "2"}}});
    plane.create::<ResourceQuota>(&ns, quota).await;
    uses(&plane, &ns, "q", json!({"pods": "0"})).await;
    let set = json!({"metadata": {"name": "set"}, "spec": {
        "replicas": 5, "selector": {"matchLabels": {"app": "x"}}, "template": template("x", "v1")}});
    plane.create::<ReplicaSet>(&ns, set).await;
    let message = eventually("the failure is reported", || async {
        let status = plane.api::<ReplicaSet>(&ns).get("set").await.unwrap().status?;
        let failure = status.conditions?.into_iter().find(|c| c.type_ == "ReplicaFailure")?;
        (status.replicas == 2).then_some(failure.message?)
    })
    .await;
    assert!(message.ends_with("exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"), "{message}");
    assert_eq!(plane.list::<Pod>(&ns).await.len(), 2);
    plane.patch::<ResourceQuota>(&ns, "q", json!({"spec": {"hard": {"pods": "5"}}})).await;
    eventually("the set grows", || async { (plane.list::<Pod>(&ns).await.len() == 5).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_divide_pods() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    for scope in ["Terminating", "NotTerminating"] {
        let metadata = json!({"name": scope.to_lowercase()});
        let spec = json!({"hard": {"pods": "5"}, "scopes": [scope]});
        plane.create::<ResourceQuota>(&ns, json!({"metadata": metadata, "spec": spec})).await;
    }
    uses(&plane, &ns, "terminating", json!({"pods": "0"})).await;
    uses(&plane, &ns, "notterminating", json!({"pods": "0"})).await;
    let mut limited = pod("limited", "1m");
    limited["spec"]["activeDeadlineSeconds"] = json!(3600);
    plane.create::<Pod>(&ns, limited).await;
    plane.create::<Pod>(&ns, pod("a", "1m")).await;
    plane.create::<Pod>(&ns, pod("b", "1m")).await;
    uses(&plane, &ns, "terminating", json!({"pods": "1"})).await;
    uses(&plane, &ns, "notterminating", json!({"pods": "2"})).await;
}
