//! Whether a job may end as complete before all its indexes have succeeded. Pure.
//!
//! Follows pkg/controller/job/success_policy.go @ v1.36.

use std::collections::BTreeSet;

use k8s_openapi::api::batch::v1::SuccessPolicy;

use super::indexes;
use crate::controllers::shared::counts::wanted;

/// Returns the message of the first rule that the succeeded indexes fulfil.
pub fn met(policy: &SuccessPolicy, completions: i32, succeeded: &BTreeSet<i32>) -> Option<String> {
    let fulfilled = policy.rules.iter().position(|rule| {
        let named = rule.succeeded_indexes.as_deref().map(|text| indexes::parse(text, completions));
        let counted = named.as_ref().map_or(succeeded.len(), |named| named.intersection(succeeded).count());
        match (rule.succeeded_count, &named) {
            (Some(count), _) => counted >= wanted(count),
            (None, Some(named)) => counted == named.len(),
            (None, None) => false,
        }
    })?;
    Some(format!("Matched rules at index {fulfilled}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_fulfilled_rule_is_named() {
        let policy: SuccessPolicy = serde_json::from_value(json!({"rules": [
            {"succeededIndexes": "0,2-3"},
            {"succeededIndexes": "4-6", "succeededCount": 2},
            {"succeededCount": 5},
        ]}))
        .unwrap();
        let said = |succeeded: &[i32]| met(&policy, 9, &succeeded.iter().copied().collect());
        assert_eq!(said(&[0, 2]), None);
        assert_eq!(said(&[0, 2, 3]).as_deref(), Some("Matched rules at index 0"));
        assert_eq!(said(&[4, 6]).as_deref(), Some("Matched rules at index 1"));
        assert_eq!(said(&[1, 2, 3, 7, 8]).as_deref(), Some("Matched rules at index 2"));
    }
}
