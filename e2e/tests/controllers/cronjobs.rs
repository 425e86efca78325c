//! Jobs on a schedule.

use corvette_client::kube::api::{Patch, PatchParams};
use corvette_client::kube::{Api, ResourceExt as _};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::plane::{Plane, eventually, template};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_made_watched_and_forgotten() {
    let plane = Plane::start().await;
    let ns = plane.namespace().await;
    let mut pod = template("tick", "v1");
    pod["spec"]["restartPolicy"] = json!("Never");
    let cron = json!({
        "metadata": {"name": "tick"},
        "spec": {
            "schedule": "@every 1s", "concurrencyPolicy": "Forbid", "successfulJobsHistoryLimit": 0,
            "jobTemplate": {"metadata": {"labels": {"made": "yes"}}, "spec": {"template": pod}},
        },
    });
    let made = plane.create::<CronJob>(&ns, cron).await;
    let job = eventually("a job is made", || async { plane.list::<Job>(&ns).await.pop() }).await;
    assert!(job.name_any().starts_with("tick-"));
    assert_eq!(job.labels()["made"], "yes");
    assert_eq!(job.owner_references()[0].uid, made.uid().unwrap());
    assert!(job.annotations().contains_key("batch.kubernetes.io/cronjob-scheduled-timestamp"));
    let crons: Api<CronJob> = plane.api(&ns);
    eventually("it is active", || async {
        let status = crons.get("tick").await.unwrap().status?;
        (status.active?[0].uid == job.uid() && status.last_schedule_time.is_some()).then_some(())
    })
    .await;
    eventually("no other is started beside it", || async {
        (!plane.events(&ns, "JobAlreadyActive").await.is_empty()).then_some(())
    })
    .await;
    plane.patch::<CronJob>(&ns, "tick", json!({"spec": {"suspend": true}})).await;
    let running = eventually("its pod runs", || async {
        let pod = plane.list::<Pod>(&ns).await.pop()?;
        (pod.status.as_ref()?.phase.as_deref() == Some("Running")).then(|| pod.name_any())
    })
    .await;
    let ended = Patch::Merge(json!({"status": {"phase": "Succeeded"}}));
    plane.api::<Pod>(&ns).patch_status(&running, &PatchParams::default(), &ended).await.unwrap();
    eventually("its end is noted and it is deleted", || async {
        let status = crons.get("tick").await.unwrap().status?;
        let gone = plane.list::<Job>(&ns).await.is_empty();
        (gone && status.active.is_none() && status.last_successful_time.is_some()).then_some(())
    })
    .await;
    eventually("it is told", || async {
        let expected = format!("Saw completed job: {}, condition: Complete", job.name_any());
        plane.events(&ns, "SawCompletedJob").await.contains(&expected).then_some(())
    })
    .await;
}
