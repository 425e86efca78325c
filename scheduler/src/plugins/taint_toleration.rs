//! Keeps pods off nodes whose taints they do not bear, and away from those they would rather avoid.

use super::plugin::{Plugin, Rejection, Reverse, scale_to_highest};
use crate::model::{Effect, PodInfo};
use crate::snapshot::NodeView;

/// `TaintToleration`.
pub struct TaintToleration;

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn filter(&self, pod: &PodInfo, node: &NodeView<'_>) -> Option<Rejection> {
        let repelling = node.info.taints.iter().filter(|t| t.effect.repels());
        let untolerated = repelling.into_iter().any(|taint| !pod.tolerations.iter().any(|t| t.tolerates(taint)));
        untolerated.then(|| Rejection::fixed("node(s) had untolerated taint(s)"))
    }

    fn weight(&self) -> i64 {
        3
    }

    fn score(&self, pod: &PodInfo, node: &NodeView<'_>) -> i64 {
        let avoided = node.info.taints.iter().filter(|taint| {
            taint.effect == Effect::PreferNoSchedule
                && !pod.tolerations.iter().any(|t| t.covers_preferences() && t.tolerates(taint))
        });
        i64::try_from(avoided.count()).unwrap_or(i64::MAX)
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale_to_highest(scores, Reverse::Yes);
    }
}
