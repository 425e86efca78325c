//! The endpoints of the `kubernetes` service: the addresses of all API servers that live.
//!
//! Each server keeps a key with a time to live in the store. Whoever renews its own writes all of them to the Endpoints and the
//! EndpointSlice, so that a server that was killed is gone from there soon after its key. Follows
//! `pkg/controlplane/reconcilers/lease.go @ v1.36`.

use std::{net::IpAddr, sync::Arc, time::Duration};

use corvette_api::{
    meta,
    status::{self, Status},
};
use corvette_store::{Change, Expect, ListOptions};
use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior};

use crate::{
    ApiServer, loopback,
    objects::{self, Current},
};

/// Where the servers' keys are.
const LEASES: &str = "/registry/masterleases/";
/// Attempts at writing what other servers write too.
const ATTEMPTS: usize = 5;
/// Longest time that taking this server out may take at its end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Whose ports the endpoints have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ports {
    /// This server's.
    Own,
    /// Those that are there.
    Kept,
}

/// Keeps this server among the endpoints.
pub struct Reconciler {
    server: ApiServer,
    endpoints: Value,
    slice: Value,
}

impl Reconciler {
    /// Makes one of the objects as they are before they are filled in.
    pub fn new(server: ApiServer, endpoints: Value, slice: Value) -> Self {
        Self { server, endpoints, slice }
    }

    /// Adds this server to the endpoints, and keeps it there until the process ends.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn start(self) -> Result<(), Status> {
        self.renew().await?;
        self.write(Ports::Own).await?;
        let app = Arc::clone(self.server.app());
        app.tasks().spawn("kubernetes-endpoints", self.run());
        Ok(())
    }

    async fn run(self) {
        let token = self.server.app().tasks().token();
        // Upstream renews every 10 s what lasts 15 s.
        let period = self.server.app().config.endpoint_lease * 2 / 3;
        let mut rounds = tokio::time::interval_at(Instant::now() + period, period);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while token.run_until_cancelled(rounds.tick()).await.is_some() {
            let outcome = match self.renew().await {
                Ok(()) => self.write(Ports::Kept).await,
                failed => failed,
            };
            if let Err(failed) = outcome {
                tracing::warn!(error = %failed.message, "cannot bring the endpoints of the kubernetes service up to date");
            }
        }
        match tokio::time::timeout(FAREWELL, self.remove()).await {
            Ok(Ok(())) => {}
            Ok(Err(failed)) => tracing::info!(reason = %failed.message, "this server stays among the endpoints"),
            Err(_) => tracing::warn!("no time to take this server out of the endpoints"),
        }
    }

    fn key(&self) -> String {
        format!("{LEASES}{}", self.server.app().config.advertise_address)
    }

    async fn renew(&self) -> Result<(), Status> {
        let config = &self.server.app().config;
        let lease = json!({"kind": "Endpoints", "apiVersion": "v1", "metadata": {},
            "subsets": [{"addresses": [{"ip": config.advertise_address}]}]});
        let change = Change::Put { value: lease.to_string().into(), ttl: Some(config.endpoint_lease) };
        objects::deadline(config.store.txn(&self.key(), Expect::Any, change)).await.map(drop)
    }

    async fn remove(&self) -> Result<(), Status> {
        let store = &self.server.app().config.store;
        objects::deadline(store.txn(&self.key(), Expect::Any, Change::Delete)).await?;
        self.write(Ports::Kept).await
    }

    /// Returns the addresses of the servers that live.
    async fn addresses(&self) -> Result<Vec<IpAddr>, Status> {
        let options = ListOptions { prefix: LEASES.to_owned(), ..ListOptions::default() };
        let page = objects::deadline(self.server.app().config.store.list(options)).await?;
        let addresses = page.items.iter().filter_map(|kv| kv.key.strip_prefix(LEASES)?.parse().ok());
        Ok(addresses.collect())
    }

    /// Writes the endpoints where they are not as they should be.
    async fn write(&self, ports: Ports) -> Result<(), Status> {
        let mut refused = None;
        for _ in 0..ATTEMPTS {
            // Read before the keys: what another server makes of later keys is not overwritten.
            let found = (self.found(&self.endpoints).await?, self.found(&self.slice).await?);
            let addresses = self.addresses().await?;
            if addresses.is_empty() {
                return Err(status::internal("no API server has a lease, which would leave no endpoints"));
            }
            let endpoints = filled(&self.endpoints, found.0.as_ref(), |object| self.fill(object, &addresses, ports));
            let ports = endpoints.pointer("/subsets/0/ports").cloned().unwrap_or_default();
            let slice = filled(&self.slice, found.1.as_ref(), |object| fill_slice(object, &addresses, ports));
            refused = match self.store(endpoints, found.0).await? {
                None => self.store(slice, found.1).await?,
                refused => refused,
            };
            if refused.is_none() {
                return Ok(());
            }
        }
        Err(status::internal(refused.unwrap_or_default()))
    }

    async fn found(&self, template: &Value) -> Result<Option<Current>, Status> {
        let app = self.server.app();
        let (group, version) = corvette_api::gvk::split_api_version(meta::api_version(template));
        let registry = app.registry.snapshot();
        let row = registry.find(group, version, loopback::plural(template));
        let storage = row.and_then(|row| row.storage()).ok_or_else(status::no_such_resource)?;
        app.objects.fresh(&storage.key(Some(meta::namespace(template)), meta::name(template))).await
    }

    fn fill(&self, object: &mut Value, addresses: &[IpAddr], ports: Ports) {
        let own = json!([{"name": "https", "port": self.server.app().config.secure_port, "protocol": "TCP"}]);
        let subsets = object.get("subsets").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let there = match subsets {
            [only] if ports == Ports::Kept => only.get("ports").cloned(),
            _ => None,
        };
        let addresses: Vec<Value> = addresses.iter().map(|ip| json!({"ip": ip})).collect();
        let subsets = json!([{"addresses": addresses, "ports": there.unwrap_or(own)}]);
        meta::as_map(object).insert("subsets".to_owned(), subsets);
    }

    /// Stores an object that is not as it was found; what keeps it from that is for the caller to overcome.
    async fn store(&self, object: Value, found: Option<Current>) -> Result<Option<String>, Status> {
        let collection = loopback::collection(&object);
        let path = format!("{collection}/{}", meta::name(&object));
        let (method, path) = match &found {
            Some(current) if current.value == object => return Ok(None),
            // The family of a slice's addresses never changes.
            Some(current) if current.value.get("addressType") != object.get("addressType") => (Method::DELETE, path),
            Some(_) => (Method::PUT, path),
            None => (Method::POST, collection),
        };
        let body = if method == Method::DELETE { json!({}) } else { object };
        let (code, answer) = loopback::call(&self.server, method.clone(), &path, &body).await?;
        if method != Method::DELETE && matches!(code, 200 | 201) {
            return Ok(None);
        }
        Ok(Some(format!("{path}: {}", answer.get("message").and_then(Value::as_str).unwrap_or("to be made anew"))))
    }
}

/// Returns an object as it should be: what is there, or the template, filled in.
fn filled(template: &Value, found: Option<&Current>, fill: impl FnOnce(&mut Value)) -> Value {
    let mut object = found.map_or_else(|| template.clone(), |current| current.value.clone());
    for (key, value) in meta::labels(template).into_iter().flatten() {
        meta::set_label(&mut object, key, value.as_str().unwrap_or_default());
    }
    fill(&mut object);
    object
}

fn fill_slice(object: &mut Value, addresses: &[IpAddr], ports: Value) {
    let v6 = addresses.iter().all(IpAddr::is_ipv6);
    let endpoints: Vec<Value> = addresses
        .iter()
        .filter(|ip| ip.is_ipv6() == v6)
        .map(|ip| json!({"addresses": [ip], "conditions": {"ready": true}}))
        .collect();
    let fields = meta::as_map(object);
    fields.insert("addressType".to_owned(), if v6 { "IPv6" } else { "IPv4" }.into());
    fields.insert("endpoints".to_owned(), endpoints.into());
    fields.insert("ports".to_owned(), ports);
}
