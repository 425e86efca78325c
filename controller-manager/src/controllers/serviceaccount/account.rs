//! The service account `default` of every namespace, and the Secret it lists.
//!
//! Clients made before 1.24 take a namespace for ready when its default account lists a Secret, which then held a token. Tokens are
//! no longer stored; the Secret listed here holds what else was in it, so that such clients go on working (docs/adr/0006).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use corvette_client::NamespacedName;
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::api::{ObjectMeta, PostParams};
use corvette_client::kube::runtime::watcher;
use corvette_client::kube::{Api, Client, ResourceExt as _};
use k8s_openapi::api::core::v1::{Namespace, ObjectReference, Secret, ServiceAccount};

use super::{is_active, settled, watch_namespaces};
use crate::framework::{Action, Context, Controller, Error, Queue};

const NAME: &str = "default";
/// Name of the Secret the account lists.
const SECRET: &str = "default-ca";

struct AccountController {
    client: Client,
    namespaces: Informer<Namespace>,
    accounts: Informer<ServiceAccount>,
    secrets: Informer<Secret>,
    certificate: Option<String>,
}

/// Builds the controller.
pub fn build(cx: &Context, queue: Queue) -> Arc<dyn Controller> {
    let (namespaces, accounts) = (cx.informers.of::<Namespace>(), cx.informers.of::<ServiceAccount>());
    watch_namespaces(&namespaces, queue.clone());
    let gone = queue.clone();
    accounts.on_change(move |change| {
        if let Change::Deleted(account) = change {
            let key = NamespacedName::of(account.as_ref());
            if key.name == NAME {
                gone.add(NamespacedName::cluster(key.namespace));
            }
        }
    });
    let secrets =
        cx.informers.selected::<Secret>(watcher::Config::default().fields(&format!("metadata.name={SECRET}")));
    let gone = queue.clone();
    secrets.on_change(move |change| {
        if let Change::Deleted(secret) = change {
            gone.add(NamespacedName::cluster(secret.namespace().unwrap_or_default()));
        }
    });
    let certificate = cx.config.root_ca_pem.clone();
    Arc::new(AccountController { client: cx.client.clone(), namespaces, accounts, secrets, certificate })
}

#[async_trait]
impl Controller for AccountController {
    async fn reconcile(&self, key: &NamespacedName) -> Result<Action, Error> {
        if !is_active(&self.namespaces, key) {
            return Ok(Action::Done);
        }
        if let Some(certificate) = &self.certificate
            && self.secrets.get(&NamespacedName::new(&key.name, SECRET)).is_none()
        {
            let api = Api::<Secret>::namespaced(self.client.clone(), &key.name);
            settled(api.create(&PostParams::default(), &secret(&key.name, certificate)).await)?;
        }
        if self.accounts.get(&NamespacedName::new(&key.name, NAME)).is_none() {
            let api = Api::<ServiceAccount>::namespaced(self.client.clone(), &key.name);
            settled(api.create(&PostParams::default(), &account(self.certificate.is_some())).await)?;
        }
        Ok(Action::Done)
    }
}

fn account(lists_secret: bool) -> ServiceAccount {
    let listed = ObjectReference { name: Some(SECRET.to_owned()), ..ObjectReference::default() };
    ServiceAccount {
        metadata: ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() },
        secrets: lists_secret.then(|| vec![listed]),
        ..ServiceAccount::default()
    }
}

fn secret(namespace: &str, certificate: &str) -> Secret {
    let data = [("ca.crt", certificate), ("namespace", namespace)];
    Secret {
        metadata: ObjectMeta { name: Some(SECRET.to_owned()), ..ObjectMeta::default() },
        string_data: Some(
            data.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect::<BTreeMap<_, _>>(),
        ),
        ..Secret::default()
    }
}
