//! A whole cluster in one process: what is started in which order, and what it is told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use corvette_apiserver::{ApiServer, UserInfo};
use corvette_client::leader;
use corvette_component::network::Network;
use corvette_component::reload;
use corvette_component::tasks::Tasks;
use corvette_runtime::{containerd, image};

use crate::apiserver::{self, Certificates, Storage};
use crate::commands::up::Flags;
use crate::identity::{Identity, Subjects, node_user};
use crate::instance::Instance;
use crate::layout::Layout;
use crate::progress::Progress;
use crate::{dns, machine, node, plane};

/// Addresses of pods; this node's part of them.
pub const POD_CIDR: &str = "10.244.0.0/24";
/// All addresses of pods, for what must not be taken for the node's own.
pub const CLUSTER_CIDR: Network = Network { address: IpAddr::V4(Ipv4Addr::new(10, 244, 0, 0)), prefix: 16 };
/// Which of the services' addresses is cluster DNS', from 0: `10.96.0.10`, as kubeadm's.
const DNS_INDEX: u32 = 9;
/// Issuer of service account tokens, as kubeadm names it.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// A running cluster.
pub struct Cluster {
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    _instance: Instance,
}

impl Cluster {
    /// Starts everything and waits until the node is ready.
    pub async fn start(flags: &Flags, layout: &Layout, tasks: &Tasks, progress: &mut Progress) -> Result<Self> {
        let runtime = containerd::Config::new(layout.root(), POD_CIDR)?;
        let instance = Instance::of(layout)?;
        let address = SocketAddr::new(flags.bind_address, flags.secure_port);
        let listener = apiserver::listen(address).await?;
        let storage = flags.storage(layout)?;
        let store = storage.open(tasks).await?;
        progress.done("store", &storage.to_string());

        let node_name = flags.node_name.clone().unwrap_or_else(machine::hostname);
        let node_ip = flags.node_ip.unwrap_or_else(|| machine::node_address(CLUSTER_CIDR));
        let config = corvette_apiserver::Config::new(store, node_ip, flags.secure_port);
        let dns_ip = config.service_cidr.nth(DNS_INDEX);
        let subjects = Subjects {
            node: node_name.clone(),
            node_ip,
            api_names: Vec::new(),
            api_ips: machine::addresses().into_iter().chain([node_ip, config.service_cidr.nth(0)]).collect(),
            server: format!("https://{}", reachable(address)),
        };
        let admin = flags.write_kubeconfig.as_ref();
        let identity = Identity::load_or_create(layout, &subjects, admin)?;
        progress.done("certificates", &layout.pki().display().to_string());

        let certificates = Certificates {
            serving: identity.api_server.clone(),
            client_ca: Some(identity.ca.clone()),
            kubelet: Some((identity.kubelet_client.clone(), identity.ca.clone())),
            service_accounts: Some((ISSUER.to_owned(), identity.service_accounts.clone())),
        };
        let api = apiserver::start(listener, config, &certificates, tasks).await?;
        progress.done("api server", &subjects.server);

        control_plane(&api, &node_name, &identity, tasks);
        progress.done("control plane", "controllers and scheduler");

        let client = corvette_client::in_process(api.local(UserInfo::new("system:kube-proxy", &[])), "kube-proxy");
        let config = corvette_proxy::Config {
            node_name: node_name.clone(),
            cluster: vec![CLUSTER_CIDR],
            masquerade_egress: true,
        };
        plane::proxy(client, config, tasks).await?;
        progress.done("service proxy", "nftables");
        let client = corvette_client::in_process(api.local(UserInfo::new("system:kube-dns", &[])), "kube-dns");
        let clients = subjects.api_ips.iter().copied().map(Network::of).chain([CLUSTER_CIDR]).collect();
        let dns_at = SocketAddr::new(node_ip, dns::PORT);
        let dns_at = dns::start(client, dns_at, clients, Path::new("/etc/resolv.conf"), tasks).await?;
        progress.done("cluster DNS", &dns_at.to_string());

        let runtime = start_runtime(flags, runtime, tasks).await?;
        progress.done("runtime", &runtime.described);
        for file in &flags.images {
            let names = image::load(&runtime.socket, file).await?;
            progress.done("image", &names.join(", "));
        }
        let user = UserInfo::new(&node_user(&node_name), &["system:nodes"]);
        let client = corvette_client::in_process(api.local(user), "kubelet");
        let tls = reload::server_config(&identity.kubelet_server, Some(&identity.ca_pem), tasks).context("kubelet")?;
        let mut config = corvette_kubelet::Config::new(&node_name, node_ip, layout.kubelet(), runtime.socket, tls);
        config.log_dir = layout.pod_logs();
        config.cluster_dns = vec![dns_ip.to_string()];
        node::start(client, config, tasks).until_ready().await?;
        let admin_client =
            corvette_client::in_process(api.local(UserInfo::new("system:apiserver", &["system:masters"])), "kube-dns");
        dns::publish(admin_client, &node_name, dns_ip, dns_at).await?;
        progress.done("node", &format!("{node_name} at {node_ip} is ready"));
        let kubeconfig = admin.cloned().unwrap_or_else(|| layout.kubeconfig("admin"));
        Identity::keep(layout.clone(), subjects, admin.cloned(), tasks);
        Ok(Self { kubeconfig, _instance: instance })
    }
}

impl Flags {
    fn storage(&self, layout: &Layout) -> Result<Storage> {
        Ok(self.etcd.options()?.map_or_else(|| Storage::Embedded(layout.database()), Storage::Etcd))
    }
}

/// A CRI runtime that runs.
struct Runtime {
    socket: PathBuf,
    described: String,
}

/// Controllers and scheduler, each as itself and as leader among all servers of the store.
fn control_plane(api: &ApiServer, node: &str, identity: &Identity, tasks: &Tasks) {
    let part = |component: &str| {
        // The same after a restart, so that the new process leads at once instead of waiting for its own lease to run out.
        let holder = format!("{node}_{component}");
        let user = UserInfo::new(&format!("system:{component}"), &[]);
        let client = corvette_client::in_process(api.local(user), component);
        (client, Some(leader::Config::new("kube-system", component, holder)))
    };
    let (client, election) = part("kube-controller-manager");
    let config = corvette_controller_manager::Config {
        election,
        root_ca_pem: Some(identity.ca_pem.clone()),
        ..corvette_controller_manager::Config::default()
    };
    plane::controllers(client, config, tasks);
    let (client, election) = part("kube-scheduler");
    plane::scheduler(client, corvette_scheduler::Config { election, ..corvette_scheduler::Config::default() }, tasks);
}

async fn start_runtime(flags: &Flags, config: containerd::Config, tasks: &Tasks) -> Result<Runtime> {
    if let Some(endpoint) = &flags.container_runtime_endpoint {
        let socket = node::socket(endpoint);
        return Ok(Runtime { described: socket.display().to_string(), socket });
    }
    let handle = containerd::start(config, tasks).await?;
    Ok(Runtime { described: described(&handle), socket: handle.socket })
}

/// What a person wants to know of a runtime.
pub fn described(handle: &containerd::Handle) -> String {
    format!("{} {}", handle.version, if handle.adopted { "adopted" } else { "started" })
}

/// Loads an image archive into the running cluster of this directory.
pub async fn load_image(layout: &Layout, file: &Path) -> Result<Vec<String>> {
    let config = containerd::Config::new(layout.root(), POD_CIDR)?;
    Ok(image::load(&config.socket, file).await?)
}

/// Removes pods, mounts, namespaces, interfaces and rules.
pub async fn clean(layout: &Layout) -> Result<()> {
    containerd::clean(&containerd::Config::new(layout.root(), POD_CIDR)?).await?;
    corvette_proxy::clean().await.context("rules of services")?;
    node::clean(layout).await
}

/// The address clients on this machine use.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
