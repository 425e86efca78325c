use proptest::prelude::*;
use serde_json::json;

use super::super::model::{Model, happenings, pods, start_of_time};
use super::super::observed::State;
use super::*;

/// Does what a step says to the model; returns whether it was the last.
fn apply(model: &mut Model, step: &Step, mounted: &mut bool) -> bool {
    match step {
        Step::StopContainers(containers) => {
            for (id, _) in containers {
                let container = model.observed.containers.iter_mut().find(|c| c.id == *id).unwrap();
                container.state = State::Exited;
            }
        }
        Step::StopSandboxes(ids) => {
            model.observed.sandboxes.iter_mut().filter(|s| ids.contains(&s.id)).for_each(|s| s.ready = false);
        }
        Step::Unmount => *mounted = false,
        Step::Remove { containers, sandboxes } => {
            model.observed.containers.retain(|c| !containers.contains(&c.id));
            model.observed.sandboxes.retain(|s| !sandboxes.contains(&s.id));
        }
        Step::Done => return true,
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_pod_ends_in_order_and_leaves_what_it_should(
        pod in pods(),
        story in prop::collection::vec(happenings(), 0..12),
        fate in prop_oneof![Just(Fate::Finished), Just(Fate::Deleted), Just(Fate::Gone)],
    ) {
        let mut model = Model::new(pod);
        for happening in &story {
            let plan = model.plan();
            model.apply(&plan);
            model.happen(happening);
        }
        let records = model.observed.containers.len();
        let mut mounted = true;
        let mut done = false;
        for _ in 0..20 {
            let step = next(&model.pod, &model.observed, fate, mounted);
            let alive = model.observed.alive().count();
            match &step {
                Step::StopContainers(stopped) => {
                    let sidecar = |name: &str| spec::init_containers(&model.pod).iter().any(|i| i.name == name && spec::is_sidecar(i));
                    if stopped.iter().any(|(_, name)| sidecar(name)) {
                        prop_assert!(model.observed.alive().all(|c| sidecar(&c.name)), "sidecars outlive the rest");
                    }
                }
                Step::StopSandboxes(_) | Step::Unmount => prop_assert_eq!(alive, 0),
                Step::Remove { .. } => prop_assert!(alive == 0 && !mounted && fate != Fate::Finished),
                Step::Done => prop_assert!(alive == 0 && !mounted),
            }
            if apply(&mut model, &step, &mut mounted) {
                done = true;
                break;
            }
        }
        prop_assert!(done);
        let left = if fate == Fate::Finished { records } else { 0 };
        prop_assert_eq!(model.observed.containers.len(), left);
    }
}

#[test]
fn a_deadline_counts_from_the_start_of_the_pod() {
    let pod: Pod = serde_json::from_value(json!({
        "spec": {"containers": [], "activeDeadlineSeconds": 5},
        "status": {"startTime": start_of_time().to_string()}
    }))
    .unwrap();
    let after = |seconds| start_of_time() + jiff::SignedDuration::from_secs(seconds);
    assert_eq!(deadline_left(&pod, after(2)), Some(Duration::from_secs(3)));
    assert_eq!(deadline_left(&pod, after(9)), Some(Duration::ZERO));
    assert_eq!(deadline_left(&Pod::default(), after(0)), None);
}
