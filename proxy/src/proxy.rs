//! The shell: watches, builds the table, has nft carry out what changed.

use std::sync::Arc;
use std::time::Duration;

use corvette_client::informer::{Informer, Informers};
use corvette_client::kube::Client;
use corvette_client::kube::runtime::watcher;
use corvette_component::backoff::Backoff;
use corvette_component::command::Error;
use corvette_component::tasks::Tasks;
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::{self, Family, Place, Port};
use crate::rules::{self, Change, Table};
use crate::{Config, conntrack, metrics, nft, sysctl};

/// Services and EndpointSlices that another proxy cares for.
const OURS: &str = "!service.kubernetes.io/service-proxy-name";
/// EndpointSlices of headless services are for DNS only.
const NOT_HEADLESS: &str = "!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless";
/// The label that names an EndpointSlice's service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The label that names a node's zone.
const ZONE: &str = "topology.kubernetes.io/zone";
/// Index of EndpointSlices by `namespace/service`.
const BY_SERVICE: &str = "service";

/// What comes within this time of a change is carried out with it. Where the work takes long, it is gathered for twice as long as that,
/// so that a large cluster in motion does not keep a processor busy, but not longer than upstream's least time between two.
const GATHER: Duration = Duration::from_millis(10);
const GATHER_MOST: Duration = Duration::from_secs(1);
/// How often the rules are looked for, in case another program flushed them.
const LOOK: Duration = Duration::from_secs(30);

/// Runs the proxy until `tasks` is cancelled. The rules stay: connections go on without it.
pub async fn run(client: Client, config: Config, tasks: Tasks) {
    let token = tasks.token();
    token.run_until_cancelled(work(client, config, &tasks)).await;
}

async fn work(client: Client, config: Config, tasks: &Tasks) {
    sysctl::prepare().await;
    let informers = Informers::new(client, tasks.clone());
    let watched = Watched::new(&informers, &config.node_name);
    let mut proxy = Proxy { config, watched, done: None };
    informers.start();
    informers.synced().await;
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
    loop {
        let started = Instant::now();
        match proxy.sync().await {
            Ok(()) => {
                backoff.reset();
                let gather = (started.elapsed() * 2).clamp(GATHER, GATHER_MOST);
                let changed = tokio::time::timeout(LOOK, proxy.watched.changed.notified()).await;
                match changed {
                    Ok(()) => tokio::time::sleep(gather).await,
                    Err(_) => proxy.look().await,
                }
            }
            Err(error) => {
                metrics::FAILURES.inc();
                tracing::error!(%error, "rules of services are not up to date, will retry");
                // Nobody knows how far it came.
                proxy.done = None;
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}

/// What the rules are made of.
struct Watched {
    services: Informer<Service>,
    slices: Informer<EndpointSlice>,
    node: Informer<Node>,
    changed: Arc<Notify>,
}

impl Watched {
    fn new(informers: &Informers, node: &str) -> Self {
        let changed = Arc::new(Notify::new());
        let services = informers.selected(watcher::Config::default().labels(OURS));
        let slices: Informer<EndpointSlice> = informers.selected(watcher::Config::default().labels(NOT_HEADLESS));
        let node = informers.selected(watcher::Config::default().fields(&format!("metadata.name={node}")));
        slices.index(BY_SERVICE, |slice| {
            let name = slice.metadata.labels.as_ref().and_then(|labels| labels.get(SERVICE_NAME));
            let namespace = slice.metadata.namespace.as_deref().unwrap_or_default();
            name.map(|name| format!("{namespace}/{name}")).into_iter().collect()
        });
        let wake = changed.clone();
        services.on_change(move |_| wake.notify_one());
        let wake = changed.clone();
        slices.on_change(move |_| wake.notify_one());
        // A node's status changes all the time: it is read with the next change of anything else.
        Self { services, slices, node, changed }
    }

    /// All ports, in the order of their names.
    fn ports(&self, node: &str) -> Vec<Port> {
        let own = self.node.list().into_iter().next();
        let zone = own.and_then(|node| node.metadata.labels.as_ref()?.get(ZONE).cloned());
        let place = Place { node: node.to_owned(), zone };
        let mut ports: Vec<Port> = Vec::new();
        for service in self.services.list() {
            let (namespace, name) = (service.metadata.namespace.as_deref(), service.metadata.name.as_deref());
            let key = format!("{}/{}", namespace.unwrap_or_default(), name.unwrap_or_default());
            ports.extend(model::ports(&service, &self.slices.by_index(BY_SERVICE, &key), &place));
        }
        ports.sort_by(|one, other| one.name.cmp(&other.name));
        ports
    }
}

/// What is in the kernel.
struct Done {
    ports: Vec<Port>,
    tables: [Table; 2],
}

struct Proxy {
    config: Config,
    watched: Watched,
    /// Unknown at first, and after a failure.
    done: Option<Done>,
}

impl Proxy {
    /// Brings the rules up to date.
    async fn sync(&mut self) -> Result<(), Error> {
        let timer = metrics::SYNC_SECONDS.start_timer();
        let ports = self.watched.ports(&self.config.node_name);
        let tables = Family::ALL.map(|family| rules::table(&ports, family, &self.config));
        for (index, (family, table)) in Family::ALL.into_iter().zip(&tables).enumerate() {
            let before = self.done.as_ref().and_then(|done| done.tables.get(index));
            let change = match before {
                Some(before) => Change::between(family, before, table),
                None => Change::anew(family, table),
            };
            if !change.is_empty() {
                nft::apply(&change).await?;
            }
        }
        timer.observe_duration();
        let before = self.done.replace(Done { ports, tables });
        let (old, new) = (before.map(|done| done.ports).unwrap_or_default(), self.done.as_ref());
        conntrack::forget(conntrack::stale(&old, new.map(|done| done.ports.as_slice()).unwrap_or_default())).await;
        Ok(())
    }

    /// Looks whether the rules are still there.
    async fn look(&mut self) {
        for family in Family::ALL {
            if !nft::stands(family).await {
                tracing::warn!(?family, "another program has removed the rules of services; making them again");
                self.done = None;
            }
        }
    }
}
