//! Generated roll-outs: plans are carried out on a model of the cluster until nothing changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use corvette_client::kube::ResourceExt;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, ReplicaSet, ReplicaSetStatus, RollingUpdateDeployment,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use proptest::prelude::*;

use super::model::{Observed, REVISION, Step, available, max_surge, max_unavailable, replicas, size, spec, sum};
use super::plan::plan;
use super::status::{PROGRESSING, condition};
use crate::controllers::shared::testing::{at, template};

/// A deployment with its sets; pods become ready when told.
struct Cluster {
    deployment: Deployment,
    sets: Vec<ReplicaSet>,
    now: i64,
    made: usize,
    events: Vec<String>,
}

impl Cluster {
    fn new(replicas: i32, surge: IntOrString, unavailable: IntOrString, strategy: &str) -> Self {
        let rolling = RollingUpdateDeployment { max_surge: Some(surge), max_unavailable: Some(unavailable) };
        let spec = DeploymentSpec {
            replicas: Some(replicas),
            progress_deadline_seconds: Some(600),
            revision_history_limit: Some(2),
            selector: LabelSelector {
                match_labels: Some([("app".to_owned(), "x".to_owned())].into()),
                ..LabelSelector::default()
            },
            strategy: Some(DeploymentStrategy {
                type_: Some(strategy.to_owned()),
                rolling_update: (strategy == "RollingUpdate").then_some(rolling),
            }),
            template: template("x", "v1"),
            ..DeploymentSpec::default()
        };
        let metadata = ObjectMeta {
            name: Some("d".to_owned()),
            namespace: Some("n".to_owned()),
            uid: Some("d-uid".to_owned()),
            generation: Some(1),
            ..ObjectMeta::default()
        };
        let deployment = Deployment { metadata, spec: Some(spec), status: None };
        Self { deployment, sets: Vec::new(), now: 1000, made: 0, events: Vec::new() }
    }

    fn edit(&mut self, change: impl FnOnce(&mut DeploymentSpec)) {
        change(self.deployment.spec.as_mut().unwrap());
        *self.deployment.metadata.generation.as_mut().unwrap() += 1;
    }

    fn observe(&self) -> Observed {
        let sets = self.sets.iter().cloned().map(Arc::new).collect();
        let running = self.sets.iter().filter(|set| set.status.as_ref().is_some_and(|s| s.replicas > 0));
        let running: BTreeSet<String> = running.filter_map(ResourceExt::uid).collect();
        Observed::new(Arc::new(self.deployment.clone()), sets, running, at(self.now))
    }

    /// Carries out one plan and says whether it wrote anything.
    fn step(&mut self) -> bool {
        let steps = plan(&self.observe()).steps;
        let wrote = !steps.is_empty();
        for step in steps {
            match step {
                Step::Create(set) => {
                    let mut set = *set;
                    self.made += 1;
                    set.metadata.uid = Some(format!("uid-{}", self.made));
                    set.metadata.creation_timestamp = Some(Time(at(self.now)));
                    set.metadata.generation = Some(1);
                    self.sets.push(set);
                }
                Step::Update { set, event } => {
                    let slot = self.sets.iter_mut().find(|s| s.uid() == set.uid()).unwrap();
                    *slot = *set;
                    self.events.extend(event);
                }
                Step::Delete(name) => self.sets.retain(|set| set.name_any() != name),
                Step::Status(next) => self.deployment = *next,
            }
        }
        wrote
    }

    /// Lets the sets catch up with their sizes; `healthy` says whether pods of an image become ready.
    fn pods(&mut self, healthy: &dyn Fn(&str) -> bool) -> bool {
        self.some_pods(healthy, |_| true)
    }

    /// Lets those of the sets catch up whose numbers `follows` names; the others tell what was before.
    fn some_pods(&mut self, healthy: &dyn Fn(&str) -> bool, follows: impl Fn(usize) -> bool) -> bool {
        let mut changed = false;
        for (_, set) in self.sets.iter_mut().enumerate().filter(|(number, _)| follows(*number)) {
            let image = set.spec.as_ref().unwrap().template.as_ref().unwrap().spec.as_ref().unwrap().containers[0]
                .image
                .clone();
            let ready = if healthy(&image.unwrap()) { size(set) } else { 0 };
            let status = ReplicaSetStatus {
                replicas: size(set),
                ready_replicas: Some(ready),
                available_replicas: Some(ready),
                terminating_replicas: Some(0),
                observed_generation: set.metadata.generation,
                ..ReplicaSetStatus::default()
            };
            changed |= set.status.as_ref() != Some(&status);
            set.status = Some(status);
        }
        changed
    }

    fn settle(&mut self, healthy: &dyn Fn(&str) -> bool) -> Result<(), TestCaseError> {
        for _ in 0..1000 {
            self.now += 1;
            let mut quiet = true;
            // Several plans may be made before the pods follow.
            while self.step() {
                quiet = false;
                self.check()?;
            }
            if !self.pods(healthy) && quiet {
                return Ok(());
            }
        }
        Err(TestCaseError::fail("the roll-out never settles"))
    }

    /// What must hold after every write.
    fn check(&self) -> Result<(), TestCaseError> {
        let names: BTreeSet<String> = self.sets.iter().map(ResourceExt::name_any).collect();
        prop_assert_eq!(names.len(), self.sets.len(), "two sets of one template");
        Ok(())
    }

    fn new_set(&self) -> ReplicaSet {
        self.observe().new_set().unwrap().as_ref().clone()
    }

    fn progress(&self) -> (String, String) {
        let status = self.deployment.status.clone().unwrap();
        let found = condition(&status, PROGRESSING).unwrap();
        (found.status.clone(), found.reason.clone().unwrap())
    }
}

fn int_or_percent() -> impl Strategy<Value = IntOrString> {
    prop_oneof![(0..6_i32).prop_map(IntOrString::Int), (0..=100_i32).prop_map(|n| IntOrString::String(format!("{n}%")))]
}

fn strategy() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("RollingUpdate"), 1 => Just("Recreate")]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_roll_out_completes_and_keeps_its_bounds(
        replicas in 0..25_i32, surge in int_or_percent(), unavailable in int_or_percent(), strategy in strategy(),
        scale in prop::option::of(0..25_i32), late in prop::collection::vec(prop::option::of(0..2_usize), 100),
    ) {
        let mut cluster = Cluster::new(replicas, surge, unavailable, strategy);
        let all = |_: &str| true;
        cluster.settle(&all)?;
        prop_assert_eq!(available(&cluster.new_set()), replicas);
        prop_assert_eq!(cluster.progress(), ("True".to_owned(), "NewReplicaSetAvailable".to_owned()));
        cluster.edit(|spec| spec.template = template("x", "v2"));
        let mut scaled = scale;
        for round in 0..1000 {
            cluster.now += 1;
            let wrote = cluster.step();
            let observed = cluster.observe();
            let deployment = &observed.deployment;
            if strategy == "RollingUpdate" && scaled == scale {
                let wanted = super::model::replicas(deployment);
                prop_assert!(sum(&observed.sets, size) <= wanted + max_surge(deployment));
                let serving = sum(&observed.sets, |set| size(set).min(available(set)));
                prop_assert!(serving >= wanted - max_unavailable(deployment), "{} of {}", serving, wanted);
            } else if strategy == "Recreate" {
                let busy = observed.sets.iter().filter(|set| size(set) > 0).count();
                prop_assert!(busy <= 1, "old and new pods at a time");
            }
            let late = late.get(round).copied().flatten();
            let moved = cluster.some_pods(&all, |set| Some(set) != late);
            if let Some(to) = scaled.take() {
                cluster.edit(|spec| spec.replicas = Some(to));
            } else if !wrote && !moved && late.is_none() {
                break;
            }
        }
        let wanted = super::model::replicas(&cluster.deployment);
        let new = cluster.new_set();
        prop_assert_eq!((size(&new), available(&new)), (wanted, wanted));
        prop_assert_eq!(cluster.sets.iter().map(size).sum::<i32>(), wanted);
        let status = cluster.deployment.status.clone().unwrap();
        prop_assert_eq!(status.updated_replicas.unwrap_or_default(), wanted);
        prop_assert_eq!(cluster.deployment.annotations()[REVISION].as_str(), "2");
        prop_assert!(!cluster.step(), "a finished roll-out is written again");
    }

    #[test]
    fn a_broken_template_never_costs_more_than_max_unavailable(
        replicas in 1..25_i32, surge in int_or_percent(), unavailable in int_or_percent(),
    ) {
        let mut cluster = Cluster::new(replicas, surge, unavailable, "RollingUpdate");
        let healthy = |image: &str| image != "broken";
        cluster.settle(&healthy)?;
        cluster.edit(|spec| spec.template = template("x", "broken"));
        cluster.settle(&healthy)?;
        let observed = cluster.observe();
        let least = replicas - max_unavailable(&observed.deployment);
        prop_assert!(sum(&observed.sets, |set| size(set).min(available(set))) >= least);
        // Going back restores the first set as the newest, under a new revision.
        cluster.edit(|spec| spec.template = template("x", "v1"));
        cluster.settle(&healthy)?;
        prop_assert_eq!(available(&cluster.new_set()), replicas);
        prop_assert_eq!(cluster.deployment.annotations()[REVISION].as_str(), "3");
        prop_assert_eq!(cluster.sets.len(), 2);
    }

    #[test]
    fn a_paused_deployment_scales_in_proportion_and_does_not_roll(
        first in 2..20_i32, second in 0..40_i32, surge in int_or_percent(),
    ) {
        let mut cluster = Cluster::new(first, surge, IntOrString::Int(1), "RollingUpdate");
        let all = |_: &str| true;
        cluster.settle(&all)?;
        cluster.edit(|spec| spec.template = template("x", "v2"));
        for _ in 0..3 {
            cluster.step();
        }
        cluster.pods(&all);
        cluster.edit(|spec| spec.paused = Some(true));
        cluster.edit(|spec| spec.replicas = Some(second));
        cluster.settle(&all)?;
        let (active, total) = (cluster.sets.iter().filter(|set| size(set) > 0).count(), cluster.sets.iter().map(size).sum::<i32>());
        let most = second + max_surge(&cluster.deployment);
        if active > 1 {
            prop_assert_eq!(total, if second == 0 { 0 } else { most });
        } else {
            prop_assert!(total == second || total == most, "{} of {}", total, second);
        }
        prop_assert_eq!(cluster.progress().1, "DeploymentPaused");
        cluster.edit(|spec| spec.paused = Some(false));
        cluster.settle(&all)?;
        prop_assert_eq!(available(&cluster.new_set()), second);
        prop_assert_eq!(cluster.progress().1, "NewReplicaSetAvailable");
    }
}

#[test]
fn revisions_beyond_the_limit_are_deleted() {
    let mut cluster = Cluster::new(2, IntOrString::Int(1), IntOrString::Int(0), "RollingUpdate");
    let all = |_: &str| true;
    for version in 1..8 {
        cluster.edit(|spec| spec.template = template("x", &format!("v{version}")));
        cluster.settle(&all).unwrap();
    }
    assert_eq!(cluster.sets.len(), 3);
    assert_eq!(cluster.deployment.annotations()[REVISION], "7");
    let mut revisions: Vec<&str> = cluster.sets.iter().map(|set| set.annotations()[REVISION].as_str()).collect();
    revisions.sort_unstable();
    assert_eq!(revisions, ["5", "6", "7"]);
}

#[test]
fn a_roll_out_without_progress_times_out_and_recovers() {
    let mut cluster = Cluster::new(2, IntOrString::Int(1), IntOrString::Int(0), "RollingUpdate");
    let healthy = |image: &str| image != "broken";
    cluster.settle(&healthy).unwrap();
    cluster.edit(|spec| spec.template = template("x", "broken"));
    cluster.settle(&healthy).unwrap();
    assert_eq!(cluster.progress(), ("True".to_owned(), "ReplicaSetUpdated".to_owned()));
    let again = plan(&cluster.observe()).again.unwrap();
    assert!(again.as_secs() > 590 && again.as_secs() <= 601, "{again:?}");
    cluster.now += 602;
    assert!(cluster.step());
    assert_eq!(cluster.progress(), ("False".to_owned(), "ProgressDeadlineExceeded".to_owned()));
    cluster.edit(|spec| spec.template = template("x", "v3"));
    cluster.settle(&healthy).unwrap();
    assert_eq!(cluster.progress(), ("True".to_owned(), "NewReplicaSetAvailable".to_owned()));
    assert_eq!(replicas(&cluster.deployment), spec(&cluster.deployment).replicas.unwrap());
}

#[test]
fn events_tell_each_scaling() {
    let mut cluster = Cluster::new(3, IntOrString::Int(1), IntOrString::Int(0), "RollingUpdate");
    let all = |_: &str| true;
    cluster.settle(&all).unwrap();
    let name = cluster.new_set().name_any();
    cluster.edit(|spec| spec.replicas = Some(5));
    cluster.settle(&all).unwrap();
    assert_eq!(cluster.events, [format!("Scaled up replica set {name} from 3 to 5")]);
    assert_eq!(Timestamp::UNIX_EPOCH, at(0));
}
