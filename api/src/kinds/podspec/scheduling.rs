//! Validation of what steers scheduling: tolerations, spread constraints, gates, resource claims.

use std::collections::BTreeSet;

use crate::field::{At, Errors};
use crate::kinds::common::checks::{Seen, positive};
use crate::kinds::common::selector;
use crate::names;

/// Validates everything of this file but resource claims.
pub fn validate(spec: &At<'_>, errs: &mut Errors) {
    for gate in spec.child("readinessGates").items() {
        gate.child("conditionType").check(names::is_qualified_name, errs);
    }
    scheduling_gates(&spec.child("schedulingGates"), errs);
    topology_spread(&spec.child("topologySpreadConstraints"), errs);
    tolerations(&spec.child("tolerations"), errs);
}

fn scheduling_gates(at: &At<'_>, errs: &mut Errors) {
    let mut seen = BTreeSet::new();
    for gate in at.items() {
        let name = gate.child("name").text();
        errs.invalid_each(&gate, name, names::is_qualified_name(name));
        if !seen.insert(name) {
            errs.duplicate_value(&gate, name);
        }
    }
}

/// Validates tolerations.
pub fn tolerations(at: &At<'_>, errs: &mut Errors) {
    for toleration in at.items() {
        let [key, operator, value, effect] = ["key", "operator", "value", "effect"].map(|f| toleration.child(f));
        if !key.is_empty() {
            key.check(names::is_qualified_name, errs);
        } else if operator.text() != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errs.invalid_value(&operator, operator.text(), detail);
        }
        if toleration.child("tolerationSeconds").exists() && effect.text() != "NoExecute" {
            errs.invalid_value(&effect, effect.text(), "effect must be 'NoExecute' when `tolerationSeconds` is set");
        }
        match operator.text() {
            "Equal" | "" => {
                if let Err(details) = names::is_label_value(value.text()) {
                    errs.invalid_value(&operator, value.text(), details.join(";"));
                }
            }
            "Exists" if !value.is_empty() => {
                let shown = toleration.value.cloned().unwrap_or_default();
                errs.invalid_value(&operator, shown, "value must be empty when `operator` is 'Exists'");
            }
            "Exists" => {}
            _ => errs.not_supported(&operator, &["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            effect.one_of(&["NoSchedule", "PreferNoSchedule", "NoExecute"], errs);
        }
    }
}

fn topology_spread(at: &At<'_>, errs: &mut Errors) {
    let mut seen = BTreeSet::new();
    for constraint in at.items() {
        let [skew, key, action] = ["maxSkew", "topologyKey", "whenUnsatisfiable"].map(|f| constraint.child(f));
        if skew.i64().unwrap_or(0) <= 0 {
            errs.invalid_value(&skew, skew.i64().unwrap_or(0), "must be greater than zero");
        }
        if key.is_empty() {
            errs.required_because(&key, "can not be empty");
        } else {
            key.check(names::is_qualified_name, errs);
        }
        if !["DoNotSchedule", "ScheduleAnyway"].contains(&action.text()) {
            errs.not_supported_value(&action, action.text(), &["DoNotSchedule", "ScheduleAnyway"]);
        }
        if !seen.insert((key.text(), action.text())) {
            let path = constraint.path.child("{topologyKey, whenUnsatisfiable}");
            errs.duplicate_value(&path, format!("{{{}, {}}}", key.text(), action.text()));
        }
        let domains = constraint.child("minDomains");
        positive(&domains, errs);
        if domains.exists() && action.text() != "DoNotSchedule" {
            errs.invalid(
                &domains,
                format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}", action.text()),
            );
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            constraint.child(policy).one_of(&["Honor", "Ignore"], errs);
        }
        match_label_keys(&constraint, "matchLabelKeys", errs);
        selector::validate(&constraint.child("labelSelector"), errs);
    }
}

/// Validates a list of label keys that refine the label selector beside it.
pub fn match_label_keys(at: &At<'_>, field: &'static str, errs: &mut Errors) {
    let (keys, selector) = (at.child(field), at.child("labelSelector"));
    if keys.is_empty() {
        return;
    }
    if !selector.exists() {
        errs.forbidden(&keys, "must not be specified when labelSelector is not set");
    }
    for key in keys.items() {
        key.check(names::is_qualified_name, errs);
        let in_labels = selector.child("matchLabels").key(key.text()).exists();
        if field == "matchLabelKeys" && in_labels {
            errs.invalid(&key, "exists in both matchLabelKeys and labelSelector");
        }
    }
}

/// Validates the pod's resource claims and returns their names.
pub fn resource_claims<'a>(at: &At<'a>, errs: &mut Errors) -> Vec<&'a str> {
    let mut seen = Seen::default();
    let mut names = Vec::new();
    for claim in at.items() {
        let name = claim.child("name");
        if name.require(errs) {
            name.check(names::is_dns1123_label, errs);
            seen.unique(&name, errs);
            names.push(name.text());
        }
        match (claim.child("resourceClaimName").exists(), claim.child("resourceClaimTemplateName").exists()) {
            (true, true) => errs
                .invalid(&claim, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"),
            (false, false) => {
                errs.invalid(&claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
            }
            _ => {}
        }
        for field in ["resourceClaimName", "resourceClaimTemplateName"] {
            claim.child(field).check_set(names::is_dns1123_subdomain, errs);
        }
    }
    names
}

/// Validates the effect of a taint, which must be there.
pub fn taint_effect(at: &At<'_>, errs: &mut Errors) {
    at.require_one_of(&["NoSchedule", "PreferNoSchedule", "NoExecute"], errs);
}
