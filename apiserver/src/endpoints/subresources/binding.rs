//! `pods/binding` and `bindings`: assigns a pod to a node.
//!
//! Follows `pkg/registry/core/pod/storage/storage.go: assignPod, setPodNodeAndMetadata @ v1.36`.

use bytes::Bytes;
use corvette_api::{
    gvk::GroupResource,
    kinds, meta,
    quote::quote,
    status::{self, Reason, Status},
    time,
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    endpoints::{
        call::Call,
        codec::{self, Expected},
        create, modify,
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
/// 404 when there is no such pod, 409 when it is bound or going or not the one meant, 500 for a bad target.
pub async fn bind(call: &Call, name: &str, body: &Bytes) -> Result<Reply, Status> {
    let options = WriteOptions::parse(&call.info.query, "CreateOptions")?;
    let mut binding = codec::decode_body(call, body, EXPECTED, options.field_validation)?;
    create::match_namespace(call, &mut binding)?;
    if !name.is_empty() && meta::name(&binding) != name {
        return Err(status::bad_request("name in URL does not match name in Binding object"));
    }
    let errors = kinds::table::find("", "Binding").validate(&binding);
    if !errors.is_empty() {
        // Upstream does not say that it is the client's fault.
        return Err(Status::new(500, Reason::Unknown, errors.to_string()));
    }
    if meta::name(&binding).is_empty() {
        return Err(status::bad_request("Name parameter required."));
    }
    assign(call, meta::name(&binding), &binding, &options).await?;
    let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(Reply::Object(StatusCode::CREATED, done))
}

async fn assign(call: &Call, name: &str, binding: &Value, options: &WriteOptions) -> Result<(), Status> {
    let pods = GroupResource::new("", "pods");
    let key = format!("/registry/pods/{}/{name}", call.namespace().unwrap_or_default());
    let mut found = call.app.objects.fresh(&key).await?;
    for _ in 0..ATTEMPTS {
        let Some(current) = found else { return Err(status::not_found(&pods, name)) };
        let mut pod = current.value;
        check_preconditions(&key, &pod, binding)?;
        check(&pod)?;
        set_node(&mut pod, binding, &time::format(call.app.clock.now()));
        if options.dry_run {
            return Ok(());
        }
        match call.app.objects.put(&key, Expect::Revision(current.revision), pod, None).await? {
            Written::Done(_) => return Ok(()),
            Written::Conflict(newer) => found = newer.map(|newer| *newer),
        }
    }
    Err(status::object_modified(&pods, name))
}

/// Checks that the pod is the one that the binding is for.
fn check_preconditions(key: &str, pod: &Value, binding: &Value) -> Result<(), Status> {
    for (field, asked, is) in [
        ("UID", meta::uid(binding), meta::uid(pod)),
        ("ResourceVersion", meta::resource_version(binding), meta::resource_version(pod)),
    ] {
        if !asked.is_empty() && asked != is {
            let detail = modify::precondition_failed(key, field, asked, is);
            return Err(status::conflict(&GroupResource::new("", "pods"), meta::name(pod), detail));
        }
    }
    Ok(())
}

fn check(pod: &Value) -> Result<(), Status> {
    let name = meta::name(pod);
    let node = pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
    let gates = pod.pointer("/spec/schedulingGates").and_then(Value::as_array);
    let detail = if meta::is_being_deleted(pod) {
        format!("pod {name} is being deleted, cannot be assigned to a host")
    } else if !node.is_empty() {
        format!("pod {name} is already assigned to node {}", quote(node))
    } else if gates.is_some_and(|gates| !gates.is_empty()) {
        format!("pod {name} has non-empty .spec.schedulingGates")
    } else {
        return Ok(());
    };
    Err(status::conflict(&GroupResource::new("", "pods/binding"), name, detail))
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
        let status = check(&pod).unwrap_err();
        assert_eq!(
            (status.code, status.message.as_str()),
            (409, "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n\"")
        );
        assert_eq!(status.details.unwrap().kind, "pods/binding");
    }

    #[test]
    fn a_binding_may_name_the_pod_it_is_for() {
        let pod = json!({"metadata": {"name": "p", "uid": "u", "resourceVersion": "7"}});
        for (binding, says) in [
            (json!({"metadata": {"uid": "u", "resourceVersion": "7"}}), None),
            (json!({"metadata": {"uid": "w"}}), Some("UID in precondition: w, UID in object meta: u")),
            (
                json!({"metadata": {"resourceVersion": "6"}}),
                Some("ResourceVersion in precondition: 6, ResourceVersion in object meta: 7"),
            ),
        ] {
            let refused = check_preconditions("/registry/pods/default/p", &pod, &binding).err();
            let start = "Operation cannot be fulfilled on pods \"p\": StorageError: invalid object, Code: 4, Key: /registry/pods/default/p, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ";
            assert_eq!(refused.map(|status| status.message), says.map(|says| format!("{start}{says}")));
        }
    }
}
