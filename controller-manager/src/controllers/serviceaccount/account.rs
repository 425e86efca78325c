//! The service account `default` of every namespace.

use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{ObjectMeta, PostParams};
use corvette_client::kube::{Api, Client};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};

use super::{is_active, settled, watch_namespaces};
use crate::framework::{Action, Context, Controller, Error, Queue};

const NAME: &str = "default";

struct AccountController {
    client: Client,
    namespaces: Informer<Namespace>,
    accounts: Informer<ServiceAccount>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (namespaces, accounts) = (cx.informers.of::<Namespace>(), cx.informers.of::<ServiceAccount>());
    watch_namespaces(&namespaces, queue.clone());
    accounts.on_change(move |change| {
        if let Change::Deleted(account) = change {
            let key = NamespacedName::of(account.as_ref());
            if key.name == NAME {
                queue.add(NamespacedName::cluster(key.namespace));
            }
        }
    });
    Arc::new(AccountController { client: cx.client.clone(), namespaces, accounts })
}

#[async_trait]
impl Controller for AccountController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        let wanted = NamespacedName::new(&key.name, NAME);
        if is_active(&self.namespaces, key) && self.accounts.get(&wanted).is_none() {
            let metadata = ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() };
            let account = ServiceAccount { metadata, ..ServiceAccount::default() };
            let api = Api::<ServiceAccount>::namespaced(self.client.clone(), &key.name);
            settled(api.create(&PostParams::default(), &account).await)?;
        }
        Ok(Action::Done)
    }
}
