//! What to write about a node. Pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::controllers::shared::taints::{NO_EXECUTE, NO_SCHEDULE, NOT_READY, UNREACHABLE};

const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Conditions that become Unknown when a node falls silent.
const REPORTED: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// Conditions other than `Ready` that keep new pods away: type, value, taint.
const PRESSURES: [(&str, &str, &str); 4] = [
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

/// Whether pods of a node that is not ready are to be evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eviction {
    /// Some other node works: evict.
    Allowed,
    /// Leave the NoExecute taints as they are for now: others were tainted just before.
    Limited,
    /// No node works: take the taints away.
    Suspended,
}

/// Returns a condition of a node.
pub fn condition<'a>(node: &'a Node, kind: &str) -> Option<&'a NodeCondition> {
    node.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == kind)
}

/// Returns the value of a node's `Ready` condition, `Unknown` when it has none.
pub fn readiness(node: &Node) -> &str {
    condition(node, "Ready").map_or("Unknown", |ready| ready.status.as_str())
}

/// Returns the conditions of a node that has been silent for too long; `None` when they say so already.
pub fn silence(node: &Node, now: Timestamp) -> Option<Vec<NodeCondition>> {
    let mut conditions = node.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    let mut changed = false;
    for kind in REPORTED {
        match conditions.iter_mut().find(|condition| condition.type_ == kind) {
            None => conditions.push(NodeCondition {
                type_: kind.to_owned(),
                status: "Unknown".to_owned(),
                reason: Some("NodeStatusNeverUpdated".to_owned()),
                message: Some("Kubelet never posted node status.".to_owned()),
                last_heartbeat_time: node.metadata.creation_timestamp.clone(),
                last_transition_time: Some(Time(now)),
            }),
            Some(condition) if condition.status != "Unknown" => {
                condition.status = "Unknown".to_owned();
                condition.reason = Some("NodeStatusUnknown".to_owned());
                condition.message = Some("Kubelet stopped posting node status.".to_owned());
                condition.last_transition_time = Some(Time(now));
            }
            Some(_) => continue,
        }
        changed = true;
    }
    changed.then_some(conditions)
}

/// Returns the taints that follow from a node's conditions; `None` when it has just these.
pub fn taints(node: &Node, eviction: Eviction, now: Timestamp) -> Option<Vec<Taint>> {
    let current = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
    let ready = condition(node, "Ready").map(|ready| ready.status.as_str());
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    let silent = match ready {
        Some("False") => Some(NOT_READY),
        Some("Unknown") => Some(UNREACHABLE),
        _ => None,
    };
    wanted.extend(silent.map(|key| (key, NO_SCHEDULE)));
    let pressures =
        PRESSURES.iter().filter(|(kind, value, _)| condition(node, kind).is_some_and(|c| c.status == *value));
    wanted.extend(pressures.map(|(_, _, key)| (*key, NO_SCHEDULE)));
    if node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or_default() {
        wanted.push((UNSCHEDULABLE, NO_SCHEDULE));
    }
    match eviction {
        Eviction::Allowed => wanted.extend(silent.map(|key| (key, NO_EXECUTE))),
        // One that is there stays while its cause lasts, or takes the place of its sibling.
        Eviction::Limited => {
            let evicting = current.iter().any(|taint| taint.effect == NO_EXECUTE && is_silence(&taint.key));
            wanted.extend(silent.filter(|_| evicting).map(|key| (key, NO_EXECUTE)));
        }
        Eviction::Suspended => {}
    }
    let mut next: Vec<Taint> = current
        .iter()
        .filter(|taint| !is_ours(taint) || wanted.contains(&(&taint.key, &taint.effect)))
        .cloned()
        .collect();
    for (key, effect) in wanted {
        if !next.iter().any(|taint| taint.key == key && taint.effect == effect) {
            let time_added = Some(Time(now));
            next.push(Taint { key: key.to_owned(), effect: effect.to_owned(), value: None, time_added });
        }
    }
    (next != current).then_some(next)
}

/// Says whether a taint about silence would have to be added to evict pods.
pub fn wants_eviction(node: &Node) -> bool {
    let current = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let evicting = current.iter().any(|taint| taint.effect == NO_EXECUTE && is_silence(&taint.key));
    condition(node, "Ready").is_some_and(|ready| ready.status != "True") && !evicting
}

fn is_silence(key: &str) -> bool {
    key == NOT_READY || key == UNREACHABLE
}

/// Says whether this controller may remove a taint.
fn is_ours(taint: &Taint) -> bool {
    let kept_away =
        is_silence(&taint.key) || taint.key == UNSCHEDULABLE || PRESSURES.iter().any(|(_, _, key)| *key == taint.key);
    (taint.effect == NO_SCHEDULE && kept_away) || (taint.effect == NO_EXECUTE && is_silence(&taint.key))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{NodeSpec, NodeStatus};
    use proptest::prelude::*;

    use super::*;
    use crate::controllers::shared::testing::at;

    fn node(ready: Option<&str>, taints: Vec<Taint>, unschedulable: bool) -> Node {
        let conditions = ready.map(|status| {
            vec![NodeCondition { type_: "Ready".to_owned(), status: status.to_owned(), ..NodeCondition::default() }]
        });
        Node {
            spec: Some(NodeSpec { taints: Some(taints), unschedulable: Some(unschedulable), ..NodeSpec::default() }),
            status: Some(NodeStatus { conditions, ..NodeStatus::default() }),
            ..Node::default()
        }
    }

    fn keys(taints: &[Taint]) -> Vec<(&str, &str)> {
        taints.iter().map(|taint| (taint.key.as_str(), taint.effect.as_str())).collect()
    }

    #[test]
    fn a_silent_node_becomes_unknown_once() {
        let mut silent = node(Some("True"), Vec::new(), false);
        let conditions = silence(&silent, at(50)).unwrap();
        assert_eq!(conditions.len(), 4);
        assert_eq!(conditions[0].reason.as_deref(), Some("NodeStatusUnknown"));
        assert_eq!(conditions[0].message.as_deref(), Some("Kubelet stopped posting node status."));
        assert_eq!(conditions[1].reason.as_deref(), Some("NodeStatusNeverUpdated"));
        silent.status.as_mut().unwrap().conditions = Some(conditions);
        assert_eq!(silence(&silent, at(60)), None);
    }

    #[test]
    fn taints_follow_readiness() {
        let foreign = Taint { key: "mine".to_owned(), effect: NO_EXECUTE.to_owned(), ..Taint::default() };
        let unknown = node(Some("Unknown"), vec![foreign.clone()], true);
        let tainted = taints(&unknown, Eviction::Allowed, at(1)).unwrap();
        let expected =
            [("mine", NO_EXECUTE), (UNREACHABLE, NO_SCHEDULE), (UNSCHEDULABLE, NO_SCHEDULE), (UNREACHABLE, NO_EXECUTE)];
        assert_eq!(keys(&tainted), expected);
        let not_ready = node(Some("False"), tainted.clone(), false);
        let swapped = taints(&not_ready, Eviction::Limited, at(2)).unwrap();
        assert_eq!(keys(&swapped), [("mine", NO_EXECUTE), (NOT_READY, NO_SCHEDULE), (NOT_READY, NO_EXECUTE)]);
        let suspended = taints(&node(Some("False"), swapped, false), Eviction::Suspended, at(3)).unwrap();
        assert_eq!(keys(&suspended), [("mine", NO_EXECUTE), (NOT_READY, NO_SCHEDULE)]);
        assert_eq!(taints(&node(Some("True"), suspended, false), Eviction::Allowed, at(4)), Some(vec![foreign]));
    }

    proptest! {
        #[test]
        fn writing_the_taints_settles(ready in prop::option::of(prop_oneof![Just("True"), Just("False"), Just("Unknown")]), mode in 0..3_usize, unschedulable: bool) {
            let eviction = [Eviction::Allowed, Eviction::Limited, Eviction::Suspended][mode];
            let mut node = node(ready, Vec::new(), unschedulable);
            if let Some(next) = taints(&node, eviction, at(1)) {
                node.spec.as_mut().unwrap().taints = Some(next);
            }
            prop_assert_eq!(taints(&node, eviction, at(9)), None);
        }
    }
}
