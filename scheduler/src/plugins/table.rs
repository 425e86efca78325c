//! The table of plugins, in the order their filters run: cheap and decisive ones first.

use super::inter_pod_affinity::InterPodAffinity;
use super::node_affinity::NodeAffinity;
use super::node_name::NodeName;
use super::node_ports::NodePorts;
use super::node_resources_balanced::NodeResourcesBalancedAllocation;
use super::node_resources_fit::NodeResourcesFit;
use super::node_unschedulable::NodeUnschedulable;
use super::plugin::Plugin;
use super::pod_topology_spread::PodTopologySpread;
use super::taint_toleration::TaintToleration;
use super::volume_binding::VolumeBinding;

/// Every plugin; order of filters and weights are upstream's defaults (`apis/config/v1/default_plugins.go`).
pub const PLUGINS: &[&dyn Plugin] = &[
    &NodeUnschedulable,
    &NodeName,
    &TaintToleration,
    &NodeAffinity,
    &NodePorts,
    &NodeResourcesFit,
    &VolumeBinding,
    &PodTopologySpread,
    &InterPodAffinity,
    &NodeResourcesBalancedAllocation,
];
