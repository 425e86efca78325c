//! Cluster DNS as a process runs it, and the Service by which pods find it.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use corvette_client::k8s_openapi::api::core::v1::{Node, Service};
use corvette_client::k8s_openapi::api::discovery::v1::EndpointSlice;
use corvette_client::kube::api::{Api, Patch, PatchParams, PostParams};
use corvette_client::kube::{Client, Error};
use corvette_component::network::Network;
use corvette_component::tasks::Tasks;
use corvette_dns::Config;
use serde_json::{Value, json};

/// Port on the node's address. Not 53: another name server may have that.
pub const PORT: u16 = 10053;
/// The Service's name, by which tools look for it, whoever serves.
const NAME: &str = "kube-dns";
/// Its namespace.
const NAMESPACE: &str = "kube-system";
/// How long the API may take for one call.
const WITHIN: Duration = Duration::from_secs(10);

/// Listens and serves; questions about names outside the cluster go where `resolv_conf` says. Gives the address it listens on.
pub async fn start(
    client: Client,
    listen: SocketAddr,
    clients: Vec<Network>,
    resolv_conf: &Path,
    tasks: &Tasks,
) -> Result<SocketAddr> {
    let mut config = Config::new(listen);
    config.clients.extend(clients);
    match std::fs::read_to_string(resolv_conf) {
        Ok(text) => config.upstreams = corvette_dns::upstreams(&text, listen),
        Err(error) => tracing::warn!(path = %resolv_conf.display(), %error, "no servers for names outside the cluster"),
    }
    let sockets = corvette_dns::listen(&config).await.context("cluster DNS")?;
    let address = sockets.local_addr();
    tasks.spawn("dns", corvette_dns::run(client, sockets, config, tasks.child("dns")));
    Ok(address)
}

/// Makes the Service at its address lead to this node's server. What somebody else made of the Service stays; the slice is this
/// node's, and goes with its Node.
pub async fn publish(client: Client, node: &str, service_ip: IpAddr, at: SocketAddr) -> Result<()> {
    let services = Api::<Service>::namespaced(client.clone(), NAMESPACE);
    match timely(services.create(&PostParams::default(), &service(service_ip)?)).await? {
        Ok(_) => {}
        Err(error) if is(&error, 409) => {}
        Err(error) => return Err(error).context("cannot make the Service of cluster DNS"),
    }
    let owner = timely(Api::<Node>::all(client.clone()).get(node)).await??;
    let object = slice(node, owner.metadata.uid.as_deref().unwrap_or_default(), at);
    let slices = Api::<EndpointSlice>::namespaced(client, NAMESPACE);
    match timely(slices.create(&PostParams::default(), &serde_json::from_value(object.clone())?)).await? {
        Err(error) if is(&error, 409) => {
            let patch = Patch::Merge(object);
            timely(slices.patch(&slice_name(node), &PatchParams::default(), &patch)).await?.map(drop)
        }
        made => made.map(drop),
    }
    .context("cannot make the endpoint of cluster DNS")
}

async fn timely<T>(call: impl Future<Output = Result<T, Error>>) -> Result<Result<T, Error>> {
    match tokio::time::timeout(WITHIN, call).await {
        Ok(answer) => Ok(answer),
        Err(_) => bail!("the API server did not answer within {WITHIN:?}"),
    }
}

fn is(error: &Error, code: u16) -> bool {
    matches!(error, Error::Api(status) if status.code == code)
}

/// As kubeadm's, but without a selector: no pod serves it.
fn service(ip: IpAddr) -> Result<Service> {
    let labels = json!({
        "k8s-app": NAME, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"
    });
    let port = |name: &str, protocol: &str| json!({"name": name, "port": 53, "protocol": protocol, "targetPort": PORT});
    Ok(serde_json::from_value(json!({
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {"clusterIP": ip, "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")]}
    }))?)
}

fn slice_name(node: &str) -> String {
    format!("{NAME}-{node}")
}

fn slice(node: &str, uid: &str, at: SocketAddr) -> Value {
    let port = |name: &str, protocol: &str| json!({"name": name, "port": at.port(), "protocol": protocol});
    json!({
        "metadata": {
            "name": slice_name(node), "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": NAME, "endpointslice.kubernetes.io/managed-by": "dns.corvette"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid}]
        },
        "addressType": if at.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{
            "addresses": [at.ip()], "nodeName": node,
            "conditions": {"ready": true, "serving": true, "terminating": false}
        }],
        "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")]
    })
}
