//! The shell: reads caches, writes slices.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::expectations::Expectations;
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{DeleteParams, PostParams};
use corvette_client::kube::{Api, Client, Resource as _, ResourceExt as _};
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::plan::{MANAGED_BY, Observed, Plan, SERVICE_NAME, WRITER, plan};
use crate::controllers::shared::{pods, services};
use crate::framework::{Action, Context, Controller, Error, Queue, api_message, has_cause, is_conflict, is_not_found};

/// The index of slices by the service they belong to.
const BY_SERVICE: &str = "service";
const ZONE: &str = "topology.kubernetes.io/zone";

struct SliceController {
    client: Client,
    recorder: Recorder,
    expectations: Arc<Expectations>,
    services: Informer<Service>,
    pods: Informer<Pod>,
    nodes: Informer<Node>,
    slices: Informer<EndpointSlice>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (services, pods) = (cx.informers.of::<Service>(), pods::informer(&cx.informers));
    let (nodes, slices) = (cx.informers.of::<Node>(), cx.informers.of::<EndpointSlice>());
    let expectations = Arc::new(Expectations::new());
    services::watch(&services, &pods, &queue);
    slices.index(BY_SERVICE, |slice| owner(slice).map(|key| key.to_string()).into_iter().collect());
    watch_slices(&slices, expectations.clone(), queue.clone());
    watch_zones(&nodes, &services, queue);
    let recorder = cx.recorder("endpoint-slice-controller");
    Arc::new(SliceController { client: cx.client.clone(), recorder, expectations, services, pods, nodes, slices })
}

fn watch_slices(slices: &Informer<EndpointSlice>, expectations: Arc<Expectations>, queue: Queue) {
    slices.on_change(move |change| {
        let Some(key) = owner(change.object()) else { return };
        if let Change::Added(_) = change {
            expectations.creation_observed(&key);
        }
        queue.add(key);
    });
}

/// Looks at all services when a node's zone becomes known or changes.
fn watch_zones(nodes: &Informer<Node>, services: &Informer<Service>, queue: Queue) {
    let services = services.clone();
    nodes.on_change(move |change| {
        let zone = |node: &Node| node.labels().get(ZONE).cloned();
        let changed = match change {
            Change::Added(node) | Change::Deleted(node) => zone(node).is_some(),
            Change::Updated { old, new } => zone(old) != zone(new),
        };
        if changed {
            services.list().iter().for_each(|service| queue.add(NamespacedName::of(service.as_ref())));
        }
    });
}

/// Returns the service of a slice that this controller wrote.
fn owner(slice: &EndpointSlice) -> Option<NamespacedName> {
    let labels = slice.labels();
    let ours = labels.get(MANAGED_BY).is_some_and(|writer| writer == WRITER);
    let name = labels.get(SERVICE_NAME).filter(|_| ours)?;
    Some(NamespacedName::new(slice.namespace().unwrap_or_default(), name))
}

#[async_trait]
impl Controller for SliceController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let Some(service) = self.services.get(key) else {
            // Its slices go with it, by garbage collection.
            self.expectations.forget(key);
            return Ok(Action::Done);
        };
        if services::selector(&service).is_none() || service.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        if !self.expectations.satisfied(key) {
            return Err(Error::Stale(format!("slices of {key} are not seen yet")));
        }
        let backends = services::backends(&service, &self.pods.in_namespace(&key.namespace));
        let slices = self.slices.by_index(BY_SERVICE, &key.to_string());
        let zones = self.zones();
        let observed = Observed { service: &service, backends: &backends, slices: &slices, zones: &zones };
        let written = self.write(key, plan(&observed)).await;
        if let Err(Error::Api(error)) = &written
            && !has_cause(error, "NamespaceTerminating")
            && !is_conflict(error)
        {
            let message = format!("Error updating Endpoint Slices for Service {key}: {}", api_message(error));
            let object = service.object_ref(&());
            self.recorder.event(&object, EventType::Warning, "FailedToUpdateEndpointSlices", message);
        }
        written.map(|()| Action::Done)
    }
}

impl SliceController {
    fn zones(&self) -> BTreeMap<String, String> {
        let nodes = self.nodes.list();
        nodes.iter().filter_map(|node| Some((node.name_any(), node.labels().get(ZONE)?.clone()))).collect()
    }

    async fn write(&self, key: &NamespacedName, plan: Plan) -> Result<(), Error> {
        let api = Api::<EndpointSlice>::namespaced(self.client.clone(), &key.namespace);
        for slice in plan.update {
            api.replace(&slice.name_any(), &PostParams::default(), &slice).await?;
        }
        if !plan.create.is_empty() {
            self.create(&api, key, &plan.create).await?;
        }
        for name in plan.delete {
            match api.delete(&name, &DeleteParams::default()).await {
                Err(error) if !is_not_found(&error) => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    async fn create(
        &self,
        api: &Api<EndpointSlice>,
        key: &NamespacedName,
        slices: &[EndpointSlice],
    ) -> Result<(), Error> {
        self.expectations.expect_creations(key, slices.len());
        for (done, slice) in slices.iter().enumerate() {
            if let Err(error) = api.create(&PostParams::default(), slice).await {
                for _ in done..slices.len() {
                    self.expectations.creation_observed(key);
                }
                return Err(error.into());
            }
        }
        Ok(())
    }
}
