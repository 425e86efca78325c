//! `pods/binding` and `bindings`: assigns a pod to a node.
//!
//! Follows `pkg/registry/core/pod/storage/storage.go: assignPod, setPodNodeAndMetadata @ v1.36`.

use bytes::Bytes;
use corvette_api::{
    kinds, meta,
    status::{self, Status},
    time,
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    endpoints::{
        call::Call,
        codec::{self, Expected},
        create,
        options::WriteOptions,
        reply::Reply,
    },
    objects::Written,
};
use corvette_store::Expect;

const EXPECTED: Expected<'static> =
    Expected { api_version: "v1", kind: "Binding", definition: Some("io.k8s.api.core.v1.Binding") };
/// Attempts at a write that others keep overtaking.
const ATTEMPTS: usize = 20;

/// Serves `pods/binding`.
///
/// # Errors
/// The status the client sees.
pub async fn handle(call: &Call, body: Bytes) -> Result<Reply, Status> {
    let name = call.info.name.clone();
    bind(call, &name, &body).await
}

/// Binds the pod `name`, or the one the binding names when that is empty.
///
/// # Errors
/// 404 when there is no such pod, 409 when it is bound or going, 422 for a bad target.
pub async fn bind(call: &Call, name: &str, body: &Bytes) -> Result<Reply, Status> {
    let options = WriteOptions::parse(&call.info.query, "CreateOptions")?;
    let mut binding = codec::decode_body(call, body, EXPECTED, options.field_validation)?;
    create::match_namespace(call, &mut binding)?;
    if !name.is_empty() && !meta::name(&binding).is_empty() && meta::name(&binding) != name {
        return Err(status::bad_request("name in URL does not match name in Binding object"));
    }
    let name = if name.is_empty() { meta::name(&binding).to_owned() } else { name.to_owned() };
    let errors = kinds::table::find("", "Binding").validate(&binding);
    if !errors.is_empty() {
        let kind = corvette_api::gvk::GroupKind::new("", "Binding");
        return Err(status::invalid(&kind, &name, &errors));
    }
    assign(call, &name, &binding, &options).await?;
    let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(Reply::Object(StatusCode::CREATED, done))
}

async fn assign(call: &Call, name: &str, binding: &Value, options: &WriteOptions) -> Result<(), Status> {
    let pods = corvette_api::gvk::GroupResource::new("", "pods");
    let key = format!("/registry/pods/{}/{name}", call.namespace().unwrap_or_default());
    let mut found = call.app.objects.fresh(&key).await?;
    for _ in 0..ATTEMPTS {
        let Some(current) = found else { return Err(status::not_found(&pods, name)) };
        let mut pod = current.value;
        check(&pods, &pod, binding)?;
        set_node(&mut pod, binding, &time::format(call.app.clock.now()));
        if options.dry_run {
            return Ok(());
        }
        match call.app.objects.put(&key, Expect::Revision(current.revision), &pod, None).await? {
            Written::Done(_) => return Ok(()),
            Written::Conflict(newer) => found = newer.map(|newer| *newer),
        }
    }
    Err(status::object_modified(&pods, name))
}

fn check(pods: &corvette_api::gvk::GroupResource, pod: &Value, binding: &Value) -> Result<(), Status> {
    let name = meta::name(pod);
    let (uid, asked) = (meta::uid(pod), meta::uid(binding));
    if !asked.is_empty() && asked != uid {
        let detail = format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {uid}");
        return Err(status::conflict(pods, name, detail));
    }
    if meta::is_being_deleted(pod) {
        let detail = format!("pod {name} is being deleted, cannot be assigned to a host");
        return Err(status::conflict(pods, name, detail));
    }
    match pod.pointer("/spec/nodeName").and_then(Value::as_str) {
        Some(node) if !node.is_empty() => {
            Err(status::conflict(pods, name, format!("pod {name} is already assigned to node \"{node}\"")))
        }
        _ if pod.pointer("/spec/schedulingGates").and_then(Value::as_array).is_some_and(|gates| !gates.is_empty()) => {
            Err(status::conflict(pods, name, format!("pod {name} has non-empty .spec.schedulingGates")))
        }
        _ => Ok(()),
    }
}

fn set_node(pod: &mut Value, binding: &Value, now: &str) {
    let node = binding.pointer("/target/name").cloned().unwrap_or_default();
    meta::child_map(meta::as_map(pod), "spec").insert("nodeName".to_owned(), node);
    for (key, value) in meta::annotations(binding).into_iter().flatten() {
        meta::set_annotation(pod, key, value.as_str().unwrap_or_default());
    }
    for (key, value) in meta::labels(binding).into_iter().flatten() {
        meta::set_label(pod, key, value.as_str().unwrap_or_default());
    }
    let generation = meta::generation(pod);
    let status = meta::child_map(meta::as_map(pod), "status");
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    let Some(conditions) = conditions.as_array_mut() else { return };
    conditions.retain(|c| c.get("type").and_then(Value::as_str) != Some("PodScheduled"));
    let mut scheduled =
        json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
    if generation > 0 {
        meta::as_map(&mut scheduled).insert("observedGeneration".to_owned(), generation.into());
    }
    conditions.push(scheduled);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_pod_has_a_node_and_the_condition() {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {},
            "status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}});
        let binding = json!({"target": {"kind": "Node", "name": "n"}});
        set_node(&mut pod, &binding, "2026-01-01T00:00:00Z");
        assert_eq!(pod["spec"]["nodeName"], "n");
        assert_eq!(pod["status"]["conditions"][0]["status"], "True");
        assert_eq!(pod["status"]["conditions"].as_array().unwrap().len(), 1);
        let pods = corvette_api::gvk::GroupResource::new("", "pods");
        let status = check(&pods, &pod, &binding).unwrap_err();
        assert_eq!(status.code, 409);
        assert!(status.message.ends_with("pod p is already assigned to node \"n\""));
    }
}
