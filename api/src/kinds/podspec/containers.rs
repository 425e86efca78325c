//! Validation of containers: regular, init and ephemeral ones.

use std::borrow::Cow;

use super::resources;
use super::spec::Scope;
use super::{env, mounts, network, probes, security};
use crate::field::{At, Errors};
use crate::kinds::common::checks::Seen;
use crate::names;

/// Fields that an ephemeral container may have.
const EPHEMERAL_FIELDS: &[&str] = &[
    "name",
    "image",
    "command",
    "args",
    "workingDir",
    "envFrom",
    "env",
    "volumeMounts",
    "volumeDevices",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "imagePullPolicy",
    "securityContext",
    "stdin",
    "stdinOnce",
    "tty",
    "targetContainerName",
];

const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];

/// Validates all containers of a pod spec.
pub fn validate(spec: &At<'_>, scope: &Scope<'_>, errs: &mut Errors) {
    let regular = spec.child("containers");
    let mut names = Seen::default();
    if regular.is_empty() {
        errs.required(&regular);
    }
    for container in regular.items() {
        common(&container, scope, errs);
        names.unique(&container.child("name"), errs);
        restart_policy(&container, errs);
        lifecycle_and_probes(&container, scope, errs);
    }
    network::host_port_conflicts(regular.items(), errs);
    for container in spec.child("initContainers").items() {
        common(&container, scope, errs);
        names.unique(&container.child("name"), errs);
        network::host_port_conflicts(std::iter::once(container.clone()), errs);
        init(&container, scope, errs);
    }
    ephemeral(spec, &mut names, scope, errs);
}

fn common(container: &At<'_>, scope: &Scope<'_>, errs: &mut Errors) {
    container.child("name").require_valid(names::is_dns1123_label, errs);
    container.child("image").require(errs);
    container.child("terminationMessagePolicy").require_one_of(&["FallbackToLogsOnError", "File"], errs);
    network::container_ports(&container.child("ports"), errs);
    env::variables(&container.child("env"), errs);
    env::sources(&container.child("envFrom"), errs);
    mounts::validate(container, &scope.volumes, errs);
    container.child("imagePullPolicy").require_one_of(&["Always", "IfNotPresent", "Never"], errs);
    resources::requirements(&container.child("resources"), &scope.claims, errs);
    resize_policy(&container.child("resizePolicy"), errs);
    security::container(&container.child("securityContext"), scope.host_users, errs);
}

fn resize_policy(at: &At<'_>, errs: &mut Errors) {
    let mut seen = Seen::default();
    for policy in at.items() {
        let resource = policy.child("resourceName");
        if !resource.is_empty() && !seen.insert(resource.text()) {
            errs.duplicate_value(&policy.path, resource.text());
        }
        resource.require_one_of(&["cpu", "memory"], errs);
        policy.child("restartPolicy").require_one_of(&["NotRequired", "RestartContainer"], errs);
    }
}

/// Restart policy and rules of one regular container.
fn restart_policy(container: &At<'_>, errs: &mut Errors) {
    let policy = container.child("restartPolicy");
    policy.one_of(&["Always", "Never", "OnFailure"], errs);
    if policy.is_empty() && !container.child("restartPolicyRules").is_empty() {
        errs.required_because(&policy, "must specify restartPolicy when restart rules are used");
    }
    for rule in container.child("restartPolicyRules").items() {
        rule.child("action").require_one_of(&["Restart", "RestartAllContainers"], errs);
        let codes = rule.child("exitCodes");
        if codes.exists() {
            codes.child("operator").require_one_of(&["In", "NotIn"], errs);
        } else {
            errs.required_because(&codes, "must be specified");
        }
    }
}

fn lifecycle_and_probes(container: &At<'_>, scope: &Scope<'_>, errs: &mut Errors) {
    probes::lifecycle(&container.child("lifecycle"), scope, errs);
    for field in PROBES {
        probes::validate(&container.child(field), field, scope, errs);
    }
}

fn init(container: &At<'_>, scope: &Scope<'_>, errs: &mut Errors) {
    let policy = container.child("restartPolicy");
    if policy.text() == "Always" {
        lifecycle_and_probes(container, scope, errs);
        return;
    }
    policy.one_of(&["Always", "Never", "OnFailure"], errs);
    for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        let at = container.child(field);
        if at.exists() {
            errs.forbidden(&at, "may not be set for init containers without restartPolicy=Always");
        }
    }
    let resize = container.child("resizePolicy");
    if !resize.is_empty() {
        errs.invalid(&resize, "must not be set for init containers");
    }
}

fn ephemeral<'a>(spec: &At<'a>, names: &mut Seen<'a>, scope: &Scope<'_>, errs: &mut Errors) {
    const NOT_ALLOWED: &str = "cannot be set for an Ephemeral Container";
    let others: Vec<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| spec.child(*list).items())
        .map(|container| container.child("name").text())
        .collect();
    for container in spec.child("ephemeralContainers").items() {
        common(&container, scope, errs);
        let image = container.child("image");
        if image.text().trim() != image.text() {
            errs.invalid(&image, "must not have leading or trailing whitespace");
        }
        names.unique(&container.child("name"), errs);
        let target = container.child("targetContainerName");
        if !target.is_empty() && !others.contains(&target.text()) {
            errs.not_found(&target);
        }
        for (field, _) in container.entries() {
            let at = container.child(Cow::<'static, str>::Owned(field.to_owned()));
            if !EPHEMERAL_FIELDS.contains(&field) && !at.is_empty() {
                errs.forbidden(&at, NOT_ALLOWED);
            }
        }
        for mount in container.child("volumeMounts").items() {
            for field in ["subPath", "subPathExpr"] {
                if !mount.child(field).is_empty() {
                    errs.forbidden(&mount.child(field), NOT_ALLOWED);
                }
            }
        }
    }
}
