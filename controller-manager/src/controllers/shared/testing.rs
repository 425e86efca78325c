//! Objects for tests.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodCondition, PodSpec, PodStatus, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

/// Returns the instant `second` seconds after the epoch.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Makes a template with one container and the label `app`.
pub fn template(app: &str, image: &str) -> PodTemplateSpec {
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some([("app".to_owned(), app.to_owned())].into()),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            containers: vec![Container { name: "c".to_owned(), image: Some(image.to_owned()), ..Container::default() }],
            ..PodSpec::default()
        }),
    }
}

/// Makes a pod of the namespace `n` in a phase, created at a second, ready since one or not.
pub fn pod(name: &str, phase: &str, node: Option<&str>, created: i64, ready: Option<i64>) -> Pod {
    let condition = PodCondition {
        type_: "Ready".to_owned(),
        status: if ready.is_some() { "True" } else { "False" }.to_owned(),
        last_transition_time: ready.map(|second| Time(at(second))),
        ..PodCondition::default()
    };
    Pod {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("n".to_owned()),
            uid: Some(format!("uid-{name}")),
            creation_timestamp: Some(Time(at(created))),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec { node_name: node.map(str::to_owned), ..PodSpec::default() }),
        status: Some(PodStatus {
            phase: Some(phase.to_owned()),
            conditions: Some(vec![condition]),
            ..PodStatus::default()
        }),
    }
}
