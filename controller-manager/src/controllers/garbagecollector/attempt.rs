//! Live reads and writes on one object.

use corvette_client::kube::api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use corvette_client::kube::core::{DynamicObject, PartialObjectMeta};
use corvette_client::kube::{Api, Client, ResourceExt as _};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::json;

use super::graph::Identity;
use super::plan::Policy;
use crate::controllers::shared::discovery::Served;
use crate::framework::{Error, is_not_found};

/// An object that can be read and written whatever its kind.
pub struct Live {
    api: Api<DynamicObject>,
    name: String,
}

impl Live {
    /// Addresses the object `identity` of the resource `served`.
    pub fn new(client: &Client, served: &Served, identity: &Identity) -> Self {
        let api = if served.namespaced {
            Api::namespaced_with(client.clone(), &identity.namespace, &served.resource)
        } else {
            Api::all_with(client.clone(), &served.resource)
        };
        Self { api, name: identity.name.clone() }
    }

    /// Returns its metadata; `None` when it is gone or another object has its name.
    ///
    /// # Errors
    /// When the API fails.
    pub async fn metadata(&self, uid: &str) -> Result<Option<ObjectMeta>, Error> {
        let found: Option<PartialObjectMeta<DynamicObject>> = self.api.get_metadata_opt(&self.name).await?;
        Ok(found.map(|object| object.metadata).filter(|meta| meta.uid.as_deref() == Some(uid)))
    }

    /// Deletes it, if it still is what `meta` shows.
    ///
    /// # Errors
    /// When the API fails, or the object has changed.
    pub async fn delete(&self, meta: &ObjectMeta, policy: Policy) -> Result<(), Error> {
        let propagation = match policy {
            Policy::Orphan => PropagationPolicy::Orphan,
            Policy::Foreground => PropagationPolicy::Foreground,
            Policy::Background => PropagationPolicy::Background,
        };
        let preconditions = Preconditions { uid: meta.uid.clone(), resource_version: meta.resource_version.clone() };
        let params = DeleteParams { propagation_policy: Some(propagation), ..DeleteParams::default() };
        match self.api.delete(&self.name, &params.preconditions(preconditions)).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Replaces its owner references.
    ///
    /// # Errors
    /// When the API fails, or the object has changed.
    pub async fn set_owners(&self, meta: &ObjectMeta, owners: &[OwnerReference]) -> Result<(), Error> {
        self.patch(meta, json!({"ownerReferences": owners})).await
    }

    /// Takes one finalizer away.
    ///
    /// # Errors
    /// When the API fails, or the object has changed.
    pub async fn remove_finalizer(&self, meta: &ObjectMeta, finalizer: &str) -> Result<(), Error> {
        let left: Vec<&String> = meta.finalizers.iter().flatten().filter(|known| *known != finalizer).collect();
        self.patch(meta, json!({"finalizers": left})).await
    }

    /// Patches metadata under the version that was read, so that nothing is lost.
    async fn patch(&self, meta: &ObjectMeta, mut change: serde_json::Value) -> Result<(), Error> {
        if let Some(change) = change.as_object_mut() {
            change.insert("uid".to_owned(), json!(meta.uid));
            change.insert("resourceVersion".to_owned(), json!(meta.resource_version));
        }
        let patch = Patch::Merge(json!({"metadata": change}));
        match self.api.patch_metadata(&self.name, &PatchParams::default(), &patch).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            Err(_) => Ok(()),
            Ok(object) => {
                tracing::debug!(name = %object.name_any(), "patched metadata");
                Ok(())
            }
        }
    }
}
