//! Pods that end.

use corvette_client::kube::api::{DeleteParams, Patch, PatchParams, PropagationPolicy};
use corvette_client::kube::{Api, ResourceExt};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::plane::{Plane, eventually, template};

const FINALIZER: &str = "batch.kubernetes.io/job-tracking";

fn job(more: Value) -> Value {
    let mut pod = template("work", "v1");
    pod["spec"]["restartPolicy"] = json!("Never");
    let mut spec = json!({"template": pod});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"metadata": {"name": "work"}, "spec": spec})
}

/// Ends a pod that runs.
async fn end(plane: &Plane, namespace: &str, pod: &str, phase: &str) {
    let patch = Patch::Merge(json!({"status": {"phase": phase}}));
    plane.api::<Pod>(namespace).patch_status(pod, &PatchParams::default(), &patch).await.unwrap();
}

/// Waits until this many pods run, and returns their names.
async fn running(plane: &Plane, namespace: &str, count: usize) -> Vec<Pod> {
    eventually("the pods run", || async {
        let mut pods = plane.list::<Pod>(namespace).await;
        pods.retain(|pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
            phase.as_deref() == Some("Running") && pod.metadata.deletion_timestamp.is_none()
        });
        pods.sort_by_key(ResourceExt::name_any);
        (pods.len() == count).then_some(pods)
    })
    .await
}

async fn finished(plane: &Plane, namespace: &str, kind: &str) -> (Job, String) {
    let api: Api<Job> = plane.api(namespace);
    eventually("the job ends", || async {
        let job = api.get("work").await.unwrap();
        let found = job.status.iter().flat_map(|s| s.conditions.iter().flatten()).find(|c| c.type_ == kind).cloned();
        found.filter(|c| c.status == "True").map(|c| (job, c.reason.unwrap_or_default()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_indexed_job_completes_each_index_once() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let spec = json!({"completions": 3, "parallelism": 2, "completionMode": "Indexed"});
    let uid = plane.create::<Job>(&ns, job(spec)).await.uid().unwrap();
    let pods = running(&plane, &ns, 2).await;
    for (index, pod) in pods.iter().enumerate() {
        assert!(pod.name_any().starts_with(&format!("work-{index}-")));
        assert_eq!(pod.annotations()["batch.kubernetes.io/job-completion-index"], index.to_string());
        assert_eq!(pod.labels()["batch.kubernetes.io/job-name"], "work");
        assert_eq!(pod.labels()["controller-uid"], uid);
        assert_eq!(pod.finalizers(), [FINALIZER]);
        let spec = pod.spec.as_ref().unwrap();
        assert_eq!(spec.hostname, Some(format!("work-{index}")));
        assert_eq!(spec.containers[0].env.as_ref().unwrap()[0].name, "JOB_COMPLETION_INDEX");
    }
    end(&plane, &ns, &pods[1].name_any(), "Succeeded").await;
    let pods = running(&plane, &ns, 2).await;
    for pod in pods {
        end(&plane, &ns, &pod.name_any(), "Succeeded").await;
    }
    let (done, reason) = finished(&plane, &ns, "Complete").await;
    let status = done.status.unwrap();
    assert_eq!((status.succeeded, status.failed, status.active), (Some(3), None, None));
    assert_eq!((status.completed_indexes.as_deref(), reason.as_str()), (Some("0-2"), "CompletionsReached"));
    assert!(status.start_time.is_some() && status.completion_time.is_some());
    assert!(status.conditions.unwrap().iter().any(|condition| condition.type_ == "SuccessCriteriaMet"));
    let pods = plane.list::<Pod>(&ns).await;
    assert!(pods.len() == 3 && pods.iter().all(|pod| pod.finalizers().is_empty()));
    eventually("it is told", || async { (plane.events(&ns, "Completed").await == ["Job completed"]).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_beyond_the_limit_fail_the_job_and_stop_its_pods() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    plane.create::<Job>(&ns, job(json!({"completions": 3, "parallelism": 3, "backoffLimit": 0}))).await;
    let pods = running(&plane, &ns, 3).await;
    end(&plane, &ns, &pods[0].name_any(), "Failed").await;
    let (job, reason) = finished(&plane, &ns, "Failed").await;
    let status = job.status.unwrap();
    assert_eq!((reason.as_str(), status.failed, status.active), ("BackoffLimitExceeded", Some(3), None));
    eventually("its pods are gone but for the failed one", || async {
        let pods = plane.list::<Pod>(&ns).await;
        (pods.len() == 1 && pods[0].finalizers().is_empty()).then_some(())
    })
    .await;
    eventually("it is told", || async {
        let expected = ["Job has reached the specified backoff limit"];
        (plane.events(&ns, "BackoffLimitExceeded").await == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_suspended_resumed_timed_out_and_forgotten() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let spec = json!({"parallelism": 2, "completions": 2, "suspend": true, "ttlSecondsAfterFinished": 0});
    plane.create::<Job>(&ns, job(spec)).await;
    let api: Api<Job> = plane.api(&ns);
    let conditions =
        eventually("it is suspended", || async { api.get("work").await.unwrap().status?.conditions }).await;
    assert_eq!((conditions[0].type_.as_str(), conditions[0].status.as_str()), ("Suspended", "True"));
    assert!(plane.list::<Pod>(&ns).await.is_empty());
    plane.patch::<Job>(&ns, "work", json!({"spec": {"suspend": false}})).await;
    running(&plane, &ns, 2).await;
    plane.patch::<Job>(&ns, "work", json!({"spec": {"suspend": true}})).await;
    eventually("its pods are gone", || async { plane.list::<Pod>(&ns).await.is_empty().then_some(()) }).await;
    plane.patch::<Job>(&ns, "work", json!({"spec": {"suspend": false}})).await;
    running(&plane, &ns, 2).await;
    // Only now, so that the time does not run out before the pods run.
    plane.patch::<Job>(&ns, "work", json!({"spec": {"activeDeadlineSeconds": 1}})).await;
    eventually("it is timed out and deleted", || async { api.get_opt("work").await.unwrap().is_none().then_some(()) })
        .await;
    eventually("nothing is left", || async { plane.list::<Pod>(&ns).await.is_empty().then_some(()) }).await;
    assert_eq!(plane.events(&ns, "DeadlineExceeded").await, ["Job was active longer than specified deadline"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_of_a_deleted_job_lose_their_finalizers() {
    let plane = Plane::start().await;
    for policy in [PropagationPolicy::Background, PropagationPolicy::Orphan] {
        let ns = plane.namespace().await;
        plane.create::<Job>(&ns, job(json!({"parallelism": 2, "completions": 2}))).await;
        running(&plane, &ns, 2).await;
        let orphaned = policy == PropagationPolicy::Orphan;
        let params = DeleteParams { propagation_policy: Some(policy), ..DeleteParams::default() };
        plane.api::<Job>(&ns).delete("work", &params).await.unwrap();
        eventually("no pod is held", || async {
            let pods = plane.list::<Pod>(&ns).await;
            let free = pods.iter().all(|pod| pod.finalizers().is_empty() && pod.owner_references().is_empty());
            (free && pods.len() == if orphaned { 2 } else { 0 }).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_fails_too_often_does_not_end_the_others() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let spec = json!({"completions": 2, "parallelism": 2, "completionMode": "Indexed", "backoffLimitPerIndex": 0});
    plane.create::<Job>(&ns, job(spec)).await;
    let pods = running(&plane, &ns, 2).await;
    assert_eq!(pods[0].annotations()["batch.kubernetes.io/job-index-failure-count"], "0");
    end(&plane, &ns, &pods[0].name_any(), "Failed").await;
    let api: Api<Job> = plane.api(&ns);
    eventually("the index has failed", || async {
        let status = api.get("work").await.unwrap().status?;
        (status.failed_indexes.as_deref() == Some("0") && status.conditions.is_none()).then_some(())
    })
    .await;
    end(&plane, &ns, &pods[1].name_any(), "Succeeded").await;
    let (job, reason) = finished(&plane, &ns, "Failed").await;
    let status = job.status.unwrap();
    assert_eq!((reason.as_str(), status.completed_indexes.as_deref()), ("FailedIndexes", Some("1")));
    assert_eq!((status.failed, status.succeeded), (Some(1), Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_may_end_before_all_its_indexes() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let policy = json!({"rules": [{"succeededIndexes": "1"}]});
    let spec = json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed", "successPolicy": policy});
    plane.create::<Job>(&ns, job(spec)).await;
    let pods = running(&plane, &ns, 3).await;
    end(&plane, &ns, &pods[1].name_any(), "Succeeded").await;
    let (job, reason) = finished(&plane, &ns, "Complete").await;
    assert_eq!((reason.as_str(), job.status.unwrap().succeeded), ("SuccessPolicy", Some(1)));
}
