//! Owners and dependents of all kinds.

use corvette_client::kube::{Api, ResourceExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde_json::{Value, json};

use super::plane::{Plane, eventually};

fn owned(name: &str, owners: &[(&str, &str, &str)]) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|(kind, name, uid)| json!({"apiVersion": "v1", "kind": kind, "name": name, "uid": uid}))
        .collect();
    json!({"metadata": {"name": name, "ownerReferences": owners}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_goes_with_its_last_owner() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let one = plane.create::<ConfigMap>(&ns, json!({"metadata": {"name": "one"}})).await.uid().unwrap();
    let two = plane.create::<ConfigMap>(&ns, json!({"metadata": {"name": "two"}})).await.uid().unwrap();
    let both = owned("child", &[("ConfigMap", "one", &one), ("ConfigMap", "two", &two)]);
    let child = plane.create::<Secret>(&ns, both).await.uid().unwrap();
    plane.create::<ConfigMap>(&ns, owned("grandchild", &[("Secret", "child", &child)])).await;
    let (maps, secrets): (Api<ConfigMap>, Api<Secret>) = (plane.api(&ns), plane.api(&ns));
    maps.delete("one", &Default::default()).await.unwrap();
    eventually("the reference to the dead owner goes", || async {
        let owners = secrets.get("child").await.unwrap().owner_references().to_vec();
        (owners.len() == 1 && owners[0].uid == two).then_some(())
    })
    .await;
    maps.delete("two", &Default::default()).await.unwrap();
    eventually("child and grandchild go", || async {
        let gone =
            secrets.get_opt("child").await.unwrap().is_none() && maps.get_opt("grandchild").await.unwrap().is_none();
        gone.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_of_an_owner_that_never_was_is_deleted_and_one_in_a_circle_too() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let other = plane.namespace().await;
    let elsewhere = plane.create::<ConfigMap>(&other, json!({"metadata": {"name": "away"}})).await.uid().unwrap();
    plane.create::<Secret>(&ns, owned("lost", &[("ConfigMap", "none", "0000-none")])).await;
    plane.create::<Secret>(&ns, owned("far", &[("ConfigMap", "away", &elsewhere)])).await;
    let maps: Api<ConfigMap> = plane.api(&ns);
    let secrets: Api<Secret> = plane.api(&ns);
    eventually("both go", || async {
        let gone = secrets.get_opt("lost").await.unwrap().is_none() && secrets.get_opt("far").await.unwrap().is_none();
        gone.then_some(())
    })
    .await;
    assert_eq!(plane.api::<ConfigMap>(&other).get("away").await.unwrap().uid(), Some(elsewhere));

    let a = plane.create::<ConfigMap>(&ns, json!({"metadata": {"name": "a"}})).await.uid().unwrap();
    let b = plane.create::<ConfigMap>(&ns, owned("b", &[("ConfigMap", "a", &a)])).await.uid().unwrap();
    let circle = owned("a", &[("ConfigMap", "b", &b)]);
    plane.patch::<ConfigMap>(&ns, "a", circle).await;
    maps.delete("a", &Default::default()).await.unwrap();
    eventually("the circle is gone", || async { maps.get_opt("b").await.unwrap().is_none().then_some(()) }).await;
}
