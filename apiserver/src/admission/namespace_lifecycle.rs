//! NamespaceLifecycle: nothing is created in a namespace that does not exist or is going, and some namespaces stay.
//!
//! Follows `apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go @ v1.36`.

use async_trait::async_trait;
use corvette_api::{
    gvk::GroupResource,
    meta,
    status::{self, Status},
};
use serde_json::Value;

use super::{Attributes, Operation, Plugin};

/// Namespaces that cannot be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// The plugin.
pub struct NamespaceLifecycle;

#[async_trait]
impl Plugin for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "NamespaceLifecycle"
    }

    async fn mutate(&self, attributes: &Attributes<'_>, object: &mut Value) -> Result<(), Status> {
        if attributes.operation != Operation::Create || !attributes.row.is_namespaced() {
            return Ok(());
        }
        let name = attributes.namespace;
        let namespaces = GroupResource::new("", "namespaces");
        let Some(namespace) = attributes.app.cached("", "namespaces", None, name)? else {
            return Err(status::not_found(&namespaces, name));
        };
        if !is_terminating(&namespace) {
            return Ok(());
        }
        let detail = format!("unable to create new content in namespace {name} because it is being terminated");
        let cause = format!("namespace {name} is being terminated");
        Err(super::forbidden(attributes, object, &detail).with_cause(
            "NamespaceTerminating",
            cause,
            "metadata.namespace",
        ))
    }

    async fn validate(&self, attributes: &Attributes<'_>, _object: Option<&Value>) -> Result<(), Status> {
        if attributes.operation == Operation::Delete
            && attributes.is("", "namespaces")
            && IMMORTAL.contains(&attributes.name)
        {
            let resource = attributes.row.group_resource();
            return Err(status::forbidden(&resource, attributes.name, "this namespace may not be deleted"));
        }
        Ok(())
    }
}

fn is_terminating(namespace: &Value) -> bool {
    meta::is_being_deleted(namespace)
        || namespace.pointer("/status/phase").and_then(Value::as_str) == Some("Terminating")
}
