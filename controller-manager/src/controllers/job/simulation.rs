//! Generated jobs: plans are carried out on a model of the cluster, with crashes between any two writes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use proptest::prelude::*;

use super::model::{Observed, condition, has_finalizer, is_finished, uid};
use super::plan::plan;
use super::{template, track};
use crate::controllers::shared::pods;
use crate::controllers::shared::testing::{at, template as pod_template};

struct Cluster {
    job: Job,
    pods: Vec<Pod>,
    /// How the pods end, in turn: well or badly.
    ends: Vec<bool>,
    made: usize,
    good: BTreeSet<String>,
    bad: usize,
    now: i64,
}

impl Cluster {
    fn new(spec: JobSpec, ends: Vec<bool>) -> Self {
        let metadata = ObjectMeta {
            name: Some("j".to_owned()),
            namespace: Some("n".to_owned()),
            uid: Some("uid".to_owned()),
            ..ObjectMeta::default()
        };
        let spec = JobSpec { template: pod_template("x", "v1"), ..spec };
        let job = Job { metadata, spec: Some(spec), status: None };
        Self { job, pods: Vec::new(), ends, made: 0, good: BTreeSet::new(), bad: 0, now: 10 }
    }

    /// Carries a plan out; stops after `writes` writes, as a crash would.
    fn step(&mut self, writes: usize) -> Result<(), TestCaseError> {
        self.now += 1;
        let observed = Observed {
            job: Arc::new(self.job.clone()),
            pods: self.pods.iter().cloned().map(Arc::new).collect(),
            released: BTreeSet::new(),
            caught_up: true,
            wait: Duration::ZERO,
            now: at(self.now),
        };
        let plan = plan(&observed);
        let mut left = writes;
        let mut crash = || {
            let before = left;
            left = left.saturating_sub(1);
            before == 0
        };
        for doomed in &plan.delete {
            if crash() {
                return Ok(());
            }
            let pod = self.pods.iter_mut().find(|pod| uid(pod) == uid(doomed)).unwrap();
            pod.metadata.deletion_timestamp = Some(Time(at(self.now)));
            if plan.uncounted {
                pod.metadata.finalizers = None;
            }
        }
        for new in &plan.create {
            if crash() {
                return Ok(());
            }
            self.made += 1;
            let mut pod = template::pod(&self.job, *new);
            pod.metadata.name = Some(format!("p{}", self.made));
            pod.metadata.uid = Some(format!("u{}", self.made));
            pod.metadata.creation_timestamp = Some(Time(at(self.now)));
            self.pods.push(pod);
        }
        if crash() {
            return Ok(());
        }
        let held = |pods: &[Pod]| pods.iter().filter(|pod| has_finalizer(pod)).map(uid).collect::<BTreeSet<_>>();
        let mut status = plan.tracking.status.clone();
        track::count(&mut status, &held(&self.pods));
        self.job.status = Some(status.clone());
        for freed in &plan.tracking.release {
            if crash() {
                return Ok(());
            }
            let pod = self.pods.iter_mut().find(|pod| uid(pod) == uid(freed)).unwrap();
            pod.metadata.finalizers = None;
        }
        if crash() {
            return Ok(());
        }
        track::count(&mut status, &held(&self.pods));
        if let Some(over) = &plan.over {
            track::finish(&mut status, over, at(self.now));
        }
        self.job.status = Some(status);
        Ok(())
    }

    /// Ends some pods and removes those that are deleted and hold no finalizer.
    fn run(&mut self) {
        for pod in self.pods.iter_mut().filter(|pod| !pods::is_terminal(pod)) {
            let deleted = pod.metadata.deletion_timestamp.is_some();
            let good = !deleted && self.ends.pop().unwrap_or(true);
            if good {
                let index = pod.labels().get(super::model::INDEX).cloned();
                self.good.insert(index.unwrap_or_else(|| uid(pod)));
            } else if has_finalizer(pod) {
                self.bad += 1;
            }
            let phase = if good { "Succeeded" } else { "Failed" };
            pod.status = Some(PodStatus { phase: Some(phase.to_owned()), ..PodStatus::default() });
        }
        self.pods.retain(|pod| pod.metadata.deletion_timestamp.is_none() || has_finalizer(pod));
    }

    fn active(&self) -> usize {
        self.pods.iter().filter(|pod| pods::is_active(pod)).count()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn every_end_is_counted_once_whatever_crashes(
        completions in 1..12_i32, parallelism in 1..6_i32, limit in 0..5_i32, indexed: bool,
        ends in prop::collection::vec(prop::bool::weighted(0.7), 0..30),
        crashes in prop::collection::vec(prop::option::of(0..8_usize), 0..60),
    ) {
        let mode = if indexed { "Indexed" } else { "NonIndexed" };
        let spec = JobSpec {
            completions: Some(completions),
            parallelism: Some(parallelism),
            backoff_limit: Some(limit),
            completion_mode: Some(mode.to_owned()),
            ..JobSpec::default()
        };
        let mut cluster = Cluster::new(spec, ends);
        let mut crashes = crashes.into_iter();
        let mut rounds = 0;
        while !is_finished(&cluster.job) {
            rounds += 1;
            prop_assert!(rounds < 500, "the job never ends");
            cluster.step(crashes.next().flatten().unwrap_or(usize::MAX))?;
            prop_assert!(cluster.active() <= usize::try_from(parallelism).unwrap());
            // Pods run only in every other round, so that plans see them active too.
            if rounds % 2 == 0 {
                cluster.run();
            }
        }
        let status = cluster.job.status.clone().unwrap();
        let succeeded = usize::try_from(status.succeeded.unwrap_or_default()).unwrap();
        let failed = status.failed.unwrap_or_default();
        prop_assert_eq!(succeeded, cluster.good.len());
        if condition(&status, "Complete").is_some() {
            prop_assert_eq!(succeeded, usize::try_from(completions).unwrap());
            prop_assert_eq!(usize::try_from(failed).unwrap(), cluster.bad);
            prop_assert!(failed <= limit && status.completion_time.is_some());
        } else {
            prop_assert!(failed > limit);
        }
        prop_assert!(cluster.pods.iter().all(|pod| !has_finalizer(pod)), "a pod keeps its finalizer");
        let last = super::indexes::parse(status.completed_indexes.as_deref().unwrap_or_default(), completions);
        prop_assert!(!indexed || last.len() == succeeded);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]
    #[test]
    fn an_index_fails_alone_and_as_often_as_allowed(
        completions in 1..8_i32, parallelism in 1..6_i32, limit in 0..3_i32, most in prop::option::of(0..4_i32),
        ends in prop::collection::vec(any::<bool>(), 0..40),
        crashes in prop::collection::vec(prop::option::of(0..8_usize), 0..60),
    ) {
        let spec = JobSpec {
            completions: Some(completions),
            parallelism: Some(parallelism),
            backoff_limit: Some(i32::MAX),
            backoff_limit_per_index: Some(limit),
            max_failed_indexes: most,
            completion_mode: Some("Indexed".to_owned()),
            ..JobSpec::default()
        };
        let mut cluster = Cluster::new(spec, ends);
        let mut crashes = crashes.into_iter();
        let mut rounds = 0;
        while !is_finished(&cluster.job) {
            rounds += 1;
            prop_assert!(rounds < 500, "the job never ends");
            // Beyond the longest back-off.
            cluster.now += 1000;
            cluster.step(crashes.next().flatten().unwrap_or(usize::MAX))?;
            if rounds % 2 == 0 {
                cluster.run();
            }
        }
        let status = cluster.job.status.clone().unwrap();
        let set = |text: &Option<String>| super::indexes::parse(text.as_deref().unwrap_or_default(), completions);
        let (good, bad) = (set(&status.completed_indexes), set(&status.failed_indexes));
        prop_assert!(good.is_disjoint(&bad));
        let all = usize::try_from(completions).unwrap();
        let exceeded = most.is_some_and(|most| bad.len() > usize::try_from(most).unwrap());
        prop_assert!(exceeded || good.len() + bad.len() == all);
        let reason = condition(&status, "Failed").and_then(|failed| failed.reason.clone());
        let expected = if exceeded { Some("MaxFailedIndexesExceeded") } else { (!bad.is_empty()).then_some("FailedIndexes") };
        prop_assert_eq!(reason.as_deref(), expected);
        prop_assert!(exceeded || cluster.bad <= all * usize::try_from(limit + 1).unwrap());
        prop_assert!(cluster.bad >= bad.len() * usize::try_from(limit + 1).unwrap());
        prop_assert!(cluster.pods.iter().all(|pod| !has_finalizer(pod)), "a pod keeps its finalizer");
    }
}

#[test]
fn a_job_ends_when_its_success_policy_is_met() {
    let policy = serde_json::from_value(serde_json::json!({"rules": [{"succeededIndexes": "0"}]})).unwrap();
    let spec = JobSpec {
        completions: Some(5),
        parallelism: Some(2),
        completion_mode: Some("Indexed".to_owned()),
        success_policy: Some(policy),
        ..JobSpec::default()
    };
    let mut cluster = Cluster::new(spec, Vec::new());
    for _ in 0..6 {
        cluster.step(usize::MAX).unwrap();
        cluster.run();
    }
    let status = cluster.job.status.clone().unwrap();
    let complete = condition(&status, "Complete").unwrap();
    assert_eq!(complete.reason.as_deref(), Some("SuccessPolicy"));
    assert_eq!(complete.message.as_deref(), Some("Matched rules at index 0"));
    assert!(status.succeeded < Some(5) && cluster.active() == 0);
}

#[test]
fn a_suspended_job_runs_nothing_and_resumes() {
    let spec = JobSpec {
        completions: Some(3),
        parallelism: Some(2),
        backoff_limit: Some(0),
        suspend: Some(true),
        active_deadline_seconds: Some(100),
        ..JobSpec::default()
    };
    let mut cluster = Cluster::new(spec, Vec::new());
    cluster.step(usize::MAX).unwrap();
    let status = cluster.job.status.clone().unwrap();
    assert_eq!((cluster.active(), status.start_time.is_none()), (0, true));
    assert_eq!(condition(&status, "Suspended").unwrap().reason.as_deref(), Some("JobSuspended"));
    cluster.job.spec.as_mut().unwrap().suspend = Some(false);
    cluster.step(usize::MAX).unwrap();
    assert_eq!((cluster.active(), condition(cluster.job.status.as_ref().unwrap(), "Suspended")), (2, None));
    cluster.job.spec.as_mut().unwrap().suspend = Some(true);
    cluster.step(usize::MAX).unwrap();
    cluster.run();
    cluster.step(usize::MAX).unwrap();
    let status = cluster.job.status.clone().unwrap();
    assert_eq!((cluster.pods.len(), status.failed, status.active), (0, None, None));
    cluster.job.spec.as_mut().unwrap().suspend = Some(false);
    cluster.step(usize::MAX).unwrap();
    cluster.now += 200;
    cluster.step(usize::MAX).unwrap();
    assert_eq!(
        condition(cluster.job.status.as_ref().unwrap(), "FailureTarget").unwrap().reason.as_deref(),
        Some("DeadlineExceeded")
    );
    cluster.run();
    cluster.step(usize::MAX).unwrap();
    let status = cluster.job.status.clone().unwrap();
    assert_eq!(condition(&status, "Failed").unwrap().reason.as_deref(), Some("DeadlineExceeded"));
    assert_eq!(status.failed, Some(2));
}
