//! Whether what is left of the node is enough.

use corvette_client::placement::Resources;

use super::Facts;
use super::checks::refusal;
use crate::status::Verdict;

/// Checks the number of pods, then each resource that the pod asks for and the node has.
pub(super) fn fit(facts: &Facts<'_>) -> Option<Verdict> {
    let pods = facts.others.len();
    if pods >= facts.node.pods {
        return Some(short("pods", 1, number(pods), number(facts.node.pods)));
    }
    let mut used = Resources::default();
    facts.others.iter().for_each(|other| used.add(&other.requests));
    let (wanted, has) = (&facts.wanted.requests, &facts.node.allocatable);
    let plain = [
        ("cpu", wanted.milli_cpu, used.milli_cpu, has.milli_cpu),
        ("memory", wanted.memory, used.memory, has.memory),
        ("ephemeral-storage", wanted.ephemeral_storage, used.ephemeral_storage, has.ephemeral_storage),
    ];
    // What the node does not know is a resource of the cluster, which is not the node's to judge.
    let extended = wanted.extended.iter().filter_map(|(name, amount)| {
        let has = has.extended.get(name)?;
        Some((name.as_str(), *amount, used.extended.get(name).copied().unwrap_or(0), *has))
    });
    let mut all = plain.into_iter().chain(extended);
    let lacking = all.find(|(_, wanted, used, has)| *wanted > 0 && *wanted > has.saturating_sub(*used));
    lacking.map(|(name, wanted, used, has)| short(name, wanted, used, has))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn short(name: &str, wanted: i64, used: i64, has: i64) -> Verdict {
    let message =
        format!("Node didn't have enough resource: {name}, requested: {wanted}, used: {used}, capacity: {has}");
    refusal(&format!("OutOf{name}"), message)
}
