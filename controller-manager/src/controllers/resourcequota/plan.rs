//! What a quota's status says. Pure.

use std::collections::BTreeSet;

use corvette_api::gvk::GroupResource;
use corvette_api::quota::{self, Amounts};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The objects of one resource in the quota's namespace.
pub struct Counted {
    /// The resource.
    pub resource: GroupResource,
    /// The objects; of resources that are not measured, metadata are enough.
    pub objects: Vec<Value>,
}

/// Returns the resources that a quota counts.
pub fn resources(quota: &Value) -> BTreeSet<GroupResource> {
    quota::amounts(quota, "/spec/hard").keys().filter_map(|name| quota::counted(name)).collect()
}

/// Returns the status of a quota: what it limits, and how much of that is used.
pub fn status(quota: &Value, counted: &[Counted], now: Timestamp) -> Value {
    let mut used = Amounts::new();
    for Counted { resource, objects } in counted {
        for object in objects.iter().filter(|object| quota::applies(quota, resource, object)) {
            quota::add(&mut used, &quota::usage(resource, object, now));
        }
    }
    let hard = quota::amounts(quota, "/spec/hard");
    // Something that nothing is known to use has no use, instead of none.
    let known = hard.keys().filter(|name| quota::counted(name).is_some());
    let used: Map<String, Value> =
        known.map(|name| (name.clone(), used.get(name).copied().unwrap_or_default().to_string().into())).collect();
    let hard: Map<String, Value> =
        hard.iter().map(|(name, amount)| (name.clone(), amount.to_string().into())).collect();
    json!({"hard": hard, "used": used})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pod(cpu: i64, phase: &str, deadline: bool) -> Value {
        let mut pod = json!({
            "spec": {"containers": [{"resources": {"requests": {"cpu": format!("{cpu}m")}}}]}, "status": {"phase": phase},
        });
        if deadline {
            pod["spec"]["activeDeadlineSeconds"] = json!(5);
        }
        pod
    }

    proptest! {
        #[test]
        fn live_pods_in_scope_are_counted(pods in prop::collection::vec((1..500_i64, any::<bool>(), any::<bool>()), 0..40)) {
            let quota = json!({"spec": {
                "scopes": ["Terminating"], "hard": {"pods": "9", "cpu": "1", "secrets": "3", "unknown": "1"},
            }});
            let objects = pods.iter().map(|(cpu, live, scoped)| pod(*cpu, if *live { "Running" } else { "Failed" }, *scoped));
            let counted = [Counted { resource: GroupResource::new("", "pods"), objects: objects.collect() }];
            let status = status(&quota, &counted, Timestamp::UNIX_EPOCH);
            let expected: Vec<i64> = pods.iter().filter(|(_, live, scoped)| *live && *scoped).map(|(cpu, ..)| *cpu).collect();
            let used = quota::amounts(&status, "/used");
            prop_assert_eq!(used["pods"].value(), i64::try_from(expected.len()).unwrap());
            prop_assert_eq!(used["cpu"].millis(), expected.iter().sum::<i64>());
            prop_assert!(used["secrets"].is_zero() && !used.contains_key("unknown"));
            prop_assert_eq!(&status["hard"], &json!({"pods": "9", "cpu": "1", "secrets": "3", "unknown": "1"}));
        }
    }
}
