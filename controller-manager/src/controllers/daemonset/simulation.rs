//! Generated roll-outs over nodes: plans are carried out on a model of the cluster until nothing changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, RollingUpdateDaemonSet};
use k8s_openapi::api::core::v1::{Node, NodeSpec, Pod, PodCondition, PodStatus, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use proptest::prelude::*;

use super::node::{Eligibility, is_updated, pod, target};
use super::plan::{Observed, plan};
use super::status::status;
use crate::controllers::shared::pods;
use crate::controllers::shared::testing::{at, template};

struct Cluster {
    set: DaemonSet,
    hash: String,
    nodes: Vec<Arc<Node>>,
    pods: Vec<Pod>,
    now: i64,
    made: usize,
    strict: bool,
}

fn node((index, effect): (usize, &Option<&str>)) -> Arc<Node> {
    let taint = effect.map(|effect| Taint { key: "gpu".to_owned(), effect: effect.to_owned(), ..Taint::default() });
    let metadata = ObjectMeta { name: Some(format!("n{index}")), ..ObjectMeta::default() };
    let spec = NodeSpec { taints: taint.map(|taint| vec![taint]), ..NodeSpec::default() };
    Arc::new(Node { metadata, spec: Some(spec), status: None })
}

impl Cluster {
    fn new(taints: &[Option<&str>], surge: i32, unavailable: i32) -> Self {
        let rolling = RollingUpdateDaemonSet {
            max_surge: Some(IntOrString::Int(surge)),
            max_unavailable: Some(IntOrString::Int(unavailable)),
        };
        let strategy =
            DaemonSetUpdateStrategy { type_: Some("RollingUpdate".to_owned()), rolling_update: Some(rolling) };
        let spec = DaemonSetSpec {
            template: template("x", "v1"),
            update_strategy: Some(strategy),
            ..DaemonSetSpec::default()
        };
        let metadata = ObjectMeta {
            name: Some("d".to_owned()),
            namespace: Some("n".to_owned()),
            uid: Some("uid".to_owned()),
            ..ObjectMeta::default()
        };
        Self {
            set: DaemonSet { metadata, spec: Some(spec), status: None },
            hash: "v1".to_owned(),
            nodes: taints.iter().enumerate().map(node).collect(),
            pods: Vec::new(),
            now: 100,
            made: 0,
            strict: false,
        }
    }

    fn observe(&self) -> Observed {
        let pods: Vec<Arc<Pod>> = self.pods.iter().cloned().map(Arc::new).collect();
        let set = Arc::new(self.set.clone());
        Observed::new(set, self.hash.clone(), &self.nodes, &pods, BTreeMap::new(), at(self.now))
    }

    /// Carries one plan out; what is deleted lingers until the next step.
    fn step(&mut self) -> bool {
        self.now += 1;
        let plan = plan(&self.observe());
        let gone = self.pods.len();
        self.pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        let mut busy = gone != self.pods.len();
        for name in &plan.delete {
            let doomed = self.pods.iter_mut().find(|pod| pod.name_any() == *name);
            doomed.unwrap().metadata.deletion_timestamp = Some(Time(at(self.now)));
            busy = true;
        }
        for pod in &mut self.pods {
            if pod.metadata.deletion_timestamp.is_none() && pods::phase(pod) == "Pending" {
                start(pod, self.now);
                busy = true;
            }
        }
        for node in &plan.create {
            self.made += 1;
            let mut made = pod(&self.set, node, &self.hash);
            made.metadata.name = Some(format!("p{}", self.made));
            made.metadata.creation_timestamp = Some(Time(at(self.now)));
            self.pods.push(made);
            busy = true;
        }
        busy
    }

    fn settle(&mut self, surge: usize, unavailable: usize) -> Result<(), TestCaseError> {
        for _ in 0..2000 {
            let busy = self.step();
            self.check(surge, unavailable)?;
            if !busy {
                return Ok(());
            }
        }
        Err(TestCaseError::fail("the roll-out never settles"))
    }

    /// What must hold after every step.
    fn check(&self, surge: usize, unavailable: usize) -> Result<(), TestCaseError> {
        let observed = self.observe();
        let (mut doubles, mut missing) = (0, 0);
        for (_, pods) in observed.wanted() {
            let staying = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
            let (count, ready) = (staying.clone().count(), staying.filter(|pod| pods::is_ready(pod)).count());
            doubles += usize::from(count > 1);
            missing += usize::from(ready == 0);
            prop_assert!(count <= 2);
        }
        prop_assert!(doubles <= surge, "{doubles} nodes have two pods");
        // With surge nothing may be missing, as an old pod goes after the new one is there.
        let allowed = if surge > 0 { 0 } else { unavailable };
        prop_assert!(!self.strict || missing <= allowed, "{missing} nodes are without pod");
        Ok(())
    }

    fn finished(&self) -> Result<(), TestCaseError> {
        let observed = self.observe();
        for (node, found) in &observed.nodes {
            let pods = observed.pods.get(node).map(Vec::as_slice).unwrap_or_default();
            match found {
                Eligibility::Run => {
                    prop_assert_eq!(pods.len(), 1);
                    prop_assert!(is_updated(&self.set, &pods[0], &self.hash) && pods::is_ready(&pods[0]));
                }
                Eligibility::Stay | Eligibility::No => prop_assert_eq!(pods.len(), 0),
            }
        }
        let status = status(&observed, Some(1), None);
        let desired = status.desired_number_scheduled;
        prop_assert_eq!((status.number_ready, status.current_number_scheduled), (desired, desired));
        prop_assert_eq!((status.number_unavailable, status.number_misscheduled), (None, 0));
        Ok(())
    }

    fn change(&mut self, version: &str) {
        self.set.spec.as_mut().unwrap().template = template("x", version);
        self.hash = version.to_owned();
    }
}

fn start(pod: &mut Pod, now: i64) {
    pod.spec.as_mut().unwrap().node_name = target(pod).map(str::to_owned);
    let ready = PodCondition {
        type_: "Ready".to_owned(),
        status: "True".to_owned(),
        last_transition_time: Some(Time(at(now))),
        ..PodCondition::default()
    };
    let status = PodStatus { phase: Some("Running".to_owned()), conditions: Some(vec![ready]), ..PodStatus::default() };
    pod.status = Some(status);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn every_roll_out_completes_within_its_limits_and_a_roll_back_restarts_nothing_needlessly(
        taints in prop::collection::vec(
            prop_oneof![4 => Just(None), 1 => Just(Some("NoSchedule")), 1 => Just(Some("NoExecute"))], 0..25),
        surge in 0..4_usize, unavailable in 1..5_usize, halfway in 0..30_usize,
    ) {
        let limit = if surge > 0 { 0 } else { unavailable };
        let mut cluster =
            Cluster::new(&taints, i32::try_from(surge).unwrap(), i32::try_from(limit).unwrap());
        cluster.settle(surge, limit)?;
        cluster.finished()?;
        cluster.strict = true;
        cluster.change("v2");
        for _ in 0..halfway {
            cluster.step();
            cluster.check(surge, limit)?;
        }
        let old = cluster.pods.iter().filter(|pod| !is_updated(&cluster.set, pod, "v1"));
        let (changed, before) = (old.count(), cluster.made);
        cluster.change("v1");
        cluster.settle(surge, limit)?;
        cluster.finished()?;
        prop_assert!(cluster.made - before <= changed + unavailable, "{} made for {changed}", cluster.made - before);
        cluster.change("v3");
        cluster.settle(surge, limit)?;
        cluster.finished()?;
        prop_assert!(!cluster.step());
    }

    #[test]
    fn failed_pods_are_replaced_after_their_back_off(phases in prop::collection::vec(0..4_usize, 1..12), waits: bool) {
        let mut cluster = Cluster::new(&vec![None; phases.len()], 0, 1);
        cluster.settle(0, 1)?;
        let names = ["Running", "Failed", "Succeeded", "Pending"];
        for (pod, phase) in cluster.pods.iter_mut().zip(&phases) {
            pod.status.as_mut().unwrap().phase = Some(names[*phase].to_owned());
        }
        let mut observed = cluster.observe();
        if waits {
            let nodes = observed.nodes.keys().cloned();
            observed.waiting = nodes.map(|node| (node, std::time::Duration::from_secs(7))).collect();
        }
        let plan = plan(&observed);
        let count = |phase: usize| phases.iter().filter(|p| **p == phase).count();
        let failed = if waits { 0 } else { count(1) };
        prop_assert_eq!((plan.failed.len(), plan.delete.len(), plan.told.len()), (failed, failed + count(2), failed + count(2)));
        prop_assert_eq!(plan.again.is_some(), waits && count(1) > 0);
    }
}

#[test]
fn on_delete_waits_for_the_user_and_pods_on_nodes_that_turn_away_go() {
    let mut cluster = Cluster::new(&[None, None], 0, 1);
    cluster.settle(0, 1).unwrap();
    let strategy = DaemonSetUpdateStrategy { type_: Some("OnDelete".to_owned()), rolling_update: None };
    cluster.set.spec.as_mut().unwrap().update_strategy = Some(strategy);
    cluster.change("v2");
    assert!(!cluster.step());
    cluster.nodes[0] = node((0, &Some("NoSchedule")));
    assert!(!cluster.step());
    assert_eq!(status(&cluster.observe(), None, None).number_misscheduled, 1);
    cluster.nodes[0] = node((0, &Some("NoExecute")));
    assert!(cluster.step());
    cluster.settle(0, 1).unwrap();
    assert_eq!(cluster.pods.len(), 1);
}
