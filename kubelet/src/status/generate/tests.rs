use serde_json::{Value, json};

use super::*;
use crate::pods::observed::{Container, Sandbox};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn container(name: &str, number: u32, state: State, exit_code: i32) -> Container {
    Container {
        sizes: None,
        id: format!("{name}{number}"),
        name: name.to_owned(),
        sandbox_id: "s".to_owned(),
        restart_count: number,
        state,
        created_at: at(i64::from(number)),
        started_at: Some(at(i64::from(number))),
        finished_at: (state == State::Exited).then(|| at(i64::from(number) + 1)),
        exit_code,
        reason: match (state, exit_code) {
            (State::Exited, 0) => "Completed".to_owned(),
            (State::Exited, _) => "Error".to_owned(),
            _ => String::new(),
        },
        message: String::new(),
        image: "img".to_owned(),
        image_id: "img@sha".to_owned(),
        hash: String::new(),
        grace: None,
        log_path: String::new(),
    }
}

struct Case {
    pod: Value,
    containers: Vec<Container>,
    reasons: Reasons,
    verdicts: Verdicts,
    life: Life,
    failed: Option<Verdict>,
}

impl Case {
    fn new(spec: Value, containers: Vec<Container>) -> Self {
        let pod = json!({"metadata": {"name": "p", "namespace": "n", "uid": "u", "generation": 3}, "spec": spec});
        Self { pod, containers, reasons: Reasons::new(), verdicts: Verdicts::new(), life: Life::Active, failed: None }
    }

    fn reason(mut self, name: &str, reason: &str) -> Self {
        let reason = super::super::Reason { reason: reason.to_owned(), message: "because".to_owned() };
        self.reasons.insert(name.to_owned(), reason);
        self
    }

    fn run(&self) -> Value {
        let pod: Pod = serde_json::from_value(self.pod.clone()).unwrap();
        let mut observed = Observed { containers: self.containers.clone(), ..Observed::default() };
        observed.sandboxes.push(Sandbox {
            id: "s".to_owned(),
            attempt: 0,
            created_at: at(0),
            ready: true,
            host_network: false,
            ips: vec!["10.0.0.9".to_owned()],
        });
        observed.sort();
        let status = generate(Inputs {
            pod: &pod,
            observed: &observed,
            reasons: &self.reasons,
            verdicts: &self.verdicts,
            runtime: "containerd",
            host_ips: &["192.0.2.1".to_owned()],
            sandbox_ready: true,
            life: self.life,
            failed: self.failed.as_ref(),
            sizes: &sizes::Applied::new(),
            pending: None,
            now: at(100),
        });
        serde_json::to_value(status).unwrap()
    }
}

fn condition<'a>(status: &'a Value, type_: &str) -> &'a Value {
    status["conditions"].as_array().unwrap().iter().find(|condition| condition["type"] == type_).unwrap()
}

const TWO: &str = r#"{"containers": [{"name": "b", "image": "img"}, {"name": "a", "image": "img"}]}"#;

fn two(policy: &str) -> Value {
    let mut spec: Value = serde_json::from_str(TWO).unwrap();
    spec["restartPolicy"] = json!(policy);
    spec
}

#[test]
fn phases_follow_the_containers() {
    let running = |name| container(name, 0, State::Running, 0);
    let ended = |name, code| container(name, 0, State::Exited, code);
    for (policy, containers, life, expected) in [
        ("Always", vec![], Life::Active, "Pending"),
        ("Always", vec![running("a")], Life::Active, "Pending"),
        ("Always", vec![running("a"), running("b")], Life::Active, "Running"),
        ("Always", vec![running("a"), ended("b", 1)], Life::Active, "Running"),
        ("Always", vec![ended("a", 0), ended("b", 1)], Life::Active, "Running"),
        ("Always", vec![ended("a", 0), ended("b", 1)], Life::Over, "Failed"),
        ("Always", vec![ended("a", 0), ended("b", 0)], Life::Over, "Succeeded"),
        ("OnFailure", vec![ended("a", 0), ended("b", 0)], Life::Active, "Succeeded"),
        ("OnFailure", vec![ended("a", 0), ended("b", 1)], Life::Active, "Running"),
        ("Never", vec![ended("a", 0), ended("b", 1)], Life::Active, "Failed"),
        ("Never", vec![ended("a", 0), ended("b", 0)], Life::Active, "Succeeded"),
        ("Never", vec![], Life::Over, "Failed"),
    ] {
        let mut case = Case::new(two(policy), containers.clone());
        case.life = life;
        assert_eq!(case.run()["phase"], expected, "{policy} {containers:?}");
    }
}

#[test]
fn a_running_pod_is_told_in_full() {
    let status =
        Case::new(two("Always"), vec![container("a", 0, State::Running, 0), container("b", 0, State::Running, 0)])
            .run();
    let names: Vec<_> = status["containerStatuses"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["a", "b"]);
    let a = &status["containerStatuses"][0];
    assert_eq!(
        (&a["containerID"], &a["ready"], &a["started"]),
        (&json!("containerd://a0"), &json!(true), &json!(true))
    );
    assert_eq!((&status["podIP"], &status["hostIP"]), (&json!("10.0.0.9"), &json!("192.0.2.1")));
    assert_eq!((&status["podIPs"], &status["qosClass"]), (&json!([{"ip": "10.0.0.9"}]), &json!("BestEffort")));
    for type_ in ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"] {
        assert_eq!(condition(&status, type_)["status"], "True", "{type_}");
        assert_eq!(condition(&status, type_)["observedGeneration"], 3);
    }
}

#[test]
fn unready_containers_are_named() {
    let status = Case::new(two("Always"), vec![container("a", 0, State::Running, 0)]).run();
    let ready = condition(&status, "Ready");
    assert_eq!(
        (&ready["reason"], &ready["message"]),
        (&json!("ContainersNotReady"), &json!("containers with unready status: [b]"))
    );
    assert_eq!(status["containerStatuses"][1]["state"]["waiting"]["reason"], "ContainerCreating");
}

#[test]
fn init_containers_hold_the_pod_pending() {
    let spec =
        json!({"initContainers": [{"name": "i", "image": "img"}], "containers": [{"name": "a", "image": "img"}]});
    let status = Case::new(spec.clone(), vec![container("i", 0, State::Running, 0)]).run();
    assert_eq!(status["phase"], "Pending");
    assert_eq!(status["containerStatuses"][0]["state"]["waiting"]["reason"], "PodInitializing");
    let initialized = condition(&status, "Initialized");
    assert_eq!(initialized["message"], "containers with incomplete status: [i]");
    let done = vec![container("i", 0, State::Exited, 0), container("a", 0, State::Running, 0)];
    let status = Case::new(spec, done).run();
    assert_eq!((&status["phase"], &condition(&status, "Initialized")["status"]), (&json!("Running"), &json!("True")));
    assert_eq!(status["initContainerStatuses"][0]["ready"], true);
}

#[test]
fn a_crashed_container_waits_and_shows_its_end() {
    let crashed = vec![
        container("a", 1, State::Exited, 3),
        container("a", 0, State::Exited, 2),
        container("b", 0, State::Running, 0),
    ];
    let status = Case::new(two("Always"), crashed.clone()).reason("a", "CrashLoopBackOff").run();
    let a = &status["containerStatuses"][0];
    assert_eq!(
        (&a["state"]["waiting"]["reason"], &a["lastState"]["terminated"]["exitCode"]),
        (&json!("CrashLoopBackOff"), &json!(3))
    );
    assert_eq!((&a["restartCount"], &a["ready"], &status["phase"]), (&json!(1), &json!(false), &json!("Running")));
    let status = Case::new(two("Always"), crashed).run();
    let a = &status["containerStatuses"][0];
    assert_eq!(
        (&a["state"]["terminated"]["exitCode"], &a["lastState"]["terminated"]["exitCode"]),
        (&json!(3), &json!(2))
    );
}

#[test]
fn readiness_known_to_the_api_survives_a_new_kubelet_until_a_probe_says_otherwise() {
    let spec = json!({"containers": [{"name": "a", "image": "img", "readinessProbe": {"exec": {}}}]});
    let mut case = Case::new(spec, vec![container("a", 0, State::Running, 0)]);
    assert_eq!(case.run()["containerStatuses"][0]["ready"], false);
    case.pod["status"] = json!({"containerStatuses": [{
        "name": "a", "image": "", "imageID": "", "restartCount": 0, "containerID": "containerd://a0", "ready": true, "started": true
    }]});
    assert_eq!(case.run()["containerStatuses"][0]["ready"], true);
    case.verdicts.insert("a0".to_owned(), crate::probes::Verdict { readiness: Some(false), ..Default::default() });
    assert_eq!(case.run()["containerStatuses"][0]["ready"], false);
}

#[test]
fn final_phases_stay_and_the_nodes_verdict_counts() {
    let mut case = Case::new(two("Always"), vec![container("a", 0, State::Running, 0)]);
    case.failed = Some(Verdict { reason: "DeadlineExceeded".to_owned(), message: "late".to_owned() });
    let status = case.run();
    assert_eq!(
        (&status["phase"], &status["reason"], &status["message"]),
        (&json!("Failed"), &json!("DeadlineExceeded"), &json!("late"))
    );
    case.failed = None;
    case.pod["status"] = json!({"phase": "Failed", "reason": "Evicted"});
    let status = case.run();
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Failed"), &json!("Evicted")));
    assert_eq!(condition(&status, "Ready")["reason"], "PodFailed");
}

#[test]
fn a_container_that_vanished_is_unknown() {
    let mut case = Case::new(two("Always"), vec![container("b", 0, State::Running, 0)]);
    case.pod["status"] = json!({"containerStatuses": [{
        "name": "a", "image": "", "imageID": "", "restartCount": 2, "containerID": "containerd://old", "ready": true,
        "state": {"running": {}}
    }]});
    let a = case.run()["containerStatuses"][0].clone();
    assert_eq!(
        (&a["lastState"]["terminated"]["reason"], &a["restartCount"]),
        (&json!("ContainerStatusUnknown"), &json!(3))
    );
    case.life = Life::Over;
    let a = case.run()["containerStatuses"][0].clone();
    assert_eq!(
        (&a["state"]["terminated"]["reason"], &a["state"]["terminated"]["exitCode"]),
        (&json!("ContainerStatusUnknown"), &json!(137))
    );
}

#[test]
fn a_pod_that_failed_in_its_init_containers_leaves_the_others_waiting() {
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [{"name": "i", "image": "img"}, {"name": "j", "image": "img"}],
        "containers": [{"name": "a", "image": "img"}]
    });
    let mut case = Case::new(spec, vec![container("i", 0, State::Exited, 9)]);
    case.life = Life::Over;
    let status = case.run();
    assert_eq!(status["phase"], "Failed");
    assert_eq!(status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"], 9);
    assert_eq!(status["initContainerStatuses"][1]["state"]["waiting"]["reason"], "PodInitializing");
    assert_eq!(status["containerStatuses"][0]["state"]["waiting"]["reason"], "PodInitializing");

    // Nothing is known of any: the first counts as the one that failed.
    case.containers.clear();
    let status = case.run();
    assert_eq!(status["initContainerStatuses"][0]["state"]["terminated"]["reason"], "ContainerStatusUnknown");
    assert_eq!(status["initContainerStatuses"][1]["state"]["waiting"]["reason"], "PodInitializing");

    // Past its init containers, a container without a trace has failed.
    case.containers = vec![container("i", 0, State::Exited, 0), container("j", 0, State::Exited, 0)];
    let status = case.run();
    assert_eq!(status["containerStatuses"][0]["state"]["terminated"]["reason"], "ContainerStatusUnknown");
}
