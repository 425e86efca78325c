//! The shell: reads caches, writes slices.

use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::expectations::Expectations;
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{DeleteParams, PostParams};
use corvette_client::kube::{Api, Client, ResourceExt as _};
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::plan::{Plan, WRITER, is_mirrored, is_unmanaged, plan};
use crate::controllers::endpointslice::{MANAGED_BY, SERVICE_NAME};
use crate::framework::{Action, Context, Controller, Error, Queue, has_cause, is_not_found};

/// The index of slices by the object they mirror.
const MIRRORS: &str = "mirrors";

struct MirroringController {
    client: Client,
    expectations: Arc<Expectations>,
    services: Informer<Service>,
    endpoints: Informer<Endpoints>,
    slices: Informer<EndpointSlice>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (services, endpoints) = (cx.informers.of::<Service>(), cx.informers.of::<Endpoints>());
    let slices = cx.informers.of::<EndpointSlice>();
    let expectations = Arc::new(Expectations::new());
    let keys = queue.clone();
    endpoints.on_change(move |change| keys.add(NamespacedName::of(change.object().as_ref())));
    let keys = queue.clone();
    services.on_change(move |change| {
        let same = matches!(change, Change::Updated { old, new } if is_unmanaged(old) == is_unmanaged(new));
        if !same {
            keys.add(NamespacedName::of(change.object().as_ref()));
        }
    });
    slices.index(MIRRORS, |slice| mirrored(slice).map(|key| key.to_string()).into_iter().collect());
    let expected = expectations.clone();
    slices.on_change(move |change| {
        let Some(key) = mirrored(change.object()) else { return };
        if let Change::Added(_) = change {
            expected.creation_observed(&key);
        }
        queue.add(key);
    });
    Arc::new(MirroringController { client: cx.client.clone(), expectations, services, endpoints, slices })
}

/// Returns what a slice mirrors that this controller wrote.
fn mirrored(slice: &EndpointSlice) -> Option<NamespacedName> {
    let labels = slice.labels();
    let ours = labels.get(MANAGED_BY).is_some_and(|writer| writer == WRITER);
    let name = labels.get(SERVICE_NAME).filter(|_| ours)?;
    Some(NamespacedName::new(slice.namespace().unwrap_or_default(), name))
}

#[async_trait]
impl Controller for MirroringController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        if !self.expectations.satisfied(key) {
            return Err(Error::Stale(format!("slices of {key} are not seen yet")));
        }
        let slices = self.slices.by_index(MIRRORS, &key.to_string());
        let unmanaged = self.services.get(key).is_some_and(|service| is_unmanaged(&service));
        let plan = match self.endpoints.get(key).filter(|endpoints| unmanaged && is_mirrored(endpoints)) {
            Some(endpoints) if endpoints.metadata.deletion_timestamp.is_none() => plan(&endpoints, &slices),
            _ => {
                self.expectations.forget(key);
                Plan { delete: slices.iter().map(|slice| slice.name_any()).collect(), ..Plan::default() }
            }
        };
        self.write(key, plan).await.map(|()| Action::Done)
    }
}

impl MirroringController {
    async fn write(&self, key: &NamespacedName, plan: Plan) -> Result<(), Error> {
        let api = Api::<EndpointSlice>::namespaced(self.client.clone(), &key.namespace);
        if !plan.create.is_empty() {
            self.expectations.expect_creations(key, plan.create.len());
        }
        for (done, slice) in plan.create.iter().enumerate() {
            if let Err(error) = api.create(&PostParams::default(), slice).await {
                for _ in done..plan.create.len() {
                    self.expectations.creation_observed(key);
                }
                return if has_cause(&error, "NamespaceTerminating") { Ok(()) } else { Err(error.into()) };
            }
        }
        for slice in &plan.update {
            api.replace(&slice.name_any(), &PostParams::default(), slice).await?;
        }
        for name in &plan.delete {
            match api.delete(name, &DeleteParams::default()).await {
                Err(error) if !is_not_found(&error) => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }
}
