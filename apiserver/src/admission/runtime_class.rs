//! RuntimeClass: pods get the overhead, node selector and tolerations of the class they name.
//!
//! Follows `plugin/pkg/admission/runtimeclass/admission.go` and `pkg/util/tolerations/tolerations.go: MergeTolerations
//! @ v1.36`.

use std::collections::VecDeque;

use async_trait::async_trait;
use corvette_api::{meta, quota, status::Status};
use serde_json::Value;

use super::{Attributes, Operation, Plugin};

const GROUP: &str = "node.k8s.io";
const RESOURCE: &str = "runtimeclasses";
const OTHER_OVERHEAD: &str = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

/// The plugin.
pub struct RuntimeClass;

#[async_trait]
impl Plugin for RuntimeClass {
    fn name(&self) -> &'static str {
        "RuntimeClass"
    }

    async fn mutate(&self, attributes: &Attributes<'_>, pod: &mut Value) -> Result<(), Status> {
        if !concerns(attributes) {
            return Ok(());
        }
        let Some(class) = class_of(attributes, pod).await? else { return Ok(()) };
        apply(&class, pod).map_err(|detail| super::forbidden(attributes, pod, detail))
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Value>) -> Result<(), Status> {
        let Some(pod) = object.filter(|_| concerns(attributes)) else { return Ok(()) };
        let class = class_of(attributes, pod).await?;
        let wanted = class.as_ref().and_then(|class| class.pointer("/overhead/podFixed"));
        let given = pod.pointer("/spec/overhead");
        let detail = match (wanted, given) {
            (None, Some(_)) => "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
            (Some(_), _) if !class.as_ref().is_some_and(|class| has_overhead_of(class, pod)) => OTHER_OVERHEAD,
            _ => return Ok(()),
        };
        Err(super::forbidden(attributes, pod, detail))
    }
}

fn concerns(attributes: &Attributes<'_>) -> bool {
    attributes.operation == Operation::Create && attributes.is("", "pods")
}

/// The class a pod names. One that was made just now may be missing from the cache, so the store has the last word.
async fn class_of(attributes: &Attributes<'_>, pod: &Value) -> Result<Option<Value>, Status> {
    let Some(name) = pod.pointer("/spec/runtimeClassName").and_then(Value::as_str) else { return Ok(None) };
    if let Some(class) = attributes.app.cached(GROUP, RESOURCE, None, name)? {
        return Ok(Some(class));
    }
    let live = attributes.app.object(GROUP, RESOURCE, None, name).await?;
    let missing = || super::forbidden(attributes, pod, format!("pod rejected: RuntimeClass \"{name}\" not found"));
    live.map(Some).ok_or_else(missing)
}

/// Gives a pod what its class says, or says why the two do not go together. Pure.
fn apply(class: &Value, pod: &mut Value) -> Result<(), String> {
    if let Some(overhead) = class.pointer("/overhead/podFixed") {
        if pod.pointer("/spec/overhead").is_some() && !has_overhead_of(class, pod) {
            return Err(OTHER_OVERHEAD.to_owned());
        }
        meta::child_map(meta::as_map(pod), "spec").insert("overhead".to_owned(), overhead.clone());
    }
    let Some(scheduling) = class.get("scheduling") else { return Ok(()) };
    let spec = meta::child_map(meta::as_map(pod), "spec");
    for (key, wanted) in scheduling.get("nodeSelector").and_then(Value::as_object).into_iter().flatten() {
        match meta::child_map(spec, "nodeSelector").insert(key.clone(), wanted.clone()) {
            Some(given) if given != *wanted => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                return Err(format!(
                    "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {}; pod.spec.nodeSelector[{key}] = {}",
                    text(wanted),
                    text(&given)
                ));
            }
            _ => {}
        }
    }
    let of = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let (own, more) = (of(spec.get("tolerations")), of(scheduling.get("tolerations")));
    if !more.is_empty() {
        spec.insert("tolerations".to_owned(), merge_tolerations(own, more).into());
    }
    Ok(())
}

fn has_overhead_of(class: &Value, pod: &Value) -> bool {
    quota::amounts(class, "/overhead/podFixed") == quota::amounts(pod, "/spec/overhead")
}

/// Puts tolerations together and leaves out those that another one includes.
fn merge_tolerations(own: Vec<Value>, more: Vec<Value>) -> Vec<Value> {
    let mut rest: VecDeque<Value> = own.into_iter().chain(more).collect();
    let mut merged: Vec<Value> = Vec::new();
    while let Some(next) = rest.pop_front() {
        let included = merged.iter().any(|other| includes(other, &next))
            || rest.iter().any(|other| *other != next && includes(other, &next));
        if !included {
            merged.push(next);
        }
    }
    merged
}

/// Says whether `other` tolerates nothing that `one` does not.
fn includes(one: &Value, other: &Value) -> bool {
    fn text<'a>(toleration: &'a Value, field: &str) -> &'a str {
        toleration.get(field).and_then(Value::as_str).unwrap_or_default()
    }
    if one == other {
        return true;
    }
    let exists = text(one, "operator") == "Exists";
    let same_key = text(one, "key") == text(other, "key") || (text(one, "key").is_empty() && exists);
    let same_effect = text(one, "effect").is_empty() || text(one, "effect") == text(other, "effect");
    let seconds = |toleration: &Value| toleration.get("tolerationSeconds").and_then(Value::as_i64);
    let lasts = text(one, "effect") != "NoExecute"
        || seconds(one).is_none_or(|longest| seconds(other).is_some_and(|seconds| seconds <= longest));
    let same_value = || {
        let equal = |toleration| matches!(text(toleration, "operator"), "" | "Equal");
        equal(one) && equal(other) && text(one, "value") == text(other, "value")
    };
    same_key && same_effect && lasts && (exists || same_value())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(own: Value, more: Value) -> Value {
        let list = |value: Value| value.as_array().cloned().unwrap_or_default();
        merge_tolerations(list(own), list(more)).into()
    }

    #[test]
    fn a_toleration_that_another_includes_is_left_out() {
        let exists = json!({"key": "a", "operator": "Exists"});
        let equal = json!({"key": "a", "operator": "Equal", "value": "1", "effect": "NoSchedule"});
        let brief = json!({"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5});
        let long = json!({"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9});
        let all = json!({"operator": "Exists"});
        assert_eq!(merged(json!([equal]), json!([exists])), json!([exists]));
        assert_eq!(merged(json!([exists]), json!([equal, exists])), json!([exists]));
        assert_eq!(merged(json!([brief]), json!([long, equal])), json!([long, equal]));
        assert_eq!(merged(json!([long]), json!([brief])), json!([long]));
        assert_eq!(merged(json!([equal, long]), json!([all])), json!([all]));
        let other = json!({"key": "a", "value": "2", "effect": "NoSchedule"});
        assert_eq!(merged(json!([equal]), json!([other])), json!([equal, other]));
    }
}
