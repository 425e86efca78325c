//! The node's API object. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ContainerImage, DaemonEndpoint, Node, NodeAddress, NodeDaemonEndpoints, NodeSpec, NodeStatus, NodeSystemInfo, Taint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ObjectMeta;

use super::machine;
use crate::config::Config;
use crate::resources::{Amounts, List};

/// Most images in the status.
const MAX_IMAGES: usize = 50;
/// Most names of an image.
const MAX_NAMES: usize = 5;
/// Memory that pods may not have, so that the node can go on, in bytes; upstream's hard eviction threshold.
const MEMORY_RESERVE: i64 = 100 << 20;

/// What pods may have of the node's capacity.
pub fn allocatable(capacity: Amounts) -> Amounts {
    Amounts {
        cpu: capacity.cpu,
        memory: (capacity.memory - MEMORY_RESERVE).max(0),
        // Upstream keeps a tenth of the disk free.
        storage: capacity.storage / 10 * 9,
    }
}

fn list(amounts: Amounts, pods: u32, hugepages: &[(String, i64)]) -> List {
    let cpu = if amounts.cpu % 1000 == 0 { (amounts.cpu / 1000).to_string() } else { format!("{}m", amounts.cpu) };
    let kib =
        |bytes: i64| if bytes % 1024 == 0 && bytes != 0 { format!("{}Ki", bytes / 1024) } else { bytes.to_string() };
    let mut out = List::from([
        ("cpu".to_owned(), Quantity(cpu)),
        ("memory".to_owned(), Quantity(kib(amounts.memory))),
        ("ephemeral-storage".to_owned(), Quantity(kib(amounts.storage))),
        ("pods".to_owned(), Quantity(pods.to_string())),
    ]);
    out.extend(hugepages.iter().map(|(name, bytes)| (name.clone(), Quantity(kib(*bytes)))));
    out
}

/// Well-known labels, and those that were configured.
pub fn labels(config: &Config) -> BTreeMap<String, String> {
    let arch = machine::architecture();
    let mut out = BTreeMap::from([
        ("kubernetes.io/hostname".to_owned(), config.node_name.clone()),
        ("kubernetes.io/os".to_owned(), "linux".to_owned()),
        ("kubernetes.io/arch".to_owned(), arch.to_owned()),
        ("beta.kubernetes.io/os".to_owned(), "linux".to_owned()),
        ("beta.kubernetes.io/arch".to_owned(), arch.to_owned()),
    ]);
    out.extend(config.labels.clone());
    out
}

/// The object to register, without status.
pub fn registration(config: &Config) -> Node {
    let taints: Vec<Taint> = config
        .taints
        .iter()
        .map(|(key, value, effect)| Taint {
            key: key.clone(),
            value: (!value.is_empty()).then(|| value.clone()),
            effect: effect.clone(),
            ..Taint::default()
        })
        .collect();
    let annotation = ("volumes.kubernetes.io/controller-managed-attach-detach".to_owned(), "true".to_owned());
    Node {
        metadata: ObjectMeta {
            name: Some(config.node_name.clone()),
            labels: Some(labels(config)),
            annotations: Some(BTreeMap::from([annotation])),
            ..ObjectMeta::default()
        },
        spec: Some(NodeSpec { taints: (!taints.is_empty()).then_some(taints), ..NodeSpec::default() }),
        status: None,
    }
}

/// Facts for the status that change seldom.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the machine has.
    pub capacity: Amounts,
    /// Huge pages, by resource name, in bytes.
    pub hugepages: Vec<(String, i64)>,
    /// Identity and versions.
    pub info: NodeSystemInfo,
    /// Images on the node.
    pub images: Vec<ContainerImage>,
}

/// The status, without conditions; fields that others write stay as `known` has them.
pub fn status(config: &Config, facts: &Facts, known: &NodeStatus) -> NodeStatus {
    let address = |type_: &str, address: String| NodeAddress { type_: type_.to_owned(), address };
    NodeStatus {
        addresses: Some(vec![
            address("InternalIP", config.node_ip.to_string()),
            address("Hostname", config.node_name.clone()),
        ]),
        capacity: Some(list(facts.capacity, config.max_pods, &facts.hugepages)),
        allocatable: Some(list(allocatable(facts.capacity), config.max_pods, &facts.hugepages)),
        daemon_endpoints: Some(NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint { port: i32::from(config.port) }),
        }),
        node_info: Some(facts.info.clone()),
        images: Some(facts.images.clone()),
        ..known.clone()
    }
}

/// Images for the status, largest first.
pub fn images(found: Vec<corvette_proto::cri::Image>) -> Vec<ContainerImage> {
    let mut images: Vec<ContainerImage> = found
        .into_iter()
        .filter(|image| !image.repo_tags.is_empty() || !image.repo_digests.is_empty())
        .map(|image| {
            let names = image.repo_digests.into_iter().chain(image.repo_tags).take(MAX_NAMES);
            ContainerImage {
                names: Some(names.collect()),
                size_bytes: Some(i64::try_from(image.size).unwrap_or(i64::MAX)),
            }
        })
        .collect();
    images.sort_by(|a, b| b.size_bytes.cmp(&a.size_bytes).then_with(|| a.names.cmp(&b.names)));
    images.truncate(MAX_IMAGES);
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_in_their_usual_units() {
        let list = list(Amounts { cpu: 2000, memory: 4 << 30, storage: 1025 }, 110, &[("hugepages-2Mi".into(), 0)]);
        let text = |name: &str| list[name].0.as_str();
        assert_eq!(
            (text("cpu"), text("memory"), text("ephemeral-storage"), text("pods"), text("hugepages-2Mi")),
            ("2", "4194304Ki", "1025", "110", "0")
        );
    }
}
