//! The checks, in the order in which a pod passes them: the first refusal is the pod's reason.

use corvette_client::placement::Effect;

use super::{Facts, resources, sysctls};
use crate::eviction;
use crate::status::Verdict;

type Check = fn(&Facts<'_>) -> Option<Verdict>;

pub(super) const CHECKS: &[Check] = &[
    pressure,
    sysctls::allowed,
    operating_system,
    supplemental_groups_policy,
    app_armor,
    resources::fit,
    node_affinity,
    node_ports,
    no_execute_taints,
];

pub(super) fn refusal(reason: &str, message: String) -> Verdict {
    Verdict { reason: reason.to_owned(), message }
}

fn predicate(name: &str, why: &str) -> Verdict {
    refusal(name, format!("Predicate {name} failed: {why}"))
}

fn pressure(facts: &Facts<'_>) -> Option<Verdict> {
    eviction::refusal(facts.pod, &facts.tolerations, facts.node.pressure)
}

fn operating_system(facts: &Facts<'_>) -> Option<Verdict> {
    let os = facts.pod.spec.as_ref()?.os.as_ref()?;
    let message = "Failed to admit pod as the OS field doesn't match node OS";
    (os.name != "linux").then(|| refusal("PodOSNotSupported", message.to_owned()))
}

/// The node does not claim the feature, which needs a newer runtime.
fn supplemental_groups_policy(facts: &Facts<'_>) -> Option<Verdict> {
    let policy = facts.pod.spec.as_ref()?.security_context.as_ref()?.supplemental_groups_policy.as_deref()?;
    let message = format!("SupplementalGroupsPolicy={policy} is not supported in this node");
    (policy == "Strict").then(|| refusal("SupplementalGroupsPolicyNotSupported", message))
}

fn app_armor(facts: &Facts<'_>) -> Option<Verdict> {
    if facts.node.app_armor {
        return None;
    }
    let spec = facts.pod.spec.as_ref()?;
    let of_pod = spec.security_context.as_ref().and_then(|context| context.app_armor_profile.as_ref());
    let of_containers = crate::pods::spec::all_containers(facts.pod)
        .filter_map(|container| container.security_context.as_ref()?.app_armor_profile.as_ref());
    let wanted = of_pod.into_iter().chain(of_containers).any(|profile| profile.type_ != "Unconfined");
    let message = "Cannot enforce AppArmor: AppArmor is not enabled on the host";
    wanted.then(|| refusal("AppArmor", message.to_owned()))
}

fn node_affinity(facts: &Facts<'_>) -> Option<Verdict> {
    let matches = facts.matcher.matches(&facts.node.name, &facts.node.labels);
    (!matches).then(|| predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector"))
}

fn node_ports(facts: &Facts<'_>) -> Option<Verdict> {
    let mut held = facts.others.iter().flat_map(|other| &other.ports);
    let taken = held.any(|held| facts.wanted.ports.iter().any(|wanted| wanted.conflicts(held)));
    taken.then(|| predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports"))
}

fn no_execute_taints(facts: &Facts<'_>) -> Option<Verdict> {
    let mut taints = facts.node.taints.iter().filter(|taint| taint.effect == Effect::NoExecute);
    let repelled = taints.any(|taint| !facts.tolerations.iter().any(|toleration| toleration.tolerates(taint)));
    repelled.then(|| predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate"))
}
