use serde_json::{Value, json};

use super::*;
use crate::kinds::Strategy;
use crate::kinds::testing::{check_update, cx, messages, now, overlay, printed, stored, update};

fn pod() -> Value {
    json!({
        "metadata": {"name": "p", "namespace": "ns", "labels": {"app": "a"}},
        "spec": {"containers": [{"name": "c", "image": "busybox:1"}], "tolerations": [{"key": "k", "operator": "Exists"}]},
    })
}

#[test]
fn a_new_pod_is_pending_with_its_class() {
    let created = stored(&POD, &overlay(&pod(), &json!({"status": {"phase": "Running"}})));
    assert_eq!(created["status"], json!({"phase": "Pending", "qosClass": "BestEffort"}));
    assert_eq!(created["metadata"]["generation"], 1);
    let gated = stored(&POD, &overlay(&pod(), &json!({"spec": {"schedulingGates": [{"name": "x.io/g"}]}})));
    assert_eq!(gated["status"]["conditions"][0]["reason"], "SchedulingGated");
    assert!(printed(&POD, &gated).starts_with("p | 0/1 | SchedulingGated | 0 | 60m | <none>"));
}

#[test]
fn quality_of_service() {
    let class = |containers: Value| qos::compute(&json!({"spec": {"containers": containers}}));
    let both = json!({"cpu": "1", "memory": "1Gi"});
    assert_eq!(class(json!([{}])), "BestEffort");
    assert_eq!(class(json!([{"resources": {"requests": {"cpu": "0"}}}])), "BestEffort");
    assert_eq!(class(json!([{"resources": {"limits": both, "requests": both}}])), "Guaranteed");
    assert_eq!(class(json!([{"resources": {"limits": both}}])), "Guaranteed");
    assert_eq!(class(json!([{"resources": {"limits": both, "requests": {"cpu": "500m"}}}])), "Burstable");
    assert_eq!(class(json!([{"resources": {"limits": both, "requests": both}}, {}])), "Burstable");
}

#[test]
fn updates_that_are_allowed() {
    let image = json!({"spec": {"containers": [{"name": "c", "image": "busybox:2"}]}});
    let base = stored(&POD, &pod());
    let mut with_image = base.clone();
    with_image["spec"]["containers"][0]["image"] = json!("busybox:2");
    let (new, errs) = update(&POD, &pod(), &with_image);
    assert_eq!(errs, Vec::<String>::new());
    assert_eq!(new["metadata"]["generation"], 2);
    drop(image);
    check_update(
        &POD,
        &pod(),
        &[
            (json!({"metadata": {"labels": {"x": "y"}}}), &[]),
            (json!({"spec": {"activeDeadlineSeconds": 5}}), &[]),
            (
                json!({"spec": {"tolerations": [{"key": "k", "operator": "Exists"}, {"key": "l", "operator": "Exists"}]}}),
                &[],
            ),
        ],
    );
    let (same, _) = update(&POD, &pod(), &json!({"metadata": {"labels": {"x": "y"}}}));
    assert_eq!(same["metadata"]["generation"], 1);
}

#[test]
fn updates_that_are_not() {
    let (_, errs) = update(&POD, &pod(), &json!({"spec": {"hostname": "h", "nodeName": "n"}}));
    assert_eq!(
        errs,
        [
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n  core.PodSpec{\n  \t... // 3 identical fields\n- \tHostname: nil,\n+ \tHostname: \"h\",\n- \tNodeName: nil,\n+ \tNodeName: \"n\",\n  \t... // 5 identical fields\n  }\n"
        ]
    );
    let containers = json!([{"name": "c", "image": "b"}, {"name": "d", "image": "b"}]);
    check_update(
        &POD,
        &pod(),
        &[
            (
                json!({"spec": {"containers": containers}}),
                &["spec.containers: Forbidden: pod updates may not add or remove containers"],
            ),
            (
                json!({"spec": {"tolerations": []}}),
                &["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
            ),
            (
                json!({"spec": {"schedulingGates": [{"name": "g"}]}}),
                &["spec.schedulingGates[0]: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"],
            ),
            (json!({"metadata": {"uid": "other"}}), &["metadata.uid: Invalid value: \"other\": field is immutable"]),
        ],
    );
    let limited = overlay(&pod(), &json!({"spec": {"activeDeadlineSeconds": 5}}));
    check_update(
        &POD,
        &limited,
        &[
            (
                json!({"spec": {"activeDeadlineSeconds": 6}}),
                &["spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value"],
            ),
            (
                json!({"spec": {"activeDeadlineSeconds": null}}),
                &[
                    "spec.activeDeadlineSeconds: Invalid value: \"null\": must not update from a positive integer to nil value",
                ],
            ),
        ],
    );
}

#[test]
fn status_updates_keep_the_spec_and_terminated_containers() {
    let base = overlay(&pod(), &json!({"spec": {"restartPolicy": "Never"}}));
    let mut old = stored(&POD, &base);
    old["status"]["containerStatuses"] = json!([{"name": "c", "state": {"terminated": {"exitCode": 0}}}]);
    let mut new = old.clone();
    new["spec"]["hostname"] = json!("h");
    new["status"] = json!({"phase": "Running", "containerStatuses": [{"name": "c", "state": {"running": {}}}]});
    POD.prepare_status_update(&cx(), &mut new, &old);
    assert_eq!(new["spec"], old["spec"]);
    assert_eq!(new["status"]["qosClass"], "BestEffort");
    assert_eq!(
        messages(&POD.validate_status_update(&new, &old)),
        ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"]
    );
}

#[test]
fn binding_sets_the_node_once() {
    let mut bound = stored(&POD, &pod());
    let binding =
        json!({"metadata": {"name": "p", "annotations": {"a": "b"}}, "target": {"kind": "Node", "name": "n1"}});
    bind(&mut bound, &binding, now()).unwrap();
    assert_eq!(bound["spec"]["nodeName"], "n1");
    assert_eq!(bound["metadata"]["annotations"]["a"], "b");
    assert_eq!(bound["status"]["conditions"][0]["status"], "True");
    assert_eq!(bind(&mut bound, &binding, now()).unwrap_err().to_string(), "pod p is already assigned to node \"n1\"");
}

#[test]
fn grace_of_a_deletion() {
    let with = |patch: Value| stored(&POD, &overlay(&pod(), &patch));
    let scheduled = with(json!({"spec": {"nodeName": "n"}}));
    assert_eq!(POD.graceful_delete(&with(json!({})), Some(10)), Some(0));
    assert_eq!(POD.graceful_delete(&scheduled, None), Some(30));
    assert_eq!(POD.graceful_delete(&scheduled, Some(0)), Some(0));
    assert_eq!(POD.graceful_delete(&scheduled, Some(-5)), Some(1));
    let mut done = scheduled;
    done["status"]["phase"] = json!("Succeeded");
    assert_eq!(POD.graceful_delete(&done, None), Some(0));
}

#[test]
fn the_address_is_the_first_of_the_addresses() {
    let defaulted = |status: Value| {
        let mut pod = json!({"status": status});
        POD.default(&mut pod);
        pod["status"].take()
    };
    let both = |ip: &str, ips: &[&str]| {
        let ips: Vec<Value> = ips.iter().map(|ip| json!({"ip": ip})).collect();
        json!({"podIP": ip, "podIPs": ips})
    };
    assert_eq!(defaulted(json!({"podIP": "a"})), both("a", &["a"]));
    assert_eq!(defaulted(json!({"podIPs": [{"ip": "a"}, {"ip": "b"}]})), both("a", &["a", "b"]));
    assert_eq!(defaulted(both("a", &["a", "b"])), both("a", &["a", "b"]));
    assert_eq!(defaulted(both("c", &["a", "b"])), both("c", &["c"]));
    assert_eq!(defaulted(json!({})), json!({}));
}

#[test]
fn selectable_fields() {
    let mut bound = stored(&POD, &pod());
    bound["status"]["podIPs"] = json!([{"ip": "10.0.0.1"}]);
    POD.default(&mut bound);
    let value = |name: &str| POD.selectable.iter().find(|field| field.name == name).map(|field| field.value(&bound));
    assert_eq!(value("status.podIP").as_deref(), Some("10.0.0.1"));
    assert_eq!(value("status.phase").as_deref(), Some("Pending"));
    assert_eq!(value("spec.nodeName").as_deref(), Some(""));
    assert_eq!(value("spec.hostNetwork").as_deref(), Some("false"));
}

#[test]
fn ephemeral_containers_only_grow() {
    let old = stored(&POD, &pod());
    let through = POD.subresource("ephemeralcontainers").unwrap();
    let mut new = old.clone();
    new["spec"]["ephemeralContainers"] = json!([{"name": "e", "image": "b", "targetContainerName": "c"}]);
    new["spec"]["hostname"] = json!("ignored");
    through.default(&mut new);
    through.prepare_update(&cx(), &mut new, &old);
    assert_eq!(new["spec"].get("hostname"), None);
    assert_eq!(messages(&through.validate_update(&new, &old)), Vec::<String>::new());
    assert_eq!(new["metadata"]["generation"], 2);
    assert_eq!(
        messages(&through.validate_update(&old, &new)),
        ["spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be removed\n"]
    );
    let mut bad = new.clone();
    bad["spec"]["ephemeralContainers"][0]["livenessProbe"] = json!({"exec": {"command": ["x"]}});
    bad["spec"]["ephemeralContainers"][0]["targetContainerName"] = json!("nobody");
    let errs = messages(&through.validate_update(&bad, &old));
    assert_eq!(
        errs,
        [
            "spec.ephemeralContainers[0].targetContainerName: Not found: \"nobody\"",
            "spec.ephemeralContainers[0].livenessProbe: Forbidden: cannot be set for an Ephemeral Container",
        ]
    );
}

#[test]
fn resize_changes_resources_only() {
    let limits = json!({"cpu": "1", "memory": "1Gi"});
    let base = overlay(
        &pod(),
        &json!({"spec": {"containers": [{"name": "c", "image": "b", "resources": {"limits": limits, "requests": {"cpu": "500m"}}}]}}),
    );
    let old = stored(&POD, &base);
    let through = POD.subresource("resize").unwrap();
    let mut new = old.clone();
    new["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("2");
    new["spec"]["containers"][0]["image"] = json!("ignored");
    through.prepare_update(&cx(), &mut new, &old);
    assert_eq!(new["spec"]["containers"][0]["image"], "b");
    assert_eq!(new["spec"]["containers"][0]["resources"]["limits"]["cpu"], "2");
    assert_eq!(messages(&through.validate_update(&new, &old)), Vec::<String>::new());
    new["spec"]["containers"][0]["resources"]["limits"] = json!({"memory": "1Gi"});
    assert_eq!(
        messages(&through.validate_update(&new, &old)),
        ["spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"]
    );
}

#[test]
fn columns_say_what_upstream_says() {
    let init = |statuses: Value| json!({"spec": {"initContainers": [{"name": "i"}, {"name": "j"}], "containers": [{"name": "c"}]}, "status": {"phase": "Pending", "initContainerStatuses": statuses}});
    let main = |statuses: Value| json!({"spec": {"containers": [{"name": "c"}, {"name": "d"}]}, "status": {"phase": "Running", "containerStatuses": statuses}});
    let running = json!({"ready": true, "state": {"running": {}}});
    let completed = json!({"state": {"terminated": {"reason": "Completed", "exitCode": 0}}});
    let rows: Vec<(Value, &str)> = vec![
        (json!({"status": {"phase": "Pending"}}), "0/0 | Pending | 0"),
        (json!({"status": {"phase": "Failed", "reason": "Evicted"}}), "0/0 | Evicted | 0"),
        (init(json!([{"name": "i", "state": {"running": {}}}])), "0/1 | Init:0/2 | 0"),
        (
            init(
                json!([{"name": "i", "state": {"terminated": {"exitCode": 0}}}, {"name": "j", "state": {"waiting": {"reason": "PodInitializing"}}}]),
            ),
            "0/1 | Init:1/2 | 0",
        ),
        (
            init(json!([{"name": "i", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}])),
            "0/1 | Init:CrashLoopBackOff | 3",
        ),
        (init(json!([{"name": "i", "state": {"terminated": {"exitCode": 7}}}])), "0/1 | Init:ExitCode:7 | 0"),
        (
            init(json!([{"name": "i", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}])),
            "0/1 | Init:Error | 0",
        ),
        (main(json!([running, running])), "2/2 | Running | 0"),
        (
            main(json!([running, {"state": {"waiting": {"reason": "ContainerCreating"}}}])),
            "1/2 | ContainerCreating | 0",
        ),
        (main(json!([completed, completed])), "0/2 | Completed | 0"),
        (main(json!([completed, running])), "1/2 | NotReady | 0"),
        (main(json!([{"state": {"terminated": {"exitCode": 137, "signal": 9}}}])), "0/2 | Signal:9 | 0"),
        (main(json!([{"state": {"terminated": {"exitCode": 3}}}])), "0/2 | ExitCode:3 | 0"),
        (
            main(
                json!([{"restartCount": 2, "ready": true, "state": {"running": {}}, "lastState": {"terminated": {"finishedAt": "2026-01-01T11:55:00Z"}}}]),
            ),
            "1/2 | Running | 2 (5m ago)",
        ),
        (
            overlay(&main(json!([running])), &json!({"metadata": {"deletionTimestamp": "2026-01-01T11:00:00Z"}})),
            "1/2 | Terminating | 0",
        ),
        (
            overlay(
                &main(json!([running])),
                &json!({"metadata": {"deletionTimestamp": "2026-01-01T11:00:00Z"}, "status": {"reason": "NodeLost"}}),
            ),
            "1/2 | Unknown | 0",
        ),
        (
            json!({"spec": {"containers": [{"name": "c"}], "initContainers": [{"name": "s", "restartPolicy": "Always"}]},
                "status": {"phase": "Running", "initContainerStatuses": [{"name": "s", "started": true, "ready": true, "restartCount": 1, "state": {"running": {}}}],
                    "containerStatuses": [running]}}),
            "2/2 | Running | 1",
        ),
    ];
    for (pod, expected) in rows {
        let line = printed(&POD, &pod);
        assert!(line.starts_with(&format!(" | {expected} | <unknown>")), "{line} is not {expected}: {pod}");
    }
    let wide = json!({"metadata": {"name": "p", "creationTimestamp": "2026-01-01T11:59:00Z"},
        "spec": {"nodeName": "n", "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]},
        "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}], "conditions": [{"type": "a", "status": "True"}]}});
    assert_eq!(printed(&POD, &wide), "p | 0/0 | Running | 0 | 60s | 10.0.0.1 | n | <none> | 1/2");
}

#[test]
fn label_keys_become_requirements() {
    let constraint = json!({"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}, "matchLabelKeys": ["app", "none"]});
    let created = stored(&POD, &overlay(&pod(), &json!({"spec": {"topologySpreadConstraints": [constraint]}})));
    assert_eq!(
        created["spec"]["topologySpreadConstraints"][0]["labelSelector"],
        json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a"]}]})
    );
}

#[test]
fn warnings_name_what_is_odd() {
    let odd = json!({"spec": {"terminationGracePeriodSeconds": -1, "containers": [{"name": "c", "image": "b",
        "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
        "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "TCP"}]}]}});
    assert_eq!(
        POD.warnings(&odd, None),
        [
            "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
            "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply",
            "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
        ]
    );
}
