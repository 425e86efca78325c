//! DefaultTolerationSeconds and TaintNodesByCondition: pods stay five minutes on a node that is away, new nodes are not
//! ready.
//!
//! Follow `plugin/pkg/admission/defaulttolerationseconds/admission.go` and `plugin/pkg/admission/nodetaint/admission.go
//! @ v1.36`.

use async_trait::async_trait;
use corvette_api::{meta, status::Status};
use serde_json::{Value, json};

use super::{Attributes, Operation, Plugin};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// Time a pod stays on a node that is away, in seconds (upstream's default).
const SECONDS: i64 = 300;

/// The plugin for pods.
pub struct DefaultTolerationSeconds;

#[async_trait]
impl Plugin for DefaultTolerationSeconds {
    fn name(&self) -> &'static str {
        "DefaultTolerationSeconds"
    }

    async fn mutate(&self, attributes: &Attributes<'_>, pod: &mut Value) -> Result<(), Status> {
        let written = matches!(attributes.operation, Operation::Create | Operation::Update);
        if written && attributes.is("", "pods") {
            add_tolerations(pod);
        }
        Ok(())
    }
}

fn add_tolerations(pod: &mut Value) {
    let spec = meta::child_map(meta::as_map(pod), "spec");
    let tolerations = spec.entry("tolerations").or_insert_with(|| json!([]));
    let Some(tolerations) = tolerations.as_array_mut() else { return };
    for key in [NOT_READY, UNREACHABLE] {
        if !tolerations.iter().any(|toleration| covers(toleration, key)) {
            tolerations
                .push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}));
        }
    }
}

fn covers(toleration: &Value, key: &str) -> bool {
    let text = |field: &str| toleration.get(field).and_then(Value::as_str).unwrap_or_default();
    (text("key").is_empty() || text("key") == key) && matches!(text("effect"), "" | "NoExecute")
}

/// The plugin for nodes.
pub struct TaintNodesByCondition;

#[async_trait]
impl Plugin for TaintNodesByCondition {
    fn name(&self) -> &'static str {
        "TaintNodesByCondition"
    }

    async fn mutate(&self, attributes: &Attributes<'_>, node: &mut Value) -> Result<(), Status> {
        if attributes.operation != Operation::Create || !attributes.is("", "nodes") {
            return Ok(());
        }
        let spec = meta::child_map(meta::as_map(node), "spec");
        let taints = spec.entry("taints").or_insert_with(|| json!([]));
        let Some(taints) = taints.as_array_mut() else { return Ok(()) };
        let there = taints.iter().any(|taint| {
            taint.get("key") == Some(&NOT_READY.into()) && taint.get("effect") == Some(&"NoSchedule".into())
        });
        if !there {
            taints.push(json!({"key": NOT_READY, "effect": "NoSchedule"}));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_tolerated_yet_is_added() {
        let mut pod = json!({"spec": {}});
        add_tolerations(&mut pod);
        assert_eq!(pod["spec"]["tolerations"].as_array().unwrap().len(), 2);
        add_tolerations(&mut pod);
        assert_eq!(pod["spec"]["tolerations"].as_array().unwrap().len(), 2);
        let mut all = json!({"spec": {"tolerations": [{"operator": "Exists"}]}});
        add_tolerations(&mut all);
        assert_eq!(all["spec"]["tolerations"].as_array().unwrap().len(), 1);
        let mut other =
            json!({"spec": {"tolerations": [{"key": NOT_READY, "operator": "Exists", "effect": "NoSchedule"}]}});
        add_tolerations(&mut other);
        assert_eq!(other["spec"]["tolerations"].as_array().unwrap().len(), 3);
    }
}
