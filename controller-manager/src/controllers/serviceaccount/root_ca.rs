//! The config map `kube-root-ca.crt` of every namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::informer::Informer;
use corvette_client::kube::api::{ObjectMeta, PostParams};
use corvette_client::kube::runtime::watcher;
use corvette_client::kube::{Api, Client, ResourceExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};

use super::{is_active, settled, watch_namespaces};
use crate::framework::{Action, Context, Controller, Error, Queue};

const NAME: &str = "kube-root-ca.crt";
const KEY: &str = "ca.crt";
const DESCRIPTION: &str = "kubernetes.io/description";
const TEXT: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints \
such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of \
Kubernetes clusters.";

struct RootCaController {
    client: Client,
    certificate: Option<String>,
    namespaces: Informer<Namespace>,
    maps: Informer<ConfigMap>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let namespaces = cx.informers.of::<Namespace>();
    let maps = cx.informers.selected::<ConfigMap>(watcher::Config::default().fields(&format!("metadata.name={NAME}")));
    watch_namespaces(&namespaces, queue.clone());
    maps.on_change(move |change| queue.add(NamespacedName::cluster(change.object().namespace().unwrap_or_default())));
    let certificate = cx.config.root_ca_pem.clone();
    Arc::new(RootCaController { client: cx.client.clone(), certificate, namespaces, maps })
}

#[async_trait]
impl Controller for RootCaController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let Some(certificate) = self.certificate.as_deref().filter(|_| is_active(&self.namespaces, key)) else {
            return Ok(Action::Done);
        };
        let api = Api::<ConfigMap>::namespaced(self.client.clone(), &key.name);
        match self.maps.get(&NamespacedName::new(&key.name, NAME)) {
            None => settled(api.create(&PostParams::default(), &published(ConfigMap::default(), certificate)).await)?,
            Some(map) => {
                let wanted = published(map.as_ref().clone(), certificate);
                if wanted != *map {
                    settled(api.replace(NAME, &PostParams::default(), &wanted).await)?;
                }
            }
        }
        Ok(Action::Done)
    }
}

/// Returns the map as it should be, keeping what else is in its metadata.
fn published(map: ConfigMap, certificate: &str) -> ConfigMap {
    let mut metadata = ObjectMeta { name: Some(NAME.to_owned()), ..map.metadata };
    metadata.annotations.get_or_insert_default().insert(DESCRIPTION.to_owned(), TEXT.to_owned());
    let data = BTreeMap::from([(KEY.to_owned(), certificate.to_owned())]);
    ConfigMap { metadata, data: Some(data), binary_data: None, immutable: map.immutable }
}
