use serde_json::{Value, json};

use super::cron_job::CRON_JOB;
use super::job::JOB;
use crate::kinds::strategy::{DeletePolicy, Strategy};
use crate::kinds::testing::{check_create, check_update, create, defaulted, overlay, printed, stored};

fn job() -> Value {
    json!({
        "metadata": {"name": "j", "namespace": "ns"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox:1"}]}}},
    })
}

fn cron() -> Value {
    json!({"metadata": {"name": "j", "namespace": "ns"}, "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": job()["spec"]}}})
}

#[test]
fn a_new_job_selects_its_pods_by_uid() {
    let mut with_uid = job();
    with_uid["metadata"]["uid"] = json!("uid-1");
    let created = stored(&JOB, &with_uid);
    let spec = &created["spec"];
    assert_eq!(spec["selector"], json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "uid-1"}}));
    assert_eq!(
        spec["template"]["metadata"]["labels"],
        json!({"controller-uid": "uid-1", "job-name": "j", "batch.kubernetes.io/controller-uid": "uid-1", "batch.kubernetes.io/job-name": "j"})
    );
    for (field, value) in [
        ("completions", json!(1)),
        ("parallelism", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
    ] {
        assert_eq!(spec[field], value, "{field}");
    }
    assert_eq!(create(&JOB, &created), Vec::<String>::new());
    let other = overlay(
        &created,
        &json!({"spec": {"selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b", "job-name": "other", "controller-uid": null}}}}}),
    );
    let says: Vec<String> =
        create(&JOB, &other).iter().map(|says| says.split(": Invalid value").next().unwrap().to_owned()).collect();
    assert_eq!(
        says,
        [
            "spec.template.metadata.labels[controller-uid]: Required value: must be 'uid-1'",
            "spec.template.metadata.labels[job-name]",
            "spec.selector"
        ]
    );
    assert_eq!(JOB.delete_policy(), DeletePolicy::Orphan);
}

#[test]
fn jobs() {
    let manual = overlay(
        &job(),
        &json!({"spec": {"manualSelector": true, "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}}}}),
    );
    check_create(
        &JOB,
        &manual,
        &[
            (json!({}), &[]),
            (
                json!({"spec": {"template": {"spec": {"restartPolicy": null}}}}),
                &["spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""],
            ),
            (json!({"spec": {"completionMode": "Indexed"}}), &[]),
            (
                json!({"spec": {"completionMode": "Indexed", "parallelism": 2}}),
                &["spec.completions: Required value: when completion mode is Indexed"],
            ),
            (
                json!({"spec": {"parallelism": -1}}),
                &["spec.parallelism: Invalid value: -1: must be greater than or equal to 0"],
            ),
            (
                json!({"spec": {"selector": {"matchLabels": {"a": "c"}}}}),
                &[
                    "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`",
                ],
            ),
        ],
    );
    check_update(
        &JOB,
        &manual,
        &[
            (json!({"spec": {"parallelism": 3, "suspend": true}}), &[]),
            (json!({"spec": {"completions": 3}}), &["spec.completions: Invalid value: 3: field is immutable"]),
        ],
    );
    let mut changed = stored(&JOB, &manual);
    changed["spec"]["template"]["spec"]["hostNetwork"] = json!(true);
    let errs = JOB.validate_update(&changed, &stored(&JOB, &manual));
    assert!(
        errs.to_string().starts_with("spec.template: Invalid value: {")
            && errs.to_string().ends_with("field is immutable")
    );
}

#[test]
fn cron_jobs() {
    let spec = defaulted(&CRON_JOB, &cron())["spec"].clone();
    assert_eq!(spec["concurrencyPolicy"], "Allow");
    assert_eq!((&spec["successfulJobsHistoryLimit"], &spec["failedJobsHistoryLimit"]), (&json!(3), &json!(1)));
    check_create(
        &CRON_JOB,
        &cron(),
        &[
            (json!({}), &[]),
            (json!({"spec": {"schedule": null}}), &["spec.schedule: Required value"]),
            (
                json!({"spec": {"schedule": "error"}}),
                &["spec.schedule: Invalid value: \"error\": expected exactly 5 fields, found 1: [error]"],
            ),
            (
                json!({"spec": {"schedule": "TZ=UTC * * * * *"}}),
                &[
                    "spec.schedule: Invalid value: \"TZ=UTC * * * * *\": cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
                ],
            ),
            (
                json!({"spec": {"timeZone": "Middle/Earth"}}),
                &["spec.timeZone: Invalid value: \"Middle/Earth\": unknown time zone Middle/Earth"],
            ),
            (
                json!({"spec": {"concurrencyPolicy": "x"}}),
                &[
                    "spec.concurrencyPolicy: Unsupported value: \"x\": supported values: \"Allow\", \"Forbid\", \"Replace\"",
                ],
            ),
            (
                json!({"spec": {"jobTemplate": {"spec": {"selector": {"matchLabels": {"a": "b"}}}}}}),
                &[
                    "spec.jobTemplate.spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: `selector` will be auto-generated",
                ],
            ),
        ],
    );
}

#[test]
fn columns() {
    let mut obj = stored(&JOB, &job());
    assert_eq!(
        printed(&JOB, &obj),
        "j | Running | 0/1 |  | 60m | c | busybox:1 | batch.kubernetes.io/controller-uid=uid-1"
    );
    obj["status"] = json!({"succeeded": 1, "startTime": "2026-01-01T11:00:00Z", "completionTime": "2026-01-01T11:00:30Z", "conditions": [{"type": "Complete", "status": "True"}]});
    assert!(printed(&JOB, &obj).starts_with("j | Complete | 1/1 | 30s | 60m"));
    obj["spec"]["completions"] = Value::Null;
    obj["spec"]["parallelism"] = json!(4);
    assert!(printed(&JOB, &obj).starts_with("j | Complete | 1/1 of 4"));
    assert_eq!(
        printed(&CRON_JOB, &stored(&CRON_JOB, &cron())),
        "j | */5 * * * * | <none> | False | 0 | <none> | 60m | c | busybox:1 | <none>"
    );
}
