//! Lets a pod wait for its volumes, and puts it where they can be reached.
//!
//! Follows `pkg/scheduler/framework/plugins/volumebinding @ v1.36` for claims that are bound or that something else binds.

use super::plugin::{ClusterEvent, Overview, Plugin, Rejection};
use crate::model::{ClaimRef, NodeTerms, PodInfo};
use crate::snapshot::{NodeView, Snapshot};

/// `VolumeBinding`.
pub struct VolumeBinding;

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn concerns(&self, pod: &PodInfo) -> bool {
        !pod.claims.is_empty()
    }

    fn survey<'a>(&self, pod: &'a PodInfo, cluster: &'a Snapshot) -> Result<Option<Box<dyn Overview + 'a>>, String> {
        let around = cluster.around();
        let mut volumes = Volumes { reachable: Vec::new(), delayed: false };
        for ClaimRef { name, is_ephemeral } in &pod.claims {
            let Some(claim) = around.claims.get(&(pod.key.namespace.clone(), name.clone())) else {
                return Err(match is_ephemeral {
                    true => {
                        format!("waiting for ephemeral volume controller to create the persistentvolumeclaim {name:?}")
                    }
                    false => format!("persistentvolumeclaim {name:?} not found"),
                });
            };
            if claim.is_lost {
                let volume = claim.volume.as_deref().unwrap_or_default();
                return Err(format!(
                    "persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"
                ));
            }
            if claim.is_deleted {
                return Err(format!("persistentvolumeclaim {name:?} is being deleted"));
            }
            match &claim.volume {
                Some(volume) => volumes.reachable.extend(around.volumes.get(volume).and_then(Option::as_ref)),
                None if claim.class.as_ref().is_some_and(|class| around.delayed_classes.contains(class)) => {
                    volumes.delayed = true;
                }
                None => return Err("pod has unbound immediate PersistentVolumeClaims".to_owned()),
            }
        }
        Ok(Some(Box::new(volumes)))
    }

    fn helped_by(&self, event: ClusterEvent) -> bool {
        matches!(event, ClusterEvent::Node | ClusterEvent::Volume)
    }
}

struct Volumes<'a> {
    /// Where the bound volumes can be reached.
    reachable: Vec<&'a NodeTerms>,
    /// Whether a claim waits for its first pod, for which nothing has prepared a volume.
    delayed: bool,
}

impl Overview for Volumes<'_> {
    fn filter(&self, node: &NodeView<'_>) -> Option<Rejection> {
        if !self.reachable.iter().all(|terms| terms.matches(&node.info.name, &node.info.labels)) {
            return Some(Rejection::fixed("node(s) didn't match PersistentVolume's node affinity"));
        }
        self.delayed.then(|| Rejection::fixed("node(s) didn't find available persistent volumes to bind"))
    }
}
