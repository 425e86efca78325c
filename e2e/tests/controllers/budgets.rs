//! Disruption budgets: what they allow, and evictions that honour them.

use corvette_client::kube::api::{EvictParams, PostParams};
use corvette_client::kube::{Api, Error, ResourceExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use serde_json::{Value, json};

use super::plane::{Plane, eventually, object, template};

fn budget(spec: Value) -> Value {
    let mut spec = spec;
    spec["selector"] = json!({"matchLabels": {"app": "x"}});
    json!({"metadata": {"name": "b"}, "spec": spec})
}

async fn reaches(plane: &Plane, ns: &str, what: &str, done: impl Fn(&PodDisruptionBudgetStatus) -> bool) {
    let api: Api<PodDisruptionBudget> = plane.api(ns);
    eventually(what, || async {
        let budget = api.get("b").await.unwrap();
        let status = budget.status.unwrap_or_default();
        (status.observed_generation == budget.metadata.generation && done(&status)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evictions_take_no_more_than_the_budget_allows() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let deployment = json!({"metadata": {"name": "web"}, "spec": {
        "replicas": 3, "selector": {"matchLabels": {"app": "x"}}, "template": template("x", "v1")}});
    plane.create::<Deployment>(&ns, deployment).await;
    plane.create::<PodDisruptionBudget>(&ns, budget(json!({"maxUnavailable": 0}))).await;
    reaches(&plane, &ns, "none may go", |s| s.current_healthy == Some(3) && s.desired_healthy == Some(3)).await;
    let pods: Api<Pod> = plane.api(&ns);
    let name = plane.list::<Pod>(&ns).await[0].name_any();
    let refused = match pods.evict(&name, &EvictParams::default()).await {
        Err(Error::Api(status)) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!((refused.code, refused.reason.as_str()), (429, "TooManyRequests"));
    assert_eq!(refused.message, "Cannot evict pod as it would violate the pod's disruption budget.");
    let cause = &refused.details.unwrap().causes[0];
    assert_eq!(cause.reason, "DisruptionBudget");
    assert_eq!(cause.message, "The disruption budget b needs 3 healthy pods and has 3 currently");
    plane.patch::<PodDisruptionBudget>(&ns, "b", json!({"spec": {"maxUnavailable": 1}})).await;
    reaches(&plane, &ns, "one may go", |s| s.disruptions_allowed == Some(1) && s.expected_pods == Some(3)).await;
    pods.evict(&name, &EvictParams::default()).await.unwrap();
    eventually("the pod is gone", || async { pods.get_opt(&name).await.unwrap().is_none().then_some(()) }).await;
    reaches(&plane, &ns, "one may go again", |s| s.disruptions_allowed == Some(1) && s.disrupted_pods.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_says_what_it_cannot_know() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let mut alone = template("x", "v1");
    alone["metadata"]["name"] = json!("alone");
    plane.create::<Pod>(&ns, alone).await;
    plane.create::<PodDisruptionBudget>(&ns, budget(json!({"minAvailable": "50%"}))).await;
    reaches(&plane, &ns, "nothing may go", |s| s.disruptions_allowed == Some(0) && s.expected_pods == Some(0)).await;
    eventually("it is told", || async {
        let told = plane.events(&ns, "UnmanagedPods").await;
        told.first().map(|message| assert!(message.contains("were found to be unmanaged")))
    })
    .await;
    let api: Api<PodDisruptionBudget> = plane.api(&ns);
    // The controller may write the status between the read and the write.
    eventually("the budget is replaced", || async {
        let mut changed = api.get("b").await.unwrap();
        changed.spec = object(budget(json!({"minAvailable": 0}))["spec"].clone());
        match api.replace("b", &PostParams::default(), &changed).await {
            Err(Error::Api(status)) if status.code == 409 => None,
            replaced => Some(replaced.unwrap()),
        }
    })
    .await;
    reaches(&plane, &ns, "a number is enough", |s| s.disruptions_allowed == Some(1) && s.current_healthy == Some(1))
        .await;
    let conditions = api.get("b").await.unwrap().status.unwrap().conditions.unwrap();
    assert_eq!((conditions[0].type_.as_str(), conditions[0].reason.as_str()), ("DisruptionAllowed", "SufficientPods"));
}
