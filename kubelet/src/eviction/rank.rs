//! Which pod goes first when the node runs out of something. Pure.

use std::cmp::Reverse;

/// Priority from which pods are the system's own and stay.
pub const CRITICAL: i32 = 2_000_000_000;

/// What is known of a pod when one must go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its uid.
    pub uid: String,
    /// `spec.priority`.
    pub priority: i32,
    /// Bytes that it uses.
    pub usage: i64,
    /// Bytes that it asked for.
    pub request: i64,
}

/// The first to go: pods that use more than they asked for before others, then lower priority, then the larger excess
/// (`pkg/kubelet/eviction/helpers.go: rankMemoryPressure @ v1.36`). Pods of the system do not go.
pub fn first(candidates: &[Candidate]) -> Option<&Candidate> {
    let may_go = candidates.iter().filter(|candidate| candidate.priority < CRITICAL);
    may_go.max_by_key(|candidate| {
        let excess = candidate.usage.saturating_sub(candidate.request);
        (excess > 0, Reverse(candidate.priority), excess)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excess_comes_before_priority_and_amount() {
        let candidate =
            |uid: &str, priority, usage, request| Candidate { uid: uid.to_owned(), priority, usage, request };
        let mut all = vec![
            candidate("modest", 0, 50, 100),
            candidate("important", 10, 500, 100),
            candidate("greedy", 0, 300, 100),
            candidate("greedier", 0, 400, 100),
            candidate("system", CRITICAL, 9000, 0),
        ];
        let mut order = Vec::new();
        while let Some(uid) = first(&all).map(|first| first.uid.clone()) {
            all.retain(|candidate| candidate.uid != uid);
            order.push(uid);
        }
        assert_eq!(order, ["greedier", "greedy", "important", "modest"]);
    }
}
