//! Creates and deletes the pods of an owner and tells about it.

use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::kube::api::{DeleteParams, PostParams};
use corvette_client::kube::{Api, Client, Error, Resource, ResourceExt as _};
use k8s_openapi::api::core::v1::Pod;

use crate::framework::{api_message, has_cause, is_not_found};

/// Writes pods on behalf of one controller.
pub struct PodControl {
    client: Client,
    recorder: Recorder,
}

impl PodControl {
    /// Makes one that writes through `client` and tells through `recorder`.
    pub fn new(client: Client, recorder: Recorder) -> Self {
        Self { client, recorder }
    }

    /// Records an event about `owner`.
    pub fn event<O: Resource<DynamicType = ()>>(
        &self,
        owner: &O,
        kind: EventType,
        reason: &str,
        message: impl Into<String>,
    ) {
        self.recorder.event(&owner.object_ref(&()), kind, reason, message);
    }

    /// Creates `pod`, which names its namespace, and records the outcome at `owner`.
    ///
    /// # Errors
    /// When the API refuses; that is recorded unless the namespace is going away.
    pub async fn create<O: Resource<DynamicType = ()>>(&self, owner: &O, pod: &Pod) -> Result<(), Error> {
        let object = owner.object_ref(&());
        let api = Api::<Pod>::namespaced(self.client.clone(), pod.metadata.namespace.as_deref().unwrap_or_default());
        match api.create(&PostParams::default(), pod).await {
            Ok(created) => {
                let message = format!("Created pod: {}", created.name_any());
                self.recorder.event(&object, EventType::Normal, "SuccessfulCreate", message);
                Ok(())
            }
            Err(error) => {
                if !has_cause(&error, "NamespaceTerminating") {
                    let message = format!("Error creating: {}", api_message(&error));
                    self.recorder.event(&object, EventType::Warning, "FailedCreate", message);
                }
                Err(error)
            }
        }
    }

    /// Deletes a pod and records the outcome at `owner`; says whether it was still there.
    ///
    /// # Errors
    /// When the API refuses for another reason than that the pod is gone; that is recorded.
    pub async fn delete<O: Resource<DynamicType = ()>>(&self, owner: &O, pod: &NamespacedName) -> Result<bool, Error> {
        let (api, name) = (Api::<Pod>::namespaced(self.client.clone(), &pod.namespace), &pod.name);
        let object = owner.object_ref(&());
        match api.delete(name, &DeleteParams::default()).await {
            Ok(_) => {
                let message = format!("Deleted pod: {name}");
                self.recorder.event(&object, EventType::Normal, "SuccessfulDelete", message);
                Ok(true)
            }
            Err(error) if is_not_found(&error) => Ok(false),
            Err(error) => {
                let message = format!("Error deleting: {}", api_message(&error));
                self.recorder.event(&object, EventType::Warning, "FailedDelete", message);
                Err(error)
            }
        }
    }
}
