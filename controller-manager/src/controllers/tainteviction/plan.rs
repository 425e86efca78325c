//! How long a pod may stay on a tainted node. Pure.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod, Taint};

use crate::controllers::shared::taints::{NO_EXECUTE, tolerates};

/// Returns how long a pod may stay, counted from when the taints were first seen; `None` when for ever.
pub fn stay(pod: &Pod, node: &Node) -> Option<Duration> {
    let taints: Vec<&Taint> = node
        .spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten())
        .filter(|taint| taint.effect == NO_EXECUTE)
        .collect();
    if taints.is_empty() {
        return None;
    }
    let tolerations = pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default();
    let mut shortest: Option<Duration> = None;
    for taint in taints {
        // The first that tolerates a taint is the one that counts for it.
        let Some(used) = tolerations.iter().find(|toleration| tolerates(toleration, taint)) else {
            return Some(Duration::ZERO);
        };
        if let Some(seconds) = used.toleration_seconds {
            let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
            shortest = Some(shortest.map_or(limit, |known| known.min(limit)));
        }
    }
    shortest
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{NodeSpec, PodSpec, Toleration};
    use proptest::prelude::*;

    use super::*;

    fn node(keys: &[u8]) -> Node {
        let taint = |key: &u8| Taint { key: key.to_string(), effect: NO_EXECUTE.to_owned(), ..Taint::default() };
        Node {
            spec: Some(NodeSpec { taints: Some(keys.iter().map(taint).collect()), ..NodeSpec::default() }),
            ..Node::default()
        }
    }

    fn pod(tolerations: &[(u8, Option<i64>)]) -> Pod {
        let toleration = |(key, seconds): &(u8, Option<i64>)| Toleration {
            key: Some(key.to_string()),
            operator: Some("Exists".to_owned()),
            toleration_seconds: *seconds,
            ..Toleration::default()
        };
        let tolerations = Some(tolerations.iter().map(toleration).collect());
        Pod { spec: Some(PodSpec { tolerations, ..PodSpec::default() }), ..Pod::default() }
    }

    proptest! {
        #[test]
        fn a_pod_stays_as_long_as_every_taint_is_tolerated(
            taints in prop::collection::vec(0..4_u8, 0..4),
            tolerations in prop::collection::btree_map(0..4_u8, prop::option::of(-5..100_i64), 0..4),
        ) {
            let given: Vec<_> = tolerations.iter().map(|(key, seconds)| (*key, *seconds)).collect();
            let result = stay(&pod(&given), &node(&taints));
            if taints.iter().any(|key| !tolerations.contains_key(key)) {
                prop_assert_eq!(result, Some(Duration::ZERO));
            } else {
                let limits = taints.iter().filter_map(|key| tolerations[key]);
                prop_assert_eq!(result.map(|d| d.as_secs()), limits.min().map(|s| u64::try_from(s).unwrap_or(0)));
            }
        }
    }
}
