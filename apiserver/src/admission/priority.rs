//! Priority: gives pods the number their priority class stands for.
//!
//! Follows `plugin/pkg/admission/priority/admission.go @ v1.36`.

use async_trait::async_trait;
use corvette_api::{meta, status::Status};
use serde_json::Value;

use super::{Attributes, Operation, Plugin};

const GROUP: &str = "scheduling.k8s.io";
const RESOURCE: &str = "priorityclasses";
const DEFAULT_POLICY: &str = "PreemptLowerPriority";

/// The plugin.
pub struct Priority;

#[async_trait]
impl Plugin for Priority {
    fn name(&self) -> &'static str {
        "Priority"
    }

    async fn mutate(&self, attributes: &Attributes<'_>, pod: &mut Value) -> Result<(), Status> {
        if attributes.operation != Operation::Create || !attributes.is("", "pods") {
            return Ok(());
        }
        let name = pod.pointer("/spec/priorityClassName").and_then(Value::as_str).unwrap_or_default().to_owned();
        let class = if name.is_empty() {
            global_default(attributes)?
        } else {
            let found = attributes.app.cached(GROUP, RESOURCE, None, &name)?;
            let missing = || format!("no PriorityClass with name {name} was found");
            Some(found.ok_or_else(|| super::forbidden(attributes, pod, missing()))?)
        };
        let priority = class.as_ref().and_then(|class| class.get("value")).and_then(Value::as_i64).unwrap_or(0);
        let policy = class
            .as_ref()
            .and_then(|class| class.get("preemptionPolicy"))
            .and_then(Value::as_str)
            .unwrap_or(DEFAULT_POLICY);
        check(attributes, pod, priority, policy)?;
        let spec = meta::child_map(meta::as_map(pod), "spec");
        if let Some(class) = &class {
            spec.insert("priorityClassName".to_owned(), meta::name(class).into());
        }
        spec.insert("priority".to_owned(), priority.into());
        spec.insert("preemptionPolicy".to_owned(), policy.into());
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Value>) -> Result<(), Status> {
        let Some(class) = object.filter(|_| attributes.is(GROUP, RESOURCE)) else { return Ok(()) };
        if !is_global_default(class) {
            return Ok(());
        }
        match global_default(attributes)? {
            Some(other) if meta::name(&other) != meta::name(class) => {
                let detail = format!(
                    "PriorityClass {} is already marked as default. Only one default can exist",
                    meta::name(&other)
                );
                Err(super::forbidden(attributes, class, detail))
            }
            _ => Ok(()),
        }
    }
}

fn check(attributes: &Attributes<'_>, pod: &Value, priority: i64, policy: &str) -> Result<(), Status> {
    if let Some(given) = pod.pointer("/spec/priority").and_then(Value::as_i64).filter(|given| *given != priority) {
        let detail = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {priority} from the given PriorityClass name"
        );
        return Err(super::forbidden(attributes, pod, detail));
    }
    let given = pod.pointer("/spec/preemptionPolicy").and_then(Value::as_str).filter(|given| *given != policy);
    if let Some(given) = given {
        let detail = format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        );
        return Err(super::forbidden(attributes, pod, detail));
    }
    Ok(())
}

fn is_global_default(class: &Value) -> bool {
    class.get("globalDefault").and_then(Value::as_bool).unwrap_or(false)
}

/// The lowest of the classes marked as default (there should be one).
fn global_default(attributes: &Attributes<'_>) -> Result<Option<Value>, Status> {
    let classes = attributes.app.cached_of(GROUP, RESOURCE, None)?;
    Ok(classes
        .into_iter()
        .filter(is_global_default)
        .min_by_key(|class| class.get("value").and_then(Value::as_i64).unwrap_or(0)))
}
