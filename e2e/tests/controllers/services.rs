//! Where the pods of a service are.

use corvette_client::kube::api::{DeleteParams, Patch, PatchParams};
use corvette_client::kube::{Api, ResourceExt as _};
use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::json;

use super::plane::{Plane, eventually, labels, template};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_follow_the_pods() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let service = json!({
        "metadata": {"name": "web", "labels": {"team": "a"}},
        "spec": {"selector": {"app": "x"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]},
    });
    plane.create::<Service>(&ns, service).await;
    for name in ["one", "two"] {
        let mut pod = template("x", if name == "one" { "v1" } else { "broken" });
        pod["metadata"]["name"] = json!(name);
        pod["spec"]["containers"][0]["ports"] = json!([{"name": "web", "containerPort": 8080}]);
        plane.create::<Pod>(&ns, pod).await;
    }
    let slices: Api<EndpointSlice> = plane.api(&ns);
    let slice = eventually("both pods are in one slice", || async {
        let mut found = slices.list(&Default::default()).await.unwrap().items;
        let full = found.len() == 1 && found[0].endpoints.as_ref().is_some_and(|endpoints| endpoints.len() == 2);
        full.then(|| found.remove(0))
    })
    .await;
    assert_eq!(
        slice.labels(),
        &labels(&[
            ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"),
            ("kubernetes.io/service-name", "web"),
            ("team", "a"),
        ])
    );
    assert_eq!(slice.ports.as_ref().unwrap()[0].port, Some(8080));
    let readiness = |slice: &EndpointSlice, pod: &str| {
        let endpoints = slice.endpoints.clone().unwrap();
        let found = endpoints.into_iter().find(|e| e.target_ref.as_ref().unwrap().name.as_deref() == Some(pod));
        found.and_then(|endpoint| endpoint.conditions.unwrap().ready)
    };
    assert_eq!((readiness(&slice, "one"), readiness(&slice, "two")), (Some(true), Some(false)));
    let api: Api<Endpoints> = plane.api(&ns);
    eventually("the older form agrees", || async {
        let subsets = api.get_opt("web").await.unwrap()?.subsets?;
        let count = |addresses: &Option<Vec<_>>| addresses.as_ref().map_or(0, Vec::len);
        let found = (count(&subsets[0].addresses), count(&subsets[0].not_ready_addresses));
        (found == (1, 1) && subsets[0].ports.as_ref()?[0].port == 8080).then_some(())
    })
    .await;

    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let pods: Api<Pod> = plane.api(&ns);
    pods.patch_status("two", &PatchParams::default(), &Patch::Strategic(ready)).await.unwrap();
    eventually("the second is ready", || async {
        let slice = slices.get(&slice.name_any()).await.unwrap();
        (readiness(&slice, "two") == Some(true)).then_some(())
    })
    .await;
    pods.delete("one", &DeleteParams::default()).await.unwrap();
    eventually("the first is gone", || async {
        let slice = slices.get(&slice.name_any()).await.unwrap();
        readiness(&slice, "one").is_none().then_some(())
    })
    .await;
    plane.api::<Service>(&ns).delete("web", &DeleteParams::default()).await.unwrap();
    eventually("nothing is left", || async {
        let empty = slices.list(&Default::default()).await.unwrap().items.is_empty();
        (empty && api.get_opt("web").await.unwrap().is_none()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_written_by_hand_are_left_alone() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let by_hand = json!({
        "metadata": {"name": "db"},
        "subsets": [{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"port": 5432}]}],
    });
    let made = plane.create::<Endpoints>(&ns, by_hand).await;
    plane.create::<Service>(&ns, json!({"metadata": {"name": "db"}, "spec": {"ports": [{"port": 5432}]}})).await;
    plane
        .create::<Service>(
            &ns,
            json!({"metadata": {"name": "seen"}, "spec": {"selector": {"a": "b"}, "ports": [{"port": 1}]}}),
        )
        .await;
    let api: Api<Endpoints> = plane.api(&ns);
    eventually("the other service is served", || async { api.get_opt("seen").await.unwrap() }).await;
    assert_eq!(api.get("db").await.unwrap().resource_version(), made.resource_version());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_that_people_write_are_mirrored() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let mirrors = |what: &'static str, addresses: &'static [&'static str]| {
        let plane = &plane;
        let ns = ns.clone();
        async move {
            eventually(what, || async {
                let slices = plane.list::<EndpointSlice>(&ns).await;
                let ours = slices.iter().filter(|slice| {
                    slice.labels().get("endpointslice.kubernetes.io/managed-by").map(String::as_str)
                        == Some("endpointslicemirroring-controller.k8s.io")
                });
                let mut found: Vec<String> =
                    ours.flat_map(|slice| slice.endpoints.iter().flatten()).flat_map(|e| e.addresses.clone()).collect();
                found.sort();
                (found == addresses).then_some(())
            })
            .await;
        }
    };
    plane.create::<Service>(&ns, json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})).await;
    let ports = json!([{"port": 9090}]);
    let subsets =
        json!([{"addresses": [{"ip": "10.1.2.3"}], "notReadyAddresses": [{"ip": "10.1.2.4"}], "ports": ports}]);
    plane.create::<Endpoints>(&ns, json!({"metadata": {"name": "s"}, "subsets": subsets})).await;
    mirrors("they appear", &["10.1.2.3", "10.1.2.4"]).await;
    let subsets = json!([{"addresses": [{"ip": "10.2.3.4"}], "ports": ports}]);
    plane.patch::<Endpoints>(&ns, "s", json!({"subsets": subsets})).await;
    mirrors("they change", &["10.2.3.4"]).await;
    plane.api::<Endpoints>(&ns).delete("s", &Default::default()).await.unwrap();
    mirrors("they go", &[]).await;
}
