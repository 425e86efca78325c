//! What the failure of a pod means, by the job's rules. Pure.
//!
//! Follows pkg/controller/job/pod_failure_policy.go @ v1.36.

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::batch::v1::{PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule};
use k8s_openapi::api::core::v1::Pod;

/// What a failed pod means for the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// It counts towards the back-off limit.
    Count,
    /// It does not count.
    Ignore,
    /// It counts, and its index fails for good.
    FailIndex,
    /// The job fails with this message.
    Fail(String),
}

/// Returns what the first rule that matches says; without one the failure counts.
pub fn meaning(policy: Option<&PodFailurePolicy>, pod: &Pod) -> Meaning {
    for (number, rule) in policy.into_iter().flat_map(|policy| &policy.rules).enumerate() {
        let Some(cause) = cause(rule, pod) else { continue };
        return match rule.action.as_str() {
            "Ignore" => Meaning::Ignore,
            "FailJob" => Meaning::Fail(format!("{cause} matching FailJob rule at index {number}")),
            "FailIndex" => Meaning::FailIndex,
            "Count" => Meaning::Count,
            _ => continue,
        };
    }
    Meaning::Count
}

/// Says in what a rule matches.
fn cause(rule: &PodFailurePolicyRule, pod: &Pod) -> Option<String> {
    let place = format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
    let status = pod.status.as_ref()?;
    if let Some(wanted) = &rule.on_exit_codes {
        let containers = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
        let ended = containers.filter_map(|container| {
            let code = container.state.as_ref()?.terminated.as_ref()?.exit_code;
            Some((&container.name, code))
        });
        let named = |name: &String| wanted.container_name.as_ref().is_none_or(|only| only == name);
        let mut found = ended.filter(|(name, code)| *code != 0 && named(name) && matches(wanted, *code));
        return found
            .next()
            .map(|(name, code)| format!("Container {name} for pod {place} failed with exit code {code}"));
    }
    let patterns = rule.on_pod_conditions.iter().flatten();
    let mut found = patterns.filter(|pattern| {
        let wanted = pattern.status.as_deref().unwrap_or("True");
        status.conditions.iter().flatten().any(|own| own.type_ == pattern.type_ && own.status == wanted)
    });
    found.next().map(|pattern| format!("Pod {place} has condition {}", pattern.type_))
}

fn matches(wanted: &PodFailurePolicyOnExitCodesRequirement, code: i32) -> bool {
    match wanted.operator.as_str() {
        "In" => wanted.values.contains(&code),
        "NotIn" => !wanted.values.contains(&code),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_rule_that_matches_decides() {
        let policy: PodFailurePolicy = serde_json::from_value(json!({"rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}},
            {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [7]}},
            {"action": "Count", "onExitCodes": {"operator": "NotIn", "values": [1]}},
        ]}))
        .unwrap();
        let pod = |container: &str, code: i32, condition: &str| -> Pod {
            serde_json::from_value(json!({
                "metadata": {"name": "p", "namespace": "n"},
                "status": {
                    "conditions": [{"type": condition, "status": "True"}],
                    "containerStatuses": [{
                        "name": container, "ready": false, "restartCount": 0, "image": "", "imageID": "",
                        "state": {"terminated": {"exitCode": code}},
                    }],
                },
            }))
            .unwrap()
        };
        let message = "Container main for pod n/p failed with exit code 42 matching FailJob rule at index 1";
        for (expected, pod) in [
            (Meaning::Ignore, pod("main", 42, "DisruptionTarget")),
            (Meaning::Fail(message.to_owned()), pod("main", 42, "Ready")),
            (Meaning::FailIndex, pod("main", 7, "Ready")),
            (Meaning::Count, pod("side", 42, "Ready")),
            (Meaning::Count, pod("main", 1, "Ready")),
        ] {
            assert_eq!(meaning(Some(&policy), &pod), expected);
        }
        assert_eq!(meaning(None, &pod("main", 42, "Ready")), Meaning::Count);
    }
}
