//! What a plugin is.

use std::borrow::Cow;

use crate::model::PodInfo;
use crate::snapshot::{NodeView, Snapshot};

/// The best score a plugin may give a node.
pub const MAX_NODE_SCORE: i64 = 100;

/// Why a node cannot take a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// One or more reasons in upstream's words, as they are counted in the message.
    pub reasons: Vec<Cow<'static, str>>,
    /// Whether evicting other pods could help.
    pub resolvable: bool,
}

impl Rejection {
    /// A rejection that no eviction mends.
    pub fn fixed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reasons: vec![reason.into()], resolvable: false }
    }

    /// A rejection because of what other pods use.
    pub fn resolvable(reasons: Vec<Cow<'static, str>>) -> Self {
        Self { reasons, resolvable: true }
    }
}

/// A change that may make room for a waiting pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterEvent {
    /// A node appeared, or one of its facts changed.
    Node,
    /// A pod on a node ended, went away, or asks for something else than before.
    PodGone,
    /// A pod came to a node, began to go away, or its labels changed there.
    PodPlaced,
    /// A claim of storage, a volume or a storage class appeared or changed.
    Volume,
}

/// What a plugin has found out about all nodes together, to be asked about each.
pub trait Overview {
    /// `None` when the node can take the pod.
    fn filter(&self, _node: &NodeView<'_>) -> Option<Rejection> {
        None
    }

    /// A raw score in place of [`Plugin::score`].
    fn score(&self, _node: &NodeView<'_>) -> i64 {
        0
    }
}

/// A rule of placement. All methods are pure.
pub trait Plugin: Sync {
    /// Upstream's name of the plugin.
    fn name(&self) -> &'static str;

    /// Whether the plugin has anything to say about this pod; asked once per cycle.
    fn concerns(&self, _pod: &PodInfo) -> bool {
        true
    }

    /// Looks at the cluster as a whole, once per cycle; nothing when each node can be judged by itself.
    ///
    /// # Errors
    /// The reason, in upstream's words, when no node can take the pod.
    fn survey<'a>(&self, _pod: &'a PodInfo, _cluster: &'a Snapshot) -> Result<Option<Box<dyn Overview + 'a>>, String> {
        Ok(None)
    }

    /// `None` when the node can take the pod.
    fn filter(&self, _pod: &PodInfo, _node: &NodeView<'_>) -> Option<Rejection> {
        None
    }

    /// How much the normalised score counts; 0 when the plugin does not score.
    fn weight(&self) -> i64 {
        0
    }

    /// A raw score of a feasible node; higher is better unless [`Plugin::normalize`] turns it round.
    fn score(&self, _pod: &PodInfo, _node: &NodeView<'_>) -> i64 {
        0
    }

    /// Brings raw scores into 0 to [`MAX_NODE_SCORE`].
    fn normalize(&self, _scores: &mut [i64]) {}

    /// Whether a pod that this plugin rejected is worth another try after `event`.
    fn helped_by(&self, event: ClusterEvent) -> bool {
        event == ClusterEvent::Node
    }
}

/// Scales scores so that the highest becomes [`MAX_NODE_SCORE`]; `reverse` makes the lowest raw score the best.
pub(super) fn scale_to_highest(scores: &mut [i64], reverse: Reverse) {
    let highest = scores.iter().copied().max().unwrap_or(0);
    for score in scores {
        let scaled = if highest == 0 { 0 } else { *score * MAX_NODE_SCORE / highest };
        *score = match reverse {
            Reverse::Yes => MAX_NODE_SCORE - scaled,
            Reverse::No => scaled,
        };
    }
}

/// Whether low raw scores are good.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reverse {
    /// High is good.
    No,
    /// Low is good.
    Yes,
}
