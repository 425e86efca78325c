//! `pods/eviction`: deletes a pod when its disruption budget allows.
//!
//! Follows `pkg/registry/core/pod/storage/eviction.go @ v1.36`.

use bytes::Bytes;
use corvette_api::{
    gvk::GroupResource,
    labels::Selector,
    meta,
    status::{self, Status},
    time,
};
use corvette_store::Expect;
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    endpoints::{
        call::Call,
        codec::{self, Expected},
        create, delete,
        options::{DeleteOptions, WriteOptions},
        reply::Reply,
    },
    filters::query::Query,
    objects::Written,
};

const EXPECTED: Expected<'static> =
    Expected { api_version: "policy/v1", kind: "Eviction", definition: Some("io.k8s.api.policy.v1.Eviction") };
/// Most pods a budget remembers as being disrupted (upstream's bound).
const MAX_DISRUPTED: usize = 2000;
/// Attempts at a write that others keep overtaking.
const ATTEMPTS: usize = 20;

/// Serves an eviction.
///
/// # Errors
/// 429 when the budget does not allow it, and what a delete fails with.
pub async fn handle(call: &Call, body: Bytes) -> Result<Reply, Status> {
    let options = WriteOptions::parse(&call.info.query, "CreateOptions")?;
    let mut eviction = codec::decode_body(call, &body, EXPECTED, options.field_validation)?;
    create::match_namespace(call, &mut eviction)?;
    if meta::name(&eviction) != call.info.name {
        return Err(status::bad_request("name in URL does not match name in Eviction object"));
    }
    let mut deleting = DeleteOptions::parse(&Query::default(), eviction.get("deleteOptions"))?;
    deleting.dry_run |= options.dry_run;
    let key = call.key()?;
    let pod = call.app.objects.fresh(&key).await?.ok_or_else(|| call.not_found())?.value;
    if !ignores_budgets(&pod) {
        take_disruption(call, &pod, deleting.dry_run).await?;
    }
    if !deleting.dry_run {
        mark(call, &key).await?;
    }
    delete::delete_object(call, &key, &deleting).await?.ok_or_else(|| call.not_found())?;
    let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(Reply::Object(StatusCode::CREATED, done))
}

/// Tells on the pod why it goes, so that its owner can tell this from a failure.
async fn mark(call: &Call, key: &str) -> Result<(), Status> {
    let mut found = call.app.objects.fresh(key).await?;
    for _ in 0..ATTEMPTS {
        let Some(mut current) = found else { return Err(call.not_found()) };
        let now = time::format(call.app.clock.now());
        set_disruption_target(&mut current.value, &now);
        match call.app.objects.put(key, Expect::Revision(current.revision), current.value, None).await? {
            Written::Done(_) => return Ok(()),
            Written::Conflict(newer) => found = newer.map(|newer| *newer),
        }
    }
    Err(status::object_modified(&call.row.group_resource(), &call.info.name))
}

fn set_disruption_target(pod: &mut Value, now: &str) {
    let mut condition = json!({
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastTransitionTime": now,
    });
    if let generation @ 1.. = meta::generation(pod) {
        meta::as_map(&mut condition).insert("observedGeneration".to_owned(), generation.into());
    }
    let status = meta::child_map(meta::as_map(pod), "status");
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    if let Some(conditions) = conditions.as_array_mut() {
        conditions.retain(|known| known.get("type") != condition.get("type"));
        conditions.push(condition);
    }
}

fn ignores_budgets(pod: &Value) -> bool {
    meta::is_being_deleted(pod)
        || matches!(pod.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed" | "Pending"))
}

async fn take_disruption(call: &Call, pod: &Value, dry_run: bool) -> Result<(), Status> {
    let namespace = call.namespace().unwrap_or_default();
    let budgets = call.app.objects_of("policy", "poddisruptionbudgets", Some(namespace)).await?;
    let mut matching = budgets.iter().filter(|budget| selects(budget, pod));
    let Some(budget) = matching.next() else { return Ok(()) };
    if matching.next().is_some() {
        return Err(status::internal(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        ));
    }
    let name = meta::name(budget);
    let key = format!("/registry/poddisruptionbudgets.policy/{namespace}/{name}");
    let mut found = call.app.objects.fresh(&key).await?;
    for _ in 0..ATTEMPTS {
        let Some(current) = found else { return Ok(()) };
        let mut budget = current.value;
        if is_unready(pod) && lets_unready_go(&budget) {
            return Ok(());
        }
        decrement(&mut budget, meta::name(pod), &time::format(call.app.clock.now()))?;
        if dry_run {
            return Ok(());
        }
        match call.app.objects.put(&key, Expect::Revision(current.revision), budget, None).await? {
            Written::Done(_) => return Ok(()),
            Written::Conflict(newer) => found = newer.map(|newer| *newer),
        }
    }
    Err(too_many(&format!("The disruption budget {name} is being changed too often.")))
}

fn selects(budget: &Value, pod: &Value) -> bool {
    let Some(selector) = budget.pointer("/spec/selector") else { return false };
    let Ok(selector) = Selector::from_label_selector(selector) else { return false };
    meta::labels(pod).map_or_else(|| selector.matches(&serde_json::Map::new()), |labels| selector.matches(labels))
}

fn is_unready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    !conditions.into_iter().flatten().any(|condition| {
        condition.get("type") == Some(&"Ready".into()) && condition.get("status") == Some(&"True".into())
    })
}

fn lets_unready_go(budget: &Value) -> bool {
    if budget.pointer("/spec/unhealthyPodEvictionPolicy").and_then(Value::as_str) == Some("AlwaysAllow") {
        return true;
    }
    let (healthy, desired) = (number(budget, "/status/currentHealthy"), number(budget, "/status/desiredHealthy"));
    healthy >= desired && desired > 0
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// Takes one disruption from a budget.
fn decrement(budget: &mut Value, pod: &str, now: &str) -> Result<(), Status> {
    let name = meta::name(budget).to_owned();
    if number(budget, "/status/observedGeneration") < meta::generation(budget) {
        return Err(too_many(&format!("The disruption budget {name} is still being processed by the server."))
            .with_retry_after(10));
    }
    let allowed = number(budget, "/status/disruptionsAllowed");
    let resource = GroupResource::new("policy", "poddisruptionbudget");
    if allowed < 0 {
        return Err(status::forbidden(&resource, &name, "pdb disruptions allowed is negative"));
    }
    let disrupted = budget.pointer("/status/disruptedPods").and_then(Value::as_object).map_or(0, serde_json::Map::len);
    if disrupted > MAX_DISRUPTED {
        return Err(status::forbidden(
            &resource,
            &name,
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        ));
    }
    if allowed == 0 {
        return Err(too_many(&format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            number(budget, "/status/desiredHealthy"),
            number(budget, "/status/currentHealthy")
        )));
    }
    let status = meta::child_map(meta::as_map(budget), "status");
    status.insert("disruptionsAllowed".to_owned(), (allowed - 1).into());
    meta::child_map(status, "disruptedPods").insert(pod.to_owned(), now.into());
    Ok(())
}

fn too_many(cause: &str) -> Status {
    status::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", 0).with_cause(
        "DisruptionBudget",
        cause,
        "",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evicted_pod_says_so_once() {
        let mut pod =
            json!({"metadata": {"name": "p", "generation": 2}, "status": {"conditions": [{"type": "Ready"}]}});
        set_disruption_target(&mut pod, "2026-01-01T00:00:00Z");
        set_disruption_target(&mut pod, "2026-01-01T00:00:01Z");
        let conditions = pod["status"]["conditions"].as_array().unwrap();
        assert_eq!((conditions.len(), &conditions[1]["reason"]), (2, &json!("EvictionByEvictionAPI")));
        assert_eq!(conditions[1]["observedGeneration"], 2);
    }

    #[test]
    fn a_budget_allows_only_so_many() {
        let mut budget = json!({"metadata": {"name": "b", "generation": 1},
            "status": {"observedGeneration": 1, "disruptionsAllowed": 1, "desiredHealthy": 2, "currentHealthy": 3}});
        decrement(&mut budget, "p", "2026-01-01T00:00:00Z").unwrap();
        assert_eq!(budget["status"]["disruptedPods"]["p"], "2026-01-01T00:00:00Z");
        let refused = decrement(&mut budget, "q", "2026-01-01T00:00:00Z").unwrap_err();
        assert_eq!(refused.code, 429);
        let cause = &refused.details.unwrap().causes[0];
        assert_eq!(cause.message, "The disruption budget b needs 2 healthy pods and has 3 currently");
    }
}
