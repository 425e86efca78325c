use serde_json::json;

use super::pod_disruption_budget::POD_DISRUPTION_BUDGET;
use crate::kinds::testing::{check_create, overlay, printed, stored};

#[test]
fn budgets() {
    let budget = json!({"metadata": {"name": "b", "namespace": "ns"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}});
    check_create(
        &POD_DISRUPTION_BUDGET,
        &budget,
        &[
            (json!({}), &[]),
            (json!({"metadata": {"name": "A_b"}}), &[]),
            (
                json!({"spec": {"maxUnavailable": 1, "selector": null}}),
                &[
                    "spec: Invalid value: {\"maxUnavailable\":1,\"minAvailable\":1}: minAvailable and maxUnavailable cannot be both set",
                ],
            ),
            (
                json!({"spec": {"minAvailable": "101%"}}),
                &["spec.minAvailable: Invalid value: \"101%\": must not be greater than 100%"],
            ),
        ],
    );
    let obj = overlay(&stored(&POD_DISRUPTION_BUDGET, &budget), &json!({"status": {"disruptionsAllowed": 2}}));
    assert_eq!(printed(&POD_DISRUPTION_BUDGET, &obj), "b | 1 | N/A | 2 | 60m");
}
