//! The conditions of a namespace that is going away. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::NamespaceCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// What one pass over the content has found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// Why discovery failed.
    pub discovery: Option<String>,
    /// What could not be deleted, one message per resource.
    pub failures: Vec<String>,
    /// How many objects of each resource are left.
    pub remaining: BTreeMap<String, usize>,
    /// How many objects each finalizer holds.
    pub finalizers: BTreeMap<String, usize>,
    /// The longest grace period, in seconds, that something left still has.
    pub estimate: u64,
}

impl Findings {
    /// Says whether nothing is left and nothing went wrong.
    pub fn is_empty(&self) -> bool {
        self.discovery.is_none() && self.failures.is_empty() && self.remaining.is_empty()
    }

    /// Adds what was found for another resource.
    pub fn merge(&mut self, other: Self) {
        self.discovery = self.discovery.take().or(other.discovery);
        self.failures.extend(other.failures);
        for (mine, theirs) in [(&mut self.remaining, other.remaining), (&mut self.finalizers, other.finalizers)] {
            for (name, count) in theirs {
                *mine.entry(name).or_default() += count;
            }
        }
        self.estimate = self.estimate.max(other.estimate);
    }
}

/// Type, reason and message while something is wrong, and reason and message otherwise.
struct Kind {
    name: &'static str,
    bad: (&'static str, Option<String>),
    good: (&'static str, &'static str),
}

/// Returns the conditions after a pass; those that did not change keep their times.
pub fn conditions(old: &[NamespaceCondition], findings: &Findings, now: Timestamp) -> Vec<NamespaceCondition> {
    let mut next = old.to_vec();
    for kind in kinds(findings) {
        let (status, reason, message) = match kind.bad {
            (reason, Some(message)) => ("True", reason, message),
            _ => ("False", kind.good.0, kind.good.1.to_owned()),
        };
        let condition = NamespaceCondition {
            type_: kind.name.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_transition_time: Some(Time(now)),
        };
        match next.iter_mut().find(|known| known.type_ == kind.name) {
            None => next.push(condition),
            Some(known) => {
                let same = known.status == condition.status && known.reason == condition.reason;
                if !same || known.message != condition.message {
                    let since =
                        if same { known.last_transition_time.clone() } else { condition.last_transition_time.clone() };
                    *known = NamespaceCondition { last_transition_time: since, ..condition };
                }
            }
        }
    }
    next
}

fn kinds(findings: &Findings) -> [Kind; 5] {
    let discovery = findings.discovery.as_ref();
    let failures = &findings.failures;
    [
        Kind {
            name: "NamespaceDeletionDiscoveryFailure",
            bad: (
                "DiscoveryFailed",
                discovery.map(|error| format!("Discovery failed for some groups, 1 failing: {error}")),
            ),
            good: ("ResourcesDiscovered", "All resources successfully discovered"),
        },
        Kind {
            name: "NamespaceDeletionGroupVersionParsingFailure",
            bad: ("GroupVersionParsingFailed", None),
            good: ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        },
        Kind {
            name: "NamespaceDeletionContentFailure",
            bad: (
                "ContentDeletionFailed",
                (!failures.is_empty()).then(|| {
                    format!(
                        "Failed to delete all resource types, {} remaining: {}",
                        failures.len(),
                        failures.join(", ")
                    )
                }),
            ),
            good: ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        },
        Kind {
            name: "NamespaceContentRemaining",
            bad: (
                "SomeResourcesRemain",
                (!findings.remaining.is_empty()).then(|| {
                    let parts = findings.remaining.iter().map(|(name, n)| format!("{name} has {n} resource instances"));
                    format!("Some resources are remaining: {}", parts.collect::<Vec<_>>().join(", "))
                }),
            ),
            good: ("ContentRemoved", "All content successfully removed"),
        },
        Kind {
            name: "NamespaceFinalizersRemaining",
            bad: (
                "SomeFinalizersRemain",
                (!findings.finalizers.is_empty()).then(|| {
                    let parts = findings.finalizers.iter().map(|(name, n)| format!("{name} in {n} resource instances"));
                    let list = parts.collect::<Vec<_>>().join(", ");
                    format!("Some content in the namespace has finalizers remaining: {list}")
                }),
            ),
            good: ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::shared::testing::at;

    #[test]
    fn each_condition_tells_what_holds_the_deletion_up() {
        let clean = conditions(&[], &Findings::default(), at(1));
        assert_eq!(clean.len(), 5);
        assert!(clean.iter().all(|condition| condition.status == "False"));
        let findings = Findings {
            remaining: [("pods.v1".to_owned(), 2)].into(),
            finalizers: [("example.test/hold".to_owned(), 1)].into(),
            ..Findings::default()
        };
        let held = conditions(&clean, &findings, at(9));
        let message = |kind: &str| held.iter().find(|c| c.type_ == kind).unwrap().message.clone().unwrap();
        assert_eq!(
            message("NamespaceContentRemaining"),
            "Some resources are remaining: pods.v1 has 2 resource instances"
        );
        let expected =
            "Some content in the namespace has finalizers remaining: example.test/hold in 1 resource instances";
        assert_eq!(message("NamespaceFinalizersRemaining"), expected);
        assert_eq!(held[0], clean[0]);
        assert_eq!(conditions(&held, &findings, at(20)), held);
    }
}
