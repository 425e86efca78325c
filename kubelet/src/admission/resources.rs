//! Whether what is left of the node is enough.

use corvette_client::placement::Resources;

use super::checks::refusal;
use super::{Facts, NodeFacts};
use crate::status::Verdict;

/// Checks the number of pods, then each resource that the pod asks for and the node has.
pub(super) fn fit(facts: &Facts<'_>) -> Option<Verdict> {
    let pods = facts.others.len();
    if pods >= facts.node.pods {
        return Some(short(&Lack { name: "pods", wanted: 1, used: number(pods), has: number(facts.node.pods) }));
    }
    let mut used = Resources::default();
    facts.others.iter().for_each(|other| used.add(&other.requests));
    lacking(&facts.wanted.requests, &used, &facts.node.allocatable).map(|lack| short(&lack))
}

/// What there is too little of.
struct Lack<'a> {
    name: &'a str,
    wanted: i64,
    used: i64,
    has: i64,
}

/// Whether a pod that this node took may ask for more.
///
/// # Errors
/// `Infeasible` when the node could never give it, `Deferred` when others hold it
/// (`pkg/kubelet/allocation: canResizePod @ v1.36`).
pub(super) fn grow(wanted: &Resources, node: &NodeFacts, used: &Resources) -> Result<(), Verdict> {
    let has = &node.allocatable;
    if let Some(Lack { name, wanted, has, .. }) = lacking(wanted, &Resources::default(), has) {
        let message = format!("Node didn't have enough capacity: {name}, requested: {wanted}, capacity: {has}");
        return Err(refusal("Infeasible", message));
    }
    match lacking(wanted, used, has) {
        Some(lack) => Err(refusal("Deferred", short(&lack).message)),
        None => Ok(()),
    }
}

fn lacking<'a>(wanted: &'a Resources, used: &Resources, has: &Resources) -> Option<Lack<'a>> {
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
    lacking.map(|(name, wanted, used, has)| Lack { name, wanted, used, has })
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn short(lack: &Lack<'_>) -> Verdict {
    let Lack { name, wanted, used, has } = lack;
    let message =
        format!("Node didn't have enough resource: {name}, requested: {wanted}, used: {used}, capacity: {has}");
    refusal(&format!("OutOf{name}"), message)
}
