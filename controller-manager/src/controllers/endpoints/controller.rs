//! The shell: reads caches, writes Endpoints.

use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{DeleteParams, PostParams};
use corvette_client::kube::{self, Api, Client, Resource as _};
use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};

use super::plan::{is_ours, plan};
use crate::controllers::shared::{pods, services};
use crate::framework::{Action, Context, Controller, Error, Queue, api_message, has_cause, is_conflict, is_not_found};

struct EndpointsController {
    client: Client,
    recorder: Recorder,
    services: Informer<Service>,
    pods: Informer<Pod>,
    endpoints: Informer<Endpoints>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (services, pods) = (cx.informers.of::<Service>(), pods::informer(&cx.informers));
    let endpoints = cx.informers.of::<Endpoints>();
    services::watch(&services, &pods, &queue);
    endpoints.on_change(move |change| {
        let wanted = match change {
            // One that was deleted is made again.
            Change::Deleted(_) => true,
            // One of ours may have outlived its service; what others write without a service is theirs.
            Change::Added(endpoints) => is_ours(endpoints),
            Change::Updated { .. } => false,
        };
        if wanted {
            queue.add(NamespacedName::of(change.object().as_ref()));
        }
    });
    let recorder = cx.recorder("endpoint-controller");
    Arc::new(EndpointsController { client: cx.client.clone(), recorder, services, pods, endpoints })
}

#[async_trait]
impl Controller for EndpointsController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let api = Api::<Endpoints>::namespaced(self.client.clone(), &key.namespace);
        let Some(service) = self.services.get(key) else { return self.remove(&api, key).await };
        if services::selector(&service).is_none() || service.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let backends = services::backends(&service, &self.pods.in_namespace(&key.namespace));
        let current = self.endpoints.get(key);
        let Some(next) = plan(&service, &backends, current.as_deref()) else { return Ok(Action::Done) };
        let written = match &current {
            Some(_) => api.replace(&key.name, &PostParams::default(), &next).await,
            None => api.create(&PostParams::default(), &next).await,
        };
        match written {
            Ok(_) => Ok(Action::Done),
            Err(error) if has_cause(&error, "NamespaceTerminating") => Ok(Action::Done),
            Err(error) => {
                self.tell(&service, key, current.is_some(), &error);
                Err(error.into())
            }
        }
    }
}

impl EndpointsController {
    /// Deletes the Endpoints of a service that is gone; by name, as upstream, since they have no owner reference.
    async fn remove(&self, api: &Api<Endpoints>, key: &NamespacedName) -> Result<Action, Error> {
        if self.endpoints.get(key).is_none() {
            return Ok(Action::Done);
        }
        match api.delete(&key.name, &DeleteParams::default()).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(Action::Done),
        }
    }

    fn tell(&self, service: &Service, key: &NamespacedName, existed: bool, error: &kube::Error) {
        let (reason, verb) =
            if existed { ("FailedToUpdateEndpoint", "update") } else { ("FailedToCreateEndpoint", "create") };
        if !is_conflict(error) {
            let message = format!("Failed to {verb} endpoint {key}: {}", api_message(error));
            self.recorder.event(&service.object_ref(&()), EventType::Warning, reason, message);
        }
    }
}
