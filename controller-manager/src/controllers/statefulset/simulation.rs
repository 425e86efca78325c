//! Generated sets: plans are carried out on a model of the cluster until nothing changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetOrdinals, StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use proptest::prelude::*;

use super::identity::{number_of, numbers, revision};
use super::plan::{Observed, Revision, Step, plan};
use super::status::status;
use crate::controllers::shared::pods;
use crate::controllers::shared::testing::{at, template};

struct Cluster {
    set: StatefulSet,
    current: u8,
    update: u8,
    pods: Vec<Pod>,
    claims: BTreeMap<String, Arc<PersistentVolumeClaim>>,
    now: i64,
    ordered: bool,
}

fn version(number: u8) -> Revision {
    Revision { name: format!("r{number}"), template: template("x", &format!("v{number}")) }
}

impl Cluster {
    fn new(replicas: i32, start: i32, partition: i32, policy: &str) -> Self {
        let rolling = RollingUpdateStatefulSetStrategy { partition: Some(partition), max_unavailable: None };
        let claim = PersistentVolumeClaim {
            metadata: ObjectMeta { name: Some("data".to_owned()), ..ObjectMeta::default() },
            ..PersistentVolumeClaim::default()
        };
        let spec = StatefulSetSpec {
            replicas: Some(replicas),
            ordinals: Some(StatefulSetOrdinals { start: Some(start) }),
            pod_management_policy: Some(policy.to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(rolling),
            }),
            volume_claim_templates: Some(vec![claim]),
            ..StatefulSetSpec::default()
        };
        let metadata = ObjectMeta {
            name: Some("web".to_owned()),
            namespace: Some("n".to_owned()),
            uid: Some("uid".to_owned()),
            ..ObjectMeta::default()
        };
        let set = StatefulSet { metadata, spec: Some(spec), status: None };
        let ordered = policy == "OrderedReady";
        Self { set, current: 1, update: 1, pods: Vec::new(), claims: BTreeMap::new(), now: 10, ordered }
    }

    fn observe(&self) -> Observed {
        Observed {
            set: Arc::new(self.set.clone()),
            current: version(self.current),
            update: version(self.update),
            pods: self.pods.iter().cloned().map(Arc::new).collect(),
            claims: self.claims.clone(),
            now: at(self.now),
        }
    }

    fn step(&mut self) -> Result<bool, TestCaseError> {
        self.now += 1;
        let observed = self.observe();
        let plan = plan(&observed);
        let new = status(&observed, plan.updating, None);
        let mut busy = !plan.steps.is_empty() || self.set.status.as_ref() != Some(&new);
        if new.current_revision == new.update_revision {
            self.current = self.update;
        }
        self.set.status = Some(new);
        let before = self.pods.len();
        self.pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        busy |= before != self.pods.len();
        for pod in &mut self.pods {
            if pods::phase(pod) == "Pending" {
                run(pod, self.now);
                busy = true;
            }
        }
        let comings = plan.steps.iter().filter(|step| matches!(step, Step::Create { .. } | Step::Delete(_)));
        prop_assert!(!self.ordered || comings.count() <= 1, "more than one at a time");
        for step in plan.steps {
            self.carry_out(step)?;
        }
        Ok(busy)
    }

    fn carry_out(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Create { pod, claims } => {
                prop_assert!(self.pods.iter().all(|other| other.name_any() != pod.name_any()), "created twice");
                if self.ordered {
                    let number = number_of("web", &pod).unwrap();
                    let before = self.pods.iter().filter(|p| number_of("web", p).unwrap() < number);
                    let ready = before
                        .filter(|p| pods::is_ready(p) && numbers(&self.set).contains(&number_of("web", p).unwrap()));
                    prop_assert_eq!(i64::try_from(ready.count()).unwrap(), number - numbers(&self.set).start);
                }
                for claim in claims {
                    prop_assert!(self.claims.insert(claim.name_any(), Arc::new(claim)).is_none());
                }
                let mut pod = *pod;
                pod.metadata.uid = Some(format!("{}-{}", pod.name_any(), self.now));
                self.pods.push(pod);
            }
            Step::Delete(gone) => {
                let pod = self.pods.iter_mut().find(|pod| pod.uid() == gone.uid());
                if let Some(pod) = pod {
                    pod.metadata.deletion_timestamp = Some(Time(at(self.now)));
                }
            }
            Step::Claims(..) | Step::Own(_) | Step::Label(_) => {
                return Err(TestCaseError::fail("nothing is wrong with claims and labels here"));
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..3000 {
            if !self.step()? {
                return Ok(());
            }
        }
        Err(TestCaseError::fail("it never settles"))
    }

    /// Returns the revisions of the pods by number.
    fn revisions(&self) -> BTreeMap<i64, String> {
        self.pods.iter().map(|pod| (number_of("web", pod).unwrap(), revision(pod).to_owned())).collect()
    }

    fn spec(&mut self) -> &mut StatefulSetSpec {
        self.set.spec.as_mut().unwrap()
    }
}

fn run(pod: &mut Pod, now: i64) {
    let ready = PodCondition {
        type_: "Ready".to_owned(),
        status: "True".to_owned(),
        last_transition_time: Some(Time(at(now))),
        ..PodCondition::default()
    };
    let conditions = Some(vec![ready]);
    pod.status = Some(PodStatus { phase: Some("Running".to_owned()), conditions, ..PodStatus::default() });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn sets_grow_shrink_and_update_in_order(
        replicas in 0..12_i32, start in 0..3_i32, partition in 0..14_i32, next in 0..12_i32, parallel: bool,
        failing in 0..12_usize,
    ) {
        let policy = if parallel { "Parallel" } else { "OrderedReady" };
        let mut cluster = Cluster::new(replicas, start, partition, policy);
        cluster.settle()?;
        let all = |count: i32| i64::from(start)..i64::from(start + count);
        prop_assert!(cluster.revisions().into_iter().eq(all(replicas).map(|n| (n, "r1".to_owned()))));

        // A pod that has ended is made again under its name.
        if let Some(pod) = cluster.pods.get_mut(failing) {
            pod.status.as_mut().unwrap().phase = Some("Failed".to_owned());
        }
        cluster.settle()?;
        prop_assert!(cluster.pods.iter().all(pods::is_ready));
        prop_assert_eq!(cluster.pods.len(), usize::try_from(replicas).unwrap());

        cluster.update = 2;
        cluster.settle()?;
        let lowest = i64::from(start + partition);
        let expected = |n: i64| if n >= lowest { "r2" } else { "r1" }.to_owned();
        prop_assert!(cluster.revisions().into_iter().eq(all(replicas).map(|n| (n, expected(n)))));
        let expected_current = if partition == 0 || replicas == 0 { 2 } else { 1 };
        prop_assert_eq!(cluster.current, expected_current);

        // Growing and shrinking keeps to the partition too, and claims outlive their pods.
        cluster.spec().replicas = Some(next);
        cluster.settle()?;
        let old = if cluster.current == 2 { "r2" } else { "r1" };
        let expected = |n: i64| if n >= lowest { "r2" } else { old }.to_owned();
        prop_assert!(cluster.revisions().into_iter().eq(all(next).map(|n| (n, expected(n)))));
        prop_assert_eq!(cluster.claims.len(), usize::try_from(replicas.max(next)).unwrap());

        cluster.spec().update_strategy.as_mut().unwrap().rolling_update.as_mut().unwrap().partition = Some(0);
        cluster.settle()?;
        prop_assert_eq!(cluster.current, 2);
        let status = cluster.set.status.clone().unwrap();
        prop_assert_eq!((status.replicas, status.available_replicas), (next, Some(next)));
        prop_assert!(!cluster.step()?);
    }
}
