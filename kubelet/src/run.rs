//! Puts the kubelet together and runs it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use corvette_client::events::Recorder;
use corvette_client::informer::Informers;
use corvette_component::backoff::Backoff;
use corvette_component::clock;
use corvette_component::tasks::Tasks;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::admission::Ledger;
use crate::blueprint::{Host, dns};
use crate::config::Config;
use crate::cri::Runtime;
use crate::events::PodEvents;
use crate::eviction::{Evictor, Pressures};
use crate::node::{Agent, Parts, lease, machine, object};
use crate::objects::Objects;
use crate::pods::{Changes, Deps, Pods};
use crate::server::{self, Server};
use crate::status::Writer;
use crate::volumes::{Tokens, Volumes};

/// Why the kubelet cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directory could not be made.
    #[error("{path}: {source}")]
    Directory {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The port of the HTTPS server is taken.
    #[error("kubelet port {port}: {source}; stop what uses it or choose another")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Delay of the first attempt to reach the runtime anew, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Runs the kubelet until `tasks` is cancelled. Containers keep running afterwards. `started` becomes true once the API
/// has heard from this kubelet, not from one before it, that the node is ready.
///
/// # Errors
/// [`Error`], before anything is started.
pub async fn run(client: Client, mut config: Config, tasks: Tasks, started: watch::Sender<bool>) -> Result<(), Error> {
    for dir in [&config.root_dir.join("pods"), &config.log_dir] {
        std::fs::create_dir_all(dir).map_err(|source| Error::Directory { path: dir.display().to_string(), source })?;
    }
    let listen = |source| Error::Listen { port: config.port, source };
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, config.port)).await.map_err(listen)?;
    config.port = listener.local_addr().map_err(listen)?.port();
    let tls = Arc::clone(&config.tls);
    let runtime = Runtime::connect(&config.runtime_endpoint);
    let node_name = config.node_name.clone();
    let configz = json!({ "kubeletconfig": config.document() });
    let token = tasks.token();
    let lookup = tokio::select! {
        pods = start(client, config, runtime.clone(), tasks.clone(), started) => Arc::new(pods),
        () = token.cancelled() => return Ok(()),
    };
    let server = Server { lookup, runtime, node_name, configz, tasks: tasks.child("server") };
    server::serve(Arc::new(server), listener, tls).await;
    Ok(())
}

async fn start(client: Client, config: Config, runtime: Runtime, tasks: Tasks, started: watch::Sender<bool>) -> Pods {
    let version = runtime_version(&runtime).await;
    let runtime_name = version.split("://").next().unwrap_or_default().to_owned();
    let recorder = Recorder::new(client.clone(), "kubelet", Some(&config.node_name), &tasks);
    let events = PodEvents::new(recorder);
    let clock = clock::system();

    let pressures = Pressures::default();
    let agent = Agent::new(Parts {
        client: client.clone(),
        config: config.clone(),
        runtime: runtime.clone(),
        runtime_version: version,
        events: events.clone(),
        clock: Arc::clone(&clock),
        pressures: pressures.clone(),
        started,
    });
    tasks.spawn_until_cancelled("node status", agent.report());
    let lease = lease::keep(client.clone(), config.node_name.clone(), Arc::clone(&clock));
    tasks.spawn_until_cancelled("node lease", lease);

    let informers = Informers::new(client.clone(), tasks.child("informers"));
    let services = informers.of::<Service>();
    informers.start();

    let host = Arc::new(host(&config));
    let pods: Arc<OnceLock<Pods>> = Arc::default();
    let told = Arc::clone(&pods);
    let objects = Objects::new(client.clone(), &tasks, move |uid| {
        if let Some(pods) = told.get() {
            pods.dirty(uid);
        }
    });
    let allocatable = host.allocatable;
    let tokens = Tokens::new(client.clone(), Arc::clone(&clock));
    let volumes = Volumes::new(&config.root_dir, objects.clone(), tokens, move || allocatable);
    let pods = pods.get_or_init(|| {
        Pods::new(Deps {
            client: client.clone(),
            runtime: runtime.clone(),
            runtime_name,
            host,
            node_ips: vec![config.node_ip.to_string()],
            events: events.clone(),
            status: Writer::new(client.clone(), &tasks),
            volumes,
            objects,
            services: services.clone(),
            pressures: pressures.clone(),
            ledger: Ledger::default(),
            clock,
            tasks: tasks.child("pods"),
        })
    });

    let evictor = Evictor {
        pods: pods.clone(),
        runtime: runtime.clone(),
        events,
        node_name: config.node_name.clone(),
        thresholds: config.eviction,
        pressures,
        root: config.root_dir.clone(),
        log_dir: config.log_dir.clone(),
    };
    tasks.spawn_until_cancelled("evictions", evictor.run());
    let changes = Changes::default();
    let (follow, followed) = (changes.clone(), runtime.clone());
    tasks.spawn_until_cancelled("runtime changes", async move { follow.follow(followed).await });
    let relist = pods.clone();
    tasks.spawn_until_cancelled("relist", async move { relist.relist(changes).await });
    let (logs, policy) = (pods.clone(), config.logs);
    tasks.spawn_until_cancelled("rotate logs", async move { logs.rotate_logs(policy).await });
    let follow = pods.clone();
    let api: Api<Pod> = Api::all(client);
    let selector = watcher::Config::default().fields(&format!("spec.nodeName={}", config.node_name));
    tasks.spawn_until_cancelled("watch pods", async move {
        // Pods started before the services are known would lack their variables.
        services.synced().await;
        follow.follow(watcher(api, selector).default_backoff()).await;
    });
    pods.clone()
}

/// Asks the runtime for its name and version until it answers.
async fn runtime_version(runtime: &Runtime) -> String {
    let mut retry = Backoff::new(RETRY.0, RETRY.1);
    loop {
        match runtime.version().await {
            Ok(version) => {
                return format!("{}://{}", version.runtime_name, version.runtime_version.trim_start_matches('v'));
            }
            Err(error) => {
                tracing::warn!(%error, "the runtime does not answer yet");
                tokio::time::sleep(retry.next()).await;
            }
        }
    }
}

fn host(config: &Config) -> Host {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let capacity = machine::capacity(&config.root_dir);
    Host {
        log_dir: config.log_dir.clone(),
        cgroup_root: config.cgroup_root.clone(),
        cluster_dns: config.cluster_dns.clone(),
        cluster_domain: config.cluster_domain.clone(),
        node_dns: dns::parse(&read(&config.resolv_conf)),
        node_hosts: read(Path::new("/etc/hosts")),
        seccomp_dir: config.root_dir.join("seccomp").display().to_string(),
        capacity,
        allocatable: object::allocatable(capacity),
        oom_floor: machine::oom_floor(),
        node_name: config.node_name.clone(),
    }
}
