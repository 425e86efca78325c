//! Pod templates inside workload objects.

use serde_json::{Map, Value};

use super::{defaults, spec};
use crate::field::{At, Errors};
use crate::kinds::common::values::{ensure, fill};
use crate::kinds::common::{metadata, selector};

/// Fills a pod template in place; a template that is unset stays so.
pub fn default(parent: &mut Value) {
    let Some(template) = parent.get_mut("template").filter(|t| t.is_object()) else { return };
    fill(template, "metadata", Map::new());
    if let Some(spec) = ensure(template, "spec") {
        defaults::pod_spec(spec);
    }
}

/// Validates the template of pods that run for ever, which must restart always and have no deadline. `owner` is the owner's kind.
pub fn validate_lasting(template: &At<'_>, owner: &str, errs: &mut Errors) {
    validate(template, errs);
    restarts_always(template, owner, errs);
}

/// The part of [`validate_lasting`] that looks at restart policy and deadline alone.
pub fn restarts_always(template: &At<'_>, owner: &str, errs: &mut Errors) {
    let policy = template.child("spec").child("restartPolicy");
    if policy.text() != "Always" {
        errs.not_supported_value(&policy, policy.text(), &["Always"]);
    }
    let deadline = template.child("spec").child("activeDeadlineSeconds");
    if deadline.exists() {
        errs.forbidden(&deadline, format!("activeDeadlineSeconds in {owner} is not Supported"));
    }
}

/// Validates that a selector (a `LabelSelector`) selects the template's labels, which one that is not there does not.
pub fn validate_selected(template: &At<'_>, selector: &At<'_>, errs: &mut Errors) {
    let labels = template.child("metadata").child("labels");
    let selected =
        selector.exists() && (selector::is_empty(selector) || selector::matches(selector.value, labels.object()));
    if !selected {
        errs.invalid_value(&labels, shown_labels(&labels), "`selector` does not match template `labels`");
    }
}

/// Labels as messages show them: null when there are none.
pub fn shown_labels(labels: &At<'_>) -> Value {
    labels.value.cloned().unwrap_or(Value::Null)
}

/// Validates a pod template: labels, annotations and spec.
pub fn validate(template: &At<'_>, errs: &mut Errors) {
    let pod = template.child("spec");
    // Upstream reports these as if they stood in the template itself.
    let [labels, annotations] = ["labels", "annotations"]
        .map(|field| At::new(template.child("metadata").child(field).value, template.path.child(field)));
    metadata::labels(&labels, errs);
    metadata::annotations(&annotations, errs);
    spec::annotations(&annotations, &pod, errs);
    spec::validate(&pod, spec::Of::Template, errs);
    let ephemeral = pod.child("ephemeralContainers");
    if !ephemeral.is_empty() {
        errs.forbidden(&ephemeral, "ephemeral containers not allowed in pod template");
    }
}
