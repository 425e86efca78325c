//! Keeps the node's Lease alive: the sign of life that is cheap to give.

use std::time::Duration;

use corvette_component::clock::SharedClock;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, OwnerReference};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use super::call::{Error, timely};

/// How often it is renewed.
const PERIOD: Duration = Duration::from_secs(10);
/// How often that is tried until it works.
const RETRY: Duration = Duration::from_secs(1);
/// Lifetime of a Lease, in seconds.
pub(crate) const LEASE_SECONDS: i32 = 40;
/// Namespace of node Leases.
const LEASES: &str = "kube-node-lease";

/// Renews the Lease of a node until dropped.
pub async fn keep(client: Client, node: String, clock: SharedClock) {
    let mut held: Option<Lease> = None;
    loop {
        match renew(&client, &node, held.take(), clock.now()).await {
            Ok(lease) => held = Some(lease),
            Err(error) => tracing::warn!(%error, "node lease not renewed, will retry"),
        }
        tokio::time::sleep(if held.is_some() { PERIOD } else { RETRY }).await;
    }
}

/// Renews the Lease that is held, or takes it over, or makes it.
async fn renew(client: &Client, node: &str, held: Option<Lease>, now: Timestamp) -> Result<Lease, Error> {
    let api: Api<Lease> = Api::namespaced(client.clone(), LEASES);
    let known = match held {
        Some(held) => Some(held),
        None => timely(api.get_opt(node)).await?,
    };
    let parameters = PostParams::default();
    match known {
        Some(mut lease) => {
            let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
            spec.holder_identity = Some(node.to_owned());
            spec.lease_duration_seconds = Some(LEASE_SECONDS);
            spec.renew_time = Some(MicroTime(now));
            timely(api.replace(node, &parameters, &lease)).await
        }
        None => {
            let owner = timely(Api::<Node>::all(client.clone()).get_opt(node)).await?;
            timely(api.create(&parameters, &lease(node, owner.as_ref(), now))).await
        }
    }
}

fn lease(node: &str, owner: Option<&Node>, now: Timestamp) -> Lease {
    let owner = owner.and_then(|owner| owner.metadata.uid.clone()).map(|uid| OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: node.to_owned(),
        uid,
        ..OwnerReference::default()
    });
    Lease {
        metadata: ObjectMeta {
            name: Some(node.to_owned()),
            namespace: Some(LEASES.to_owned()),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(node.to_owned()),
            lease_duration_seconds: Some(LEASE_SECONDS),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }),
    }
}
