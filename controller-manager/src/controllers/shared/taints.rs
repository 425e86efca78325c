//! Taints of nodes and the tolerations of pods. Pure.

use k8s_openapi::api::core::v1::{Taint, Toleration};

/// The node does not report that it is ready.
pub const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// The node does not report at all.
pub const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// Pods that do not tolerate the taint are evicted.
pub const NO_EXECUTE: &str = "NoExecute";
/// Pods that do not tolerate the taint are not scheduled.
pub const NO_SCHEDULE: &str = "NoSchedule";

/// Says whether a toleration tolerates a taint.
///
/// Follows staging/src/k8s.io/component-helpers/scheduling/corev1: Toleration.ToleratesTaint @ v1.36.
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let key = toleration.key.as_deref().unwrap_or_default();
    if (!effect.is_empty() && effect != taint.effect) || (!key.is_empty() && key != taint.key) {
        return false;
    }
    let (value, wanted) = (taint.value.as_deref().unwrap_or_default(), toleration.value.as_deref().unwrap_or_default());
    let numbers = || Some((value.parse::<i64>().ok()?, wanted.parse::<i64>().ok()?));
    match toleration.operator.as_deref().unwrap_or_default() {
        "" | "Equal" => value == wanted,
        "Exists" => true,
        "Lt" => numbers().is_some_and(|(value, wanted)| value < wanted),
        "Gt" => numbers().is_some_and(|(value, wanted)| value > wanted),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint(key: &str, value: &str, effect: &str) -> Taint {
        Taint { key: key.to_owned(), value: Some(value.to_owned()), effect: effect.to_owned(), time_added: None }
    }

    #[test]
    fn keys_values_and_effects_must_match() {
        let toleration = |key: &str, operator: &str, value: &str, effect: &str| Toleration {
            key: Some(key.to_owned()),
            operator: Some(operator.to_owned()),
            value: Some(value.to_owned()),
            effect: Some(effect.to_owned()),
            toleration_seconds: None,
        };
        let gpu = taint("gpu", "yes", NO_SCHEDULE);
        for (expected, given) in [
            (true, toleration("", "Exists", "", "")),
            (true, toleration("gpu", "Exists", "", "")),
            (true, toleration("gpu", "Equal", "yes", NO_SCHEDULE)),
            (true, toleration("gpu", "", "yes", "")),
            (false, toleration("gpu", "Equal", "no", "")),
            (false, toleration("gpu", "Exists", "", NO_EXECUTE)),
            (false, toleration("cpu", "Exists", "", "")),
        ] {
            assert_eq!(tolerates(&given, &gpu), expected, "{given:?}");
        }
        assert!(tolerates(&toleration("load", "Lt", "10", ""), &taint("load", "9", NO_SCHEDULE)));
        assert!(!tolerates(&toleration("load", "Gt", "10", ""), &taint("load", "9", NO_SCHEDULE)));
    }
}
