use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::json;

use super::super::model::{Happening, Model, happenings, pods};
use super::super::observed::State;
use super::*;
use crate::probes::Verdict;

/// What must hold of every plan, whatever happened before.
fn check(model: &Model, plan: &Plan) {
    let observed = &model.observed;
    if plan.stop_pod || plan.create_sandbox.is_some() {
        assert!(plan.start.is_empty() && plan.kill.is_empty(), "one thing at a time: {plan:?}");
    }
    if let Some(attempt) = plan.create_sandbox {
        assert!(observed.sandboxes.iter().all(|sandbox| sandbox.attempt < attempt), "attempts only grow");
    }
    let mut names: Vec<&str> = plan.start.iter().map(|start| start.name.as_str()).collect();
    names.extend(plan.held.iter().map(|held| held.name.as_str()));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a container is started or held, once: {plan:?}");
    for start in &plan.start {
        check_start(model, plan, start);
    }
    if plan.completed {
        assert!(plan.start.is_empty() && plan.held.is_empty() && plan.create_sandbox.is_none());
        assert!(
            !spec::containers(&model.pod).iter().any(|c| {
                let last = observed.latest(&c.name);
                last.is_some_and(|last| last.state == State::Running)
            }) || plan.stop_pod
        );
    }
}

fn check_start(model: &Model, plan: &Plan, start: &Start) {
    let pod = &model.pod;
    let container = spec::any_container(pod, &start.name).expect("only containers of the spec are started");
    if spec::is_ephemeral(pod, &start.name) {
        return;
    }
    let container = container.as_ref();
    let last = model.observed.latest(&start.name);
    let unused = last.filter(|last| last.state == State::Created);
    assert_eq!(start.discard, unused.map(|unused| unused.id.clone()));
    let count = last.map_or(0, |last| last.restart_count + u32::from(unused.is_none()));
    assert_eq!(start.restart_count, count, "restart counts grow by one");
    if let Some(last) = last {
        let killed = plan.kill.iter().any(|kill| kill.id == last.id);
        let sandbox = model.observed.ready_sandbox().expect("containers start in a sandbox");
        match last.state {
            State::Running | State::Unknown => assert!(killed, "never two of one container: {plan:?}"),
            // A new sandbox runs init containers anew.
            State::Exited if last.sandbox_id == sandbox.id => {
                assert!(spec::restarts(pod, container, last.exit_code), "against the policy: {plan:?}");
            }
            State::Exited | State::Created => {}
        }
    }
    if spec::is_init(pod, &start.name) {
        return;
    }
    let sandbox = model.observed.ready_sandbox().expect("containers start in a sandbox");
    let began = spec::containers(pod).iter().any(|c| model.observed.latest_in(&sandbox.id, &c.name).is_some());
    let inits = spec::init_containers(pod);
    for (index, init) in inits.iter().enumerate().filter(|_| !began) {
        let last = model.observed.latest_in(&sandbox.id, &init.name).expect("init containers come first");
        let through = if spec::is_sidecar(init) {
            // One that crashed after a later one was reached is started again beside what follows.
            last.state == State::Running || index + 1 < inits.len()
        } else {
            last.state == State::Exited && last.exit_code == 0
        };
        assert!(through, "regular containers wait for init containers: {plan:?}");
    }
}

/// Follows plans until there is nothing to do.
fn settle(model: &mut Model) -> Plan {
    for _ in 0..40 {
        let plan = model.plan();
        check(model, &plan);
        let idle = plan.start.is_empty() && plan.kill.is_empty() && plan.create_sandbox.is_none() && !plan.stop_pod;
        if idle || plan.completed {
            if plan.completed {
                model.apply(&plan);
            }
            return plan;
        }
        model.apply(&plan);
    }
    panic!("no end in sight: {:?} {:?}", model.plan(), model.observed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn every_plan_is_sound_whatever_happens(pod in pods(), story in prop::collection::vec(happenings(), 0..25)) {
        let mut model = Model::new(pod);
        settle(&mut model);
        for happening in &story {
            model.happen(happening);
            settle(&mut model);
        }
    }

    #[test]
    fn a_pod_whose_containers_behave_comes_up(pod in pods()) {
        let mut model = Model::new(pod);
        for _ in 0..20 {
            let plan = settle(&mut model);
            prop_assert!(!plan.completed);
            let inits = spec::init_containers(&model.pod).to_vec();
            let once = |name: &str| inits.iter().any(|init| init.name == name && !spec::is_sidecar(init));
            let running: Vec<_> = model.observed.containers.iter().filter(|c| c.state == State::Running).cloned().collect();
            for (index, container) in running.iter().enumerate() {
                model.verdicts.insert(container.id.clone(), Verdict { startup: Some(true), ..Verdict::default() });
                if once(&container.name) {
                    model.happen(&Happening::Exit(index, 0));
                    break;
                }
            }
        }
        for container in spec::containers(&model.pod) {
            prop_assert_eq!(model.observed.latest(&container.name).map(|c| (c.state, c.restart_count)), Some((State::Running, 0)));
        }
        let idle = model.plan();
        prop_assert_eq!(idle, Plan::default());
    }

    #[test]
    fn adopting_what_runs_changes_nothing(pod in pods(), story in prop::collection::vec(happenings(), 0..10)) {
        let mut model = Model::new(pod);
        settle(&mut model);
        for happening in &story {
            model.happen(happening);
            settle(&mut model);
        }
        let alive = |model: &Model| {
            let mut ids: Vec<_> = model.observed.alive().map(|container| container.id.clone()).collect();
            ids.sort();
            ids
        };
        let before = alive(&model);
        model.happen(&Happening::Forget);
        settle(&mut model);
        let after = alive(&model);
        prop_assert!(before.iter().all(|id| after.contains(id)), "{before:?} {after:?}");
    }

    #[test]
    fn containers_that_never_restart_run_at_most_once_per_sandbox(pod in pods(), story in prop::collection::vec(happenings(), 0..20)) {
        let mut model = Model::new(pod);
        settle(&mut model);
        for happening in story.iter().filter(|h| !matches!(h, Happening::NewImage(_) | Happening::Lost(_))) {
            model.happen(happening);
            settle(&mut model);
        }
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        for container in &model.observed.containers {
            *counts.entry((&container.name, &container.sandbox_id)).or_default() += 1;
        }
        for ((name, _), count) in counts {
            let container = spec::container(&model.pod, name).unwrap();
            if !spec::restarts(&model.pod, container, 1) && !spec::restarts(&model.pod, container, 0) {
                prop_assert_eq!(count, 1, "{}", name);
            }
        }
    }
}

fn model(spec: serde_json::Value) -> Model {
    Model::new(
        serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": spec})).unwrap(),
    )
}

#[test]
fn a_crashing_container_is_held_back_longer_each_time() {
    let mut model = model(json!({"containers": [{"name": "a", "image": "x"}]}));
    settle(&mut model);
    model.happen(&Happening::Exit(0, 1));
    assert!(settle(&mut model).held.is_empty(), "the first restart is immediate");
    model.happen(&Happening::Exit(0, 1));
    let plan = settle(&mut model);
    assert_eq!(plan.held[0].message, "back-off 10s restarting failed container=a pod=p_n(u)");
    assert!(plan.wake_after().unwrap() <= Duration::from_secs(10));
    model.happen(&Happening::Wait(11));
    settle(&mut model);
    model.happen(&Happening::Exit(0, 1));
    assert!(settle(&mut model).held[0].message.starts_with("back-off 20s "));
}

#[test]
fn an_instance_that_never_ran_is_replaced_without_counting() {
    let mut model = model(json!({"restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}]}));
    settle(&mut model);
    model.happen(&Happening::NeverRan(0));
    let plan = model.plan();
    assert_eq!((plan.start[0].restart_count, plan.start[0].discard.as_deref()), (0, Some("c2")));
    settle(&mut model);
    assert_eq!(model.observed.containers.len(), 1);
}

#[test]
fn failed_probes_kill_with_upstreams_words() {
    let spec = json!({"containers": [{"name": "a", "image": "x", "livenessProbe": {"exec": {}, "terminationGracePeriodSeconds": 7}}]});
    let mut model = model(spec);
    settle(&mut model);
    model.happen(&Happening::Probe(0, Verdict { liveness: Some(false), ..Verdict::default() }));
    let plan = model.plan();
    assert_eq!(plan.kill[0].message, "Container a failed liveness probe, will be restarted");
    assert_eq!((plan.kill[0].grace, plan.start[0].restart_count), (Some(7), 1));
}

#[test]
fn an_init_container_that_fails_for_good_ends_the_pod() {
    let spec = json!({"restartPolicy": "Never", "initContainers": [{"name": "i", "image": "x"}], "containers": [{"name": "a", "image": "x"}]});
    let mut model = model(spec);
    settle(&mut model);
    model.happen(&Happening::Exit(0, 1));
    assert!(settle(&mut model).completed);
    assert!(model.observed.latest("a").is_none());
}

#[test]
fn sidecars_do_not_keep_a_pod_alive() {
    let spec = json!({
        "restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}],
        "initContainers": [{"name": "side", "image": "x", "restartPolicy": "Always"}]
    });
    let mut model = model(spec);
    settle(&mut model);
    let main = model.observed.containers.iter().filter(|c| c.state == State::Running).position(|c| c.name == "a");
    model.happen(&Happening::Exit(main.unwrap(), 0));
    let plan = model.plan();
    assert!(plan.completed && plan.stop_pod);
}

#[test]
fn ephemeral_containers_start_once_whatever_the_others_do() {
    let spec = json!({
        "initContainers": [{"name": "i", "image": "x"}], "containers": [{"name": "a", "image": "x"}],
        "ephemeralContainers": [{"name": "debug", "image": "x", "targetContainerName": "a"}]
    });
    let mut model = model(spec);
    settle(&mut model);
    let debug = model.observed.containers.iter().position(|container| container.name == "debug").unwrap();
    model.happen(&Happening::Exit(debug, 1));
    settle(&mut model);
    assert_eq!(model.observed.instances("debug").count(), 1);
    assert!(model.observed.latest("a").is_none(), "the init container still runs");
}

#[test]
fn sizes_change_in_place_unless_the_policy_asks_for_a_new_instance() {
    let spec = |memory: &str| {
        json!({"containers": [
            {"name": "a", "image": "x", "resources": {"requests": {"memory": memory}}},
            {"name": "b", "image": "x", "resources": {"requests": {"memory": memory}},
             "resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]}
        ]})
    };
    let mut model = model(spec("1Gi"));
    settle(&mut model);
    model.pod.spec = serde_json::from_value(spec("2Gi")).unwrap();
    let plan = model.plan();
    let id = |name: &str| model.observed.latest(name).unwrap().id.clone();
    assert_eq!(plan.resize, [(id("a"), "a".to_owned())]);
    let kill = &plan.kill[0];
    assert_eq!((kill.id.clone(), kill.reason, plan.start[0].name.as_str()), (id("b"), KillReason::Resized, "b"));
    settle(&mut model);
    assert!(model.plan().resize.is_empty() && model.observed.latest("b").unwrap().restart_count == 1);
}
