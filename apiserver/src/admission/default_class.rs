//! DefaultStorageClass and DefaultIngressClass: objects that name no class get the one marked as default.
//!
//! Follow `plugin/pkg/admission/storage/storageclass/setdefault` and `plugin/pkg/admission/network/defaultingressclass
//! @ v1.36`.

use async_trait::async_trait;
use corvette_api::{meta, status::Status};
use serde_json::Value;

use super::{Attributes, Operation, Plugin};

/// The plugin for persistent volume claims.
pub struct DefaultStorageClass;

#[async_trait]
impl Plugin for DefaultStorageClass {
    fn name(&self) -> &'static str {
        "DefaultStorageClass"
    }

    async fn mutate(&self, attributes: &Attributes<'_>, claim: &mut Value) -> Result<(), Status> {
        let named = claim.pointer("/spec/storageClassName").is_some_and(|name| !name.is_null())
            || meta::annotation(claim, "volume.beta.kubernetes.io/storage-class").is_some();
        if attributes.operation != Operation::Create || !attributes.is("", "persistentvolumeclaims") || named {
            return Ok(());
        }
        let mark = "storageclass.kubernetes.io/is-default-class";
        if let Some(name) = default_of(attributes, "storage.k8s.io", "storageclasses", mark)? {
            meta::child_map(meta::as_map(claim), "spec").insert("storageClassName".to_owned(), name.into());
        }
        Ok(())
    }
}

/// The plugin for ingresses.
pub struct DefaultIngressClass;

#[async_trait]
impl Plugin for DefaultIngressClass {
    fn name(&self) -> &'static str {
        "DefaultIngressClass"
    }

    async fn mutate(&self, attributes: &Attributes<'_>, ingress: &mut Value) -> Result<(), Status> {
        let named = ingress.pointer("/spec/ingressClassName").is_some_and(|name| !name.is_null())
            || meta::annotation(ingress, "kubernetes.io/ingress.class").is_some();
        if attributes.operation != Operation::Create || !attributes.is("networking.k8s.io", "ingresses") || named {
            return Ok(());
        }
        let mark = "ingressclass.kubernetes.io/is-default-class";
        if let Some(name) = default_of(attributes, "networking.k8s.io", "ingressclasses", mark)? {
            meta::child_map(meta::as_map(ingress), "spec").insert("ingressClassName".to_owned(), name.into());
        }
        Ok(())
    }
}

/// Finds the newest class with the mark; of equally old ones the first by name.
fn default_of(attributes: &Attributes<'_>, group: &str, resource: &str, mark: &str) -> Result<Option<String>, Status> {
    let classes = attributes.app.cached_of(group, resource, None)?;
    let newest = classes.iter().filter(|class| meta::annotation(class, mark) == Some("true")).min_by(|a, b| {
        meta::creation_timestamp(b).cmp(&meta::creation_timestamp(a)).then_with(|| meta::name(a).cmp(meta::name(b)))
    });
    Ok(newest.map(|class| meta::name(class).to_owned()))
}
