use serde_json::{Value, json};

use super::controller_revision::CONTROLLER_REVISION;
use super::daemon_set::DAEMON_SET;
use super::deployment::DEPLOYMENT;
use super::replica_set::REPLICA_SET;
use super::stateful_set::STATEFUL_SET;
use crate::kinds::core::replication_controller::REPLICATION_CONTROLLER;
use crate::kinds::scale;
use crate::kinds::strategy::Strategy;
use crate::kinds::testing::{
    check_create, check_update, create, cx, defaulted, messages, overlay, printed, stored, update,
};

fn workload() -> Value {
    json!({
        "metadata": {"name": "w", "namespace": "ns"},
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}},
        },
    })
}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": "a"}},
        "spec": {
            "containers": [{
                "name": "c", "image": "nginx", "imagePullPolicy": "Always", "resources": {},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            }],
            "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "securityContext": {}, "terminationGracePeriodSeconds": 30,
        },
    })
}

#[test]
fn minimal_workloads_get_upstreams_defaults() {
    let spec =
        |extra: Value| overlay(&json!({"selector": {"matchLabels": {"app": "a"}}, "template": template()}), &extra);
    let rows: [(&dyn Strategy, Value); 4] = [
        (
            &DEPLOYMENT,
            json!({"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}),
        ),
        (&REPLICA_SET, json!({"replicas": 1})),
        (
            &STATEFUL_SET,
            json!({"replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"}}),
        ),
        (
            &DAEMON_SET,
            json!({"revisionHistoryLimit": 10, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}),
        ),
    ];
    for (strategy, extra) in rows {
        assert_eq!(defaulted(strategy, &workload())["spec"], spec(extra));
        assert_eq!(create(strategy, &workload()), Vec::<String>::new());
    }
    let mut rc = workload();
    rc["spec"].as_object_mut().unwrap().remove("selector");
    let rc = defaulted(&REPLICATION_CONTROLLER, &rc);
    assert_eq!((&rc["spec"]["selector"], &rc["metadata"]["labels"]), (&json!({"app": "a"}), &json!({"app": "a"})));
    assert_eq!(create(&REPLICATION_CONTROLLER, &rc), Vec::<String>::new());
}

#[test]
fn deployments() {
    check_create(
        &DEPLOYMENT,
        &workload(),
        &[
            (
                json!({"spec": {"selector": null}}),
                &[
                    "spec.selector: Required value",
                    "spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template `labels`",
                ],
            ),
            (
                json!({"spec": {"template": {"metadata": {"labels": {"a b": "c"}}}}}),
                &[
                    "spec.template.labels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                ],
            ),
            (
                json!({"spec": {"selector": {"matchLabels": {"app": "b"}}}}),
                &[
                    "spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template `labels`",
                ],
            ),
            (
                json!({"spec": {"selector": {"matchLabels": null}}}),
                &["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
            ),
            (
                json!({"spec": {"replicas": -1}}),
                &["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
            ),
            (
                json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}}}),
                &[
                    "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0",
                ],
            ),
            (
                json!({"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": "101%"}}}}),
                &["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%"],
            ),
            (
                json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}}),
                &["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
            ),
            (
                json!({"spec": {"minReadySeconds": 600}}),
                &["spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"],
            ),
            (
                json!({"spec": {"template": {"spec": {"restartPolicy": "Never"}}}}),
                &["spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""],
            ),
            (
                json!({"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}),
                &["spec.template.spec.containers[0].image: Required value"],
            ),
        ],
    );
    let relabelled = json!({"spec": {"selector": {"matchLabels": {"app": "b"}}, "template": {"metadata": {"labels": {"app": "b"}}}}});
    check_update(
        &DEPLOYMENT,
        &workload(),
        &[
            (json!({"spec": {"replicas": 3}}), &[]),
            (relabelled, &["spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable"]),
        ],
    );
}

#[test]
fn generation_of_a_deployment_counts_spec_and_annotations() {
    let generation = |patch: Value| update(&DEPLOYMENT, &workload(), &patch).0["metadata"]["generation"].clone();
    assert_eq!(generation(json!({"metadata": {"labels": {"a": "b"}}})), 1);
    assert_eq!(generation(json!({"spec": {"replicas": 2}})), 2);
    assert_eq!(generation(json!({"metadata": {"annotations": {"a": "b"}}})), 2);
    assert_eq!(generation(json!({"status": {"replicas": 9}, "metadata": {"generation": 7}})), 1);
}

#[test]
fn status_of_a_deployment() {
    let old = stored(&DEPLOYMENT, &workload());
    assert_eq!(old["status"], json!({}));
    let mut new = overlay(
        &old,
        &json!({"spec": {"replicas": 9}, "metadata": {"annotations": {"a": "b"}, "labels": {"x": "y"}}, "status": {"replicas": 1, "readyReplicas": 2}}),
    );
    DEPLOYMENT.prepare_status_update(&cx(), &mut new, &old);
    assert_eq!((&new["spec"]["replicas"], &new["metadata"]["annotations"]["a"]), (&json!(1), &json!("b")));
    assert_eq!(new["metadata"].get("labels"), None);
    assert_eq!(
        messages(&DEPLOYMENT.validate_status_update(&new, &old)),
        ["status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas"]
    );
}

#[test]
fn daemon_and_stateful_sets() {
    check_create(
        &DAEMON_SET,
        &workload(),
        &[
            (
                json!({"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}}}),
                &[
                    "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
                ],
            ),
            (
                json!({"spec": {"selector": null}}),
                &[
                    "spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template `labels`",
                ],
            ),
        ],
    );
    let changed = json!({"spec": {"template": {"spec": {"hostNetwork": true}}}});
    let set = update(&DAEMON_SET, &workload(), &changed).0;
    assert_eq!(set["metadata"]["annotations"]["deprecated.daemonset.template.generation"], "2");
    check_create(
        &STATEFUL_SET,
        &workload(),
        &[
            (
                json!({"spec": {"podManagementPolicy": "x"}}),
                &["spec.podManagementPolicy: Invalid value: \"x\": must be 'OrderedReady' or 'Parallel'"],
            ),
            (
                json!({"spec": {"updateStrategy": {"type": "x"}}}),
                &["spec.updateStrategy: Invalid value: {\"type\":\"x\"}: must be 'RollingUpdate' or 'OnDelete'"],
            ),
        ],
    );
    let forbidden = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    check_update(
        &STATEFUL_SET,
        &workload(),
        &[(json!({"spec": {"replicas": 4}}), &[]), (json!({"spec": {"serviceName": "other"}}), &[forbidden])],
    );
}

#[test]
fn controller_revisions_are_immutable() {
    let revision = json!({"metadata": {"name": "r", "namespace": "ns"}, "data": {"a": 1}, "revision": 1});
    check_update(
        &CONTROLLER_REVISION,
        &revision,
        &[(json!({"data": {"a": 2}}), &["data: Invalid value: {\"a\":2}: field is immutable"])],
    );
    let owned = overlay(
        &revision,
        &json!({"metadata": {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "u", "controller": true}]}}),
    );
    assert_eq!(printed(&CONTROLLER_REVISION, &owned), "r | daemonset.apps/d | 1 | <unknown>");
}

#[test]
fn columns() {
    let status = json!({"status": {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2}, "spec": {"replicas": 3}});
    let obj = overlay(&stored(&DEPLOYMENT, &workload()), &status);
    assert_eq!(printed(&DEPLOYMENT, &obj), "w | 2/3 | 1 | 2 | 60m | c | nginx | app=a");
    assert_eq!(printed(&REPLICA_SET, &obj), "w | 3 | 3 | 2 | 60m | c | nginx | app=a");
    assert_eq!(printed(&STATEFUL_SET, &obj), "w | 2/3 | 60m | c | nginx");
    let daemons = overlay(&obj, &json!({"status": {"desiredNumberScheduled": 2, "currentNumberScheduled": 1}}));
    assert_eq!(printed(&DAEMON_SET, &daemons), "w | 2 | 1 | 0 | 0 | 0 | <none> | 60m | c | nginx | app=a");
}

#[test]
fn scale_reads_and_writes() {
    let obj = overlay(&stored(&DEPLOYMENT, &workload()), &json!({"spec": {"replicas": 3}, "status": {"replicas": 2}}));
    let paths = DEPLOYMENT.scale().unwrap();
    let shown = scale::read(&obj, &paths);
    assert_eq!(
        shown,
        json!({
            "apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": "w", "namespace": "ns", "uid": "uid-1", "resourceVersion": "1", "creationTimestamp": "2026-01-01T11:00:00Z"},
            "spec": {"replicas": 3}, "status": {"replicas": 2, "selector": "app=a"},
        })
    );
    let mut scaled = obj;
    scale::write(&mut scaled, &overlay(&shown, &json!({"spec": {"replicas": 5}})), &paths);
    assert_eq!(scaled["spec"]["replicas"], 5);
}
