//! Rows of (what is wrong, what is said) for each concern of a pod spec, and the defaults.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kinds::core::pod::POD;
use crate::kinds::testing::{check_create, create, defaulted, overlay};

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": "ns"},
        "spec": {"containers": [{"name": "c", "image": "busybox"}]},
    })
}

/// Rows of (fields of the container, messages with `C` for the container's path).
fn check_container(rows: &[(Value, &[&str])]) {
    for (patch, expected) in rows {
        let container = overlay(&json!({"name": "c", "image": "busybox"}), patch);
        let got = create(&POD, &overlay(&pod(), &json!({"spec": {"containers": [container]}})));
        let expected: Vec<String> = expected.iter().map(|e| e.replace("C.", "spec.containers[0].")).collect();
        assert_eq!(got, expected, "{patch}");
    }
}

/// Rows of (fields of the spec, messages).
fn check_spec(rows: &[(Value, &[&str])]) {
    let rows: Vec<(Value, &[&str])> =
        rows.iter().map(|(patch, expected)| (json!({"spec": patch}), *expected)).collect();
    check_create(&POD, &pod(), &rows);
}

#[test]
fn minimal_pod_gets_upstreams_defaults() {
    assert_eq!(
        defaulted(&POD, &pod()),
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "namespace": "ns"},
            "spec": {
                "containers": [{
                    "name": "c", "image": "busybox", "imagePullPolicy": "Always", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                }],
                "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "restartPolicy": "Always",
                "schedulerName": "default-scheduler", "securityContext": {}, "terminationGracePeriodSeconds": 30,
            },
        })
    );
}

#[test]
fn nested_defaults() {
    let full = json!({"spec": {
        "serviceAccount": "sa", "hostNetwork": true,
        "volumes": [
            {"name": "none"}, {"name": "s", "secret": {"secretName": "x"}}, {"name": "h", "hostPath": {"path": "/x"}},
            {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}},
                {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}}]}},
        ],
        "containers": [{
            "name": "c", "image": "registry:5000/app:v1",
            "ports": [{"containerPort": 80}],
            "resources": {"limits": {"cpu": 1, "memory": "1024Mi"}, "requests": {"cpu": "0.5"}},
            "livenessProbe": {"httpGet": {"port": 80}}, "readinessProbe": {"grpc": {"port": 1}},
            "env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}],
            "lifecycle": {"preStop": {"httpGet": {"port": "http"}}},
        }],
    }});
    let spec = defaulted(&POD, &overlay(&pod(), &full))["spec"].clone();
    assert_eq!((&spec["serviceAccount"], &spec["serviceAccountName"]), (&json!("sa"), &json!("sa")));
    assert_eq!(
        spec["volumes"],
        json!([
            {"name": "none", "emptyDir": {}}, {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}},
            {"name": "h", "hostPath": {"path": "/x", "type": ""}},
            {"name": "p", "projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}},
                {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}]}}]}},
        ])
    );
    let c = &spec["containers"][0];
    assert_eq!(c["imagePullPolicy"], "IfNotPresent");
    assert_eq!(c["ports"], json!([{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]));
    assert_eq!(
        c["resources"],
        json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}})
    );
    assert_eq!(
        c["livenessProbe"],
        json!({"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3})
    );
    assert_eq!(c["readinessProbe"]["grpc"], json!({"port": 1, "service": ""}));
    assert_eq!(c["env"][0]["valueFrom"]["resourceFieldRef"], json!({"resource": "limits.cpu", "divisor": "0"}));
    assert_eq!(c["lifecycle"]["preStop"]["httpGet"], json!({"port": "http", "path": "/", "scheme": "HTTP"}));
}

#[test]
fn pod_level_requests_come_from_containers_and_limits() {
    let patch = json!({"spec": {"resources": {"limits": {"cpu": "2", "memory": "1Gi"}},
        "containers": [{"name": "c", "image": "b:1", "resources": {"requests": {"cpu": "500m"}}}]}});
    let spec = defaulted(&POD, &overlay(&pod(), &patch))["spec"].clone();
    assert_eq!(spec["resources"]["requests"], json!({"cpu": "500m", "memory": "1Gi"}));
}

#[test]
fn containers() {
    check_spec(&[
        (json!({}), &[]),
        (json!({"containers": []}), &["spec.containers: Required value"]),
        (
            json!({"containers": [{"name": "a", "image": "b"}, {"name": "a", "image": "b"}]}),
            &["spec.containers[1].name: Duplicate value: \"a\""],
        ),
        (
            json!({"initContainers": [{"name": "c", "image": "b", "livenessProbe": {"exec": {"command": ["x"]}}}]}),
            &[
                "spec.initContainers[0].name: Duplicate value: \"c\"",
                "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
            ],
        ),
        (
            json!({"initContainers": [{"name": "i", "image": "b", "restartPolicy": "Always", "livenessProbe": {"exec": {"command": ["x"]}}}]}),
            &[],
        ),
        (
            json!({"ephemeralContainers": [{"name": "e", "image": "b"}]}),
            &["spec.ephemeralContainers: Forbidden: cannot be set on create"],
        ),
        (
            json!({"containers": [{"name": "a", "image": "b", "ports": [{"containerPort": 1, "hostPort": 80}]},
                {"name": "b", "image": "b", "ports": [{"containerPort": 2, "hostPort": 80}]}]}),
            &["spec.containers[1].ports[0].hostPort: Duplicate value: \"TCP//80\""],
        ),
    ]);
    check_container(&[
        (json!({"name": null}), &["C.name: Required value"]),
        (json!({"image": ""}), &["C.image: Required value"]),
        (json!({"image": " b"}), &["C.image: Invalid value: \" b\": must not have leading or trailing whitespace"]),
        (
            json!({"imagePullPolicy": "Sometimes"}),
            &[
                "C.imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
            ],
        ),
        (
            json!({"terminationMessagePolicy": "x"}),
            &[
                "C.terminationMessagePolicy: Unsupported value: \"x\": supported values: \"FallbackToLogsOnError\", \"File\"",
            ],
        ),
        (json!({"restartPolicy": "Never"}), &[]),
    ]);
}

#[test]
fn ports() {
    check_container(&[
        (json!({"ports": [{}]}), &["C.ports[0].containerPort: Required value"]),
        (
            json!({"ports": [{"containerPort": 65536}]}),
            &["C.ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive"],
        ),
        (
            json!({"ports": [{"containerPort": 1, "name": "x"}, {"containerPort": 2, "name": "x"}]}),
            &["C.ports[1].name: Duplicate value: \"x\""],
        ),
        (
            json!({"ports": [{"containerPort": 1, "protocol": "HTTP"}]}),
            &["C.ports[0].protocol: Unsupported value: \"HTTP\": supported values: \"SCTP\", \"TCP\", \"UDP\""],
        ),
    ]);
    check_spec(&[(
        json!({"hostNetwork": true, "containers": [{"name": "c", "image": "b", "ports": [{"containerPort": 1, "hostPort": 2}]}]}),
        &[
            "spec.containers[0].ports[0].hostPort: Invalid value: 2: must match `containerPort` when `hostNetwork` is true",
        ],
    )]);
}

#[test]
fn environment() {
    let none = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
    let none = format!("C.env[0].valueFrom: Invalid value: \"\": {none}");
    check_container(&[
        (json!({"env": [{"name": "A"}, {"name": "b.c-d", "value": "x"}]}), &[]),
        (json!({"env": [{"value": "x"}]}), &["C.env[0].name: Required value"]),
        (json!({"env": [{"name": "A", "valueFrom": {}}]}), &[&none]),
        (
            json!({"env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}),
            &["C.env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"],
        ),
        (json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a']"}}}]}), &[]),
        (
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nope"}}}]}),
            &[
                "C.env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.nope\": error converting fieldPath: field label not supported: spec.nope",
            ],
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}}]}),
            &[
                "C.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"status.phase\": supported values: \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"",
            ],
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}}]}),
            &["C.env[0].valueFrom.secretKeyRef.key: Required value"],
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}}}]}),
            &[
                "C.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's values 1m and 1 are supported with the cpu resource",
            ],
        ),
        (
            json!({"envFrom": [{"prefix": "P_"}]}),
            &["C.envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"],
        ),
        (json!({"envFrom": [{"configMapRef": {"name": "m"}}]}), &[]),
        (json!({"envFrom": [{"secretRef": {}}]}), &["C.envFrom[0].secretRef.name: Required value"]),
    ]);
}

#[test]
fn probes_and_hooks() {
    check_container(&[
        (
            json!({"livenessProbe": {"initialDelaySeconds": 1}}),
            &["C.livenessProbe: Required value: must specify a handler type"],
        ),
        (json!({"livenessProbe": {"exec": {}}}), &["C.livenessProbe.exec.command: Required value"]),
        (
            json!({"livenessProbe": {"tcpSocket": {"port": 0}}}),
            &["C.livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive"],
        ),
        (
            json!({"startupProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}}),
            &["C.startupProbe.successThreshold: Invalid value: 2: must be 1"],
        ),
        (json!({"readinessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}}), &[]),
        (
            json!({"readinessProbe": {"tcpSocket": {"port": 1}, "terminationGracePeriodSeconds": 2}}),
            &["C.readinessProbe.terminationGracePeriodSeconds: Invalid value: 2: must not be set for readinessProbes"],
        ),
        (
            json!({"livenessProbe": {"tcpSocket": {"port": 1}, "exec": {"command": ["x"]}, "periodSeconds": -1}}),
            &[
                "C.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
                "C.livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            json!({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}),
            &[
                "C.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)",
            ],
        ),
    ]);
}

#[test]
fn volumes_and_mounts() {
    check_spec(&[
        (
            json!({"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]}),
            &["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
        ),
        (
            json!({"volumes": [{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]}),
            &["spec.volumes[1].name: Duplicate value: \"v\""],
        ),
        (json!({"volumes": [{"name": "v", "secret": {}}]}), &["spec.volumes[0].secret.secretName: Required value"]),
        (json!({"volumes": [{"name": "v", "configMap": {}}]}), &["spec.volumes[0].configMap.name: Required value"]),
        (
            json!({"volumes": [{"name": "v", "configMap": {"name": "m", "defaultMode": 512, "items": [{"key": "k", "path": "../x"}]}}]}),
            &[
                "spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
                "spec.volumes[0].configMap.items[0].path: Invalid value: \"../x\": must not contain '..'",
            ],
        ),
        (
            json!({"volumes": [{"name": "v", "hostPath": {"path": "/a/../b", "type": "Pipe"}}]}),
            &[
                "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
                "spec.volumes[0].hostPath.type: Unsupported value: \"Pipe\": supported values: \"\", \"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"",
            ],
        ),
        (
            json!({"volumes": [{"name": "v", "persistentVolumeClaim": {}}, {"name": "n", "nfs": {"server": "s", "path": "rel"}}]}),
            &[
                "spec.volumes[0].persistentVolumeClaim.claimName: Required value",
                "spec.volumes[1].nfs.path: Invalid value: \"rel\": must be an absolute path",
            ],
        ),
        (
            json!({"volumes": [{"name": "n", "nfs": {"server": "s"}}]}),
            &[
                "spec.volumes[0].nfs.path: Required value",
                "spec.volumes[0].nfs.path: Invalid value: \"\": must be an absolute path",
            ],
        ),
        (
            json!({"securityContext": {"seccompProfile": {}}}),
            &["spec.securityContext.seccompProfile.type: Required value: type is required when seccompProfile is set"],
        ),
        (
            json!({"volumes": [{"name": "v", "projected": {"sources": [
                {"secret": {"name": "a", "items": [{"key": "k", "path": "same"}]}}, {"serviceAccountToken": {"path": "same", "expirationSeconds": 1}}]}}]}),
            &[
                "spec.volumes[0].projected.sources[1].serviceAccountToken.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
                "spec.volumes[0].projected.sources: Invalid value: \"same\": conflicting duplicate paths",
            ],
        ),
    ]);
    check_container(&[(
        json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}),
        &["C.volumeMounts[0].name: Not found: \"v\""],
    )]);
    let mounts = |mounts: Value| json!({"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"name": "c", "image": "b", "volumeMounts": mounts}]});
    check_spec(&[
        (mounts(json!([{"name": "v", "mountPath": "/v", "subPath": "a/b"}])), &[]),
        (mounts(json!([{"name": "v"}])), &["spec.containers[0].volumeMounts[0].mountPath: Required value"]),
        (
            mounts(json!([{"name": "v", "mountPath": "/v"}, {"name": "v", "mountPath": "/v"}])),
            &["spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/v\": must be unique"],
        ),
        (
            mounts(json!([{"name": "v", "mountPath": "/v", "subPath": "/abs"}])),
            &["spec.containers[0].volumeMounts.subPath: Invalid value: \"/abs\": must be a relative path"],
        ),
        (
            mounts(json!([{"name": "v", "mountPath": "/v", "mountPropagation": "Bidirectional"}])),
            &[
                "spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers",
            ],
        ),
    ]);
}

#[test]
fn scheduling() {
    check_spec(&[
        (
            json!({"tolerations": [{"operator": "Exists"}, {"key": "a", "operator": "Exists", "value": "x"}, {"key": "a", "operator": "In"}, {"effect": "NoExecute"}]}),
            &[
                "spec.tolerations[1].operator: Invalid value: {\"key\":\"a\",\"operator\":\"Exists\",\"value\":\"x\"}: value must be empty when `operator` is 'Exists'",
                "spec.tolerations[2].operator: Unsupported value: \"In\": supported values: \"Equal\", \"Exists\"",
                "spec.tolerations[3].operator: Invalid value: \"\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
            ],
        ),
        (
            json!({"tolerations": [{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 3}]}),
            &[
                "spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set",
            ],
        ),
        (
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}}),
            &[
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
            ],
        ),
        (
            json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {"matchExpressions": [{"key": "a", "operator": "Gt"}]}}]}}}),
            &[
                "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100",
                "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
            ],
        ),
        (
            json!({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "Never"}]}),
            &[
                "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
                "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"Never\": supported values: \"DoNotSchedule\", \"ScheduleAnyway\"",
            ],
        ),
        (
            json!({"schedulingGates": [{"name": "a"}, {"name": "a"}], "nodeName": "n"}),
            &[
                "spec.schedulingGates[1]: Duplicate value: \"a\"",
                "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
            ],
        ),
    ]);
}

#[test]
fn pod_wide_fields() {
    check_spec(&[
        (
            json!({"restartPolicy": "Maybe", "dnsPolicy": "x"}),
            &[
                "spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"OnFailure\", \"Never\"",
                "spec.dnsPolicy: Unsupported value: \"x\": supported values: \"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"",
            ],
        ),
        (
            json!({"dnsPolicy": "None"}),
            &["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
        ),
        (
            json!({"activeDeadlineSeconds": 0}),
            &["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
        ),
        (
            json!({"hostAliases": [{"ip": "1.2.3"}]}),
            &[
                "spec.hostAliases[0].ip: Invalid value: \"1.2.3\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ],
        ),
        (
            json!({"securityContext": {"runAsUser": -1, "seccompProfile": {"type": "Localhost"}, "sysctls": [{"name": "A"}]}}),
            &[
                "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
                "spec.securityContext.sysctls[0].name: Invalid value: \"A\": must have at most 253 characters and match regex ([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?",
                "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
            ],
        ),
        (
            json!({"os": {"name": "plan9"}}),
            &["spec.os.name: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\""],
        ),
        (
            json!({"resources": {"limits": {"cpu": "1"}}, "containers": [{"name": "c", "image": "b", "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "500m"}}}]}),
            &[
                "spec.containers[0].resources.limits[cpu]: Invalid value: \"2\": must be less than or equal to pod limits of 1",
            ],
        ),
    ]);
    check_container(&[(
        json!({"securityContext": {"privileged": true, "allowPrivilegeEscalation": false}}),
        &[
            "C.securityContext: Invalid value: {\"allowPrivilegeEscalation\":false,\"privileged\":true}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        ],
    )]);
}

/// JSON with the field names of pods and values of any type: nothing may panic, and defaults settle at once.
fn arbitrary() -> impl Strategy<Value = Value> {
    const NAMES: &[&str] = &[
        "spec",
        "metadata",
        "status",
        "containers",
        "initContainers",
        "ephemeralContainers",
        "volumes",
        "name",
        "image",
        "resources",
        "limits",
        "requests",
        "cpu",
        "memory",
        "livenessProbe",
        "httpGet",
        "port",
        "env",
        "valueFrom",
        "fieldRef",
        "fieldPath",
        "resourceFieldRef",
        "hostNetwork",
        "ports",
        "containerPort",
        "projected",
        "sources",
        "items",
        "securityContext",
        "affinity",
        "tolerations",
        "serviceAccount",
        "serviceAccountName",
        "labels",
        "template",
        "selector",
        "matchLabels",
        "ephemeral",
        "volumeClaimTemplate",
        "restartPolicy",
        "lifecycle",
        "preStop",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..70_000).prop_map(Value::from),
        "[a-z0-9./:-]{0,6}|1500m|0.5|Always|metadata.labels\\['a'\\]".prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(NAMES).prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn defaulting_is_idempotent_and_nothing_panics(spec in arbitrary(), metadata in arbitrary()) {
        use crate::kinds::table::ROWS;
        use crate::kinds::testing::{cx, now, printed};
        let obj = json!({"metadata": metadata, "spec": spec});
        for row in ROWS {
            let once = defaulted(row.strategy, &obj);
            prop_assert_eq!(&defaulted(row.strategy, &once), &once, "{}", row.kind);
            let mut new = once.clone();
            row.strategy.prepare_create(&cx(), &mut new);
            row.strategy.prepare_update(&cx(), &mut new, &once);
            row.strategy.prepare_status_update(&cx(), &mut new, &once);
            drop(create(row.strategy, &obj));
            drop(row.strategy.validate_update(&new, &once));
            drop(row.strategy.validate_status_update(&new, &once));
            drop(row.strategy.warnings(&new, Some(&once)));
            drop(printed(row.strategy, &new));
            row.strategy.selectable().iter().for_each(|field| drop(field.value(&new)));
            let _ = now();
        }
    }
}
