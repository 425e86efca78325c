//! A whole cluster in one process: what is started in which order, and what it is told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use corvette_apiserver::tokens::Issuer;
use corvette_apiserver::{ApiServer, UserInfo};
use corvette_client::kube::Client;
use corvette_component::tasks::Tasks;
use corvette_component::tls;
use corvette_runtime::{containerd, image};
use corvette_store::Store;
use corvette_store::etcd::Etcd;
use corvette_store::sqlite::Sqlite;
use tokio::net::TcpListener;

use crate::commands::up::Flags;
use crate::identity::{ADMIN, Identity};
use crate::instance::Instance;
use crate::layout::Layout;
use crate::progress::Progress;
use crate::{kubeconfig, machine, node};

/// How long everything may take to stop.
pub const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// Addresses of pods; this node's part of them.
const POD_CIDR: &str = "10.244.0.0/24";
/// All addresses of pods, for what must not be taken for the node's own.
pub const CLUSTER_CIDR: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 244, 0, 0), 16);
/// Address of the service `default/kubernetes`.
const SERVICE_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1));

/// Issuer of service account tokens, as kubeadm names it.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// A running cluster.
pub struct Cluster {
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    _instance: Instance,
}

/// What starting the components needs to know of the machine.
pub struct Machine {
    /// Name of the node.
    pub node: String,
    /// Its address.
    pub ip: IpAddr,
}

impl Cluster {
    /// Starts everything and waits until the node is ready.
    pub async fn start(flags: &Flags, layout: &Layout, tasks: &Tasks, progress: &mut Progress) -> Result<Self> {
        std::fs::create_dir_all(layout.root()).with_context(|| format!("cannot create {}", layout.root().display()))?;
        let instance = Instance::acquire(&layout.lock())?;
        let address = SocketAddr::new(flags.bind_address, flags.secure_port);
        let listener = TcpListener::bind(address).await.with_context(|| taken(address))?;
        let machine = Machine {
            node: flags.node_name.clone().unwrap_or_else(machine::hostname),
            ip: flags.node_ip.unwrap_or_else(|| machine::node_address(CLUSTER_CIDR)),
        };
        let store = open_store(flags, layout, tasks).await?;
        progress.done("store", &store_name(flags, layout));

        let identity = Identity::load_or_create(layout, &machine.node, machine.ip, &machine::addresses(), SERVICE_IP)?;
        progress.done("certificates", &layout.pki().display().to_string());

        let mut config = corvette_apiserver::Config::new(store, machine.ip, flags.secure_port);
        config.kubelet_tls = Some(tls::client_config(&identity.ca_pem, &Some(identity.kubelet_client.clone()))?);
        config.issuer = Some(Arc::new(Issuer::new(ISSUER, &identity.service_accounts)));
        let api = ApiServer::new(config, tasks).await.context("API server")?;
        serve(&api, listener, &identity, tasks)?;
        let server = format!("https://{}", reachable(address));
        let kubeconfig = flags.write_kubeconfig.clone().unwrap_or_else(|| layout.kubeconfig());
        kubeconfig::write(&kubeconfig, &server, &identity.ca_pem, ADMIN, &identity.admin)?;
        progress.done("api server", &server);

        control_plane(&api, &machine, &identity, tasks);
        progress.done("control plane", "controllers and scheduler");

        let runtime = start_runtime(flags, layout, tasks).await?;
        progress.done("runtime", &runtime.described);
        for file in &flags.images {
            let names = image::load(&runtime.socket, file).await?;
            progress.done("image", &names.join(", "));
        }
        let client = local(&api, &format!("system:node:{}", machine.node), "kubelet");
        node::start(client.clone(), layout, &machine, &identity, &runtime.socket, tasks);
        node::until_ready(&client, &machine.node).await?;
        progress.done("node", &format!("{} at {} is ready", machine.node, machine.ip));
        Ok(Self { kubeconfig, _instance: instance })
    }
}

/// A CRI runtime that runs.
struct Runtime {
    socket: PathBuf,
    described: String,
}

async fn open_store(flags: &Flags, layout: &Layout, tasks: &Tasks) -> Result<Arc<dyn Store>> {
    if !flags.etcd_servers.is_empty() {
        let etcd = Etcd::connect(corvette_store::etcd::Options::new(flags.etcd_servers.clone()), tasks).await;
        return Ok(Arc::new(etcd.with_context(|| format!("etcd at {}", flags.etcd_servers.join(",")))?));
    }
    let path = layout.database();
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    }
    let store = Sqlite::open(&path, corvette_store::sqlite::Options::default(), tasks).await;
    Ok(Arc::new(store.with_context(|| format!("store {}", path.display()))?))
}

fn store_name(flags: &Flags, layout: &Layout) -> String {
    match flags.etcd_servers.is_empty() {
        true => layout.database().display().to_string(),
        false => format!("etcd at {}", flags.etcd_servers.join(",")),
    }
}

fn serve(api: &ApiServer, listener: TcpListener, identity: &Identity, tasks: &Tasks) -> Result<()> {
    let tls = tls::server_config(&identity.api_server, Some(&identity.ca_pem))?;
    let api = api.clone();
    tasks.spawn("serve", async move { api.serve(listener, tls).await });
    Ok(())
}

/// Controllers and scheduler, each as itself and as leader among all servers of the store.
fn control_plane(api: &ApiServer, machine: &Machine, identity: &Identity, tasks: &Tasks) {
    // The same after a restart, so that the new process leads at once instead of waiting for its own lease to run out.
    let holder = |component: &str| Some(format!("{}_{component}", machine.node));
    let client = local(api, "system:kube-controller-manager", "kube-controller-manager");
    let config = corvette_controller_manager::Config {
        leader_identity: holder("controller-manager"),
        root_ca_pem: Some(identity.ca_pem.clone()),
        ..corvette_controller_manager::Config::default()
    };
    let (scope, whole) = (tasks.child("controller-manager"), tasks.clone());
    tasks.spawn("controller-manager", async move {
        if let Err(error) = corvette_controller_manager::run(client, config, scope).await {
            whole.fail(format!("controller manager: {error}"));
        }
    });
    let client = local(api, "system:kube-scheduler", "kube-scheduler");
    let config =
        corvette_scheduler::Config { leader_identity: holder("scheduler"), ..corvette_scheduler::Config::default() };
    tasks.spawn("scheduler", corvette_scheduler::run(client, config, tasks.child("scheduler")));
}

/// A client of the API server in this process, as `user`.
fn local(api: &ApiServer, user: &str, agent: &str) -> Client {
    let service = api.local(UserInfo::new(user, &[corvette_apiserver::user::SYSTEM_MASTERS]));
    corvette_client::in_process(service, agent)
}

async fn start_runtime(flags: &Flags, layout: &Layout, tasks: &Tasks) -> Result<Runtime> {
    if let Some(endpoint) = &flags.container_runtime_endpoint {
        let socket = PathBuf::from(endpoint.strip_prefix("unix://").unwrap_or(endpoint));
        return Ok(Runtime { described: socket.display().to_string(), socket });
    }
    let config = containerd::Config::new(layout.root(), POD_CIDR)?;
    let handle = containerd::start(config, tasks).await?;
    let how = if handle.adopted { "adopted" } else { "started" };
    Ok(Runtime { described: format!("{} {how}", handle.version), socket: handle.socket })
}

/// Loads an image archive into the running cluster of this directory.
pub async fn load_image(layout: &Layout, file: &Path) -> Result<Vec<String>> {
    let config = containerd::Config::new(layout.root(), POD_CIDR)?;
    Ok(image::load(&config.socket, file).await?)
}

/// Removes pods, mounts, namespaces, interfaces and rules.
pub async fn clean(layout: &Layout) -> Result<()> {
    containerd::clean(&containerd::Config::new(layout.root(), POD_CIDR)?).await?;
    node::clean(layout)
}

/// The address clients on this machine use.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn taken(address: SocketAddr) -> String {
    format!("cannot listen on {address}; is another cluster running? Choose another --secure-port or stop it")
}
