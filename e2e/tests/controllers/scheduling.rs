//! The scheduler against the real API server: what it tells, what it evicts, what ends a wait.

use corvette_client::kube::api::{Patch, PatchParams, PostParams};
use corvette_client::kube::{Api, ResourceExt as _};
use corvette_scheduler::Config;
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use serde_json::{Value, json};

use super::plane::{Plane, eventually, object, template};

/// The stand-in for the kubelet binds only pods of the default scheduler.
const NAME: &str = "tested";

async fn start() -> (Plane, String) {
    let plane = Plane::start().await;
    let nodes = Api::<Node>::all(plane.client.clone());
    let room = json!({"status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "10"}}});
    nodes.patch_status("worker", &PatchParams::default(), &Patch::Merge(room)).await.unwrap();
    plane.spawn("scheduler", |client, tasks| {
        corvette_scheduler::run(client, Config { scheduler_name: NAME.to_owned(), ..Config::default() }, tasks)
    });
    let ns = plane.namespace().await;
    (plane, ns)
}

fn pod(name: &str, cpu: &str) -> Value {
    let mut pod = template("x", "v1");
    pod["metadata"]["name"] = json!(name);
    pod["spec"]["schedulerName"] = json!(NAME);
    pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": cpu}});
    pod
}

async fn bound(pods: &Api<Pod>, name: &str) {
    eventually(&format!("{name} has a node"), || async { pods.get(name).await.unwrap().spec?.node_name.map(drop) })
        .await;
}

async fn waits_because(pods: &Api<Pod>, name: &str) -> String {
    eventually(&format!("{name} waits"), || async {
        let conditions = pods.get(name).await.unwrap().status?.conditions?;
        let scheduled = conditions.into_iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
        assert_eq!(scheduled.reason.as_deref(), Some("Unschedulable"));
        scheduled.message
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_more_important_pod_takes_the_place_of_another() {
    let (plane, ns) = start().await;
    let classes = Api::<PriorityClass>::all(plane.client.clone());
    for (name, value) in [("high", 1000), ("low", 1)] {
        let class: PriorityClass = object(json!({"metadata": {"name": name}, "value": value}));
        classes.create(&PostParams::default(), &class).await.unwrap();
    }
    let of_class = |name: &str, cpu: &str, class: &str| {
        let mut pod = pod(name, cpu);
        pod["spec"]["priorityClassName"] = json!(class);
        pod
    };
    let pods: Api<Pod> = plane.api(&ns);
    for (name, class) in [("low", "low"), ("high", "high")] {
        plane.create::<Pod>(&ns, of_class(name, "800m", class)).await;
        bound(&pods, name).await;
    }
    plane.create::<Pod>(&ns, of_class("meek", "1", "low")).await;
    assert_eq!(
        waits_because(&pods, "meek").await,
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: \
         1 No preemption victims found for incoming pod."
    );
    let urgent = plane.create::<Pod>(&ns, of_class("urgent", "1", "high")).await;
    bound(&pods, "urgent").await;
    assert!(pods.get_opt("low").await.unwrap().is_none(), "the least important pod went");
    assert!(pods.get("high").await.unwrap().metadata.deletion_timestamp.is_none());
    eventually("the eviction is told", || async {
        let told = plane.events(&ns, "Preempted").await;
        let expected = format!("Preempted by pod {} on node worker", urgent.uid().unwrap());
        told.first().map(|message| assert_eq!(*message, expected))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_waits_for_its_claim_and_no_longer() {
    let (plane, ns) = start().await;
    let pods: Api<Pod> = plane.api(&ns);
    let mut wanted = pod("p", "1");
    wanted["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}]);
    plane.create::<Pod>(&ns, wanted).await;
    assert_eq!(
        waits_because(&pods, "p").await,
        "0/1 nodes are available: persistentvolumeclaim \"c\" not found. no new claims to deallocate, preemption: \
         0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    );
    let claim = json!({"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"], "volumeName": "v",
        "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}});
    plane.create::<PersistentVolumeClaim>(&ns, claim).await;
    bound(&pods, "p").await;
}
