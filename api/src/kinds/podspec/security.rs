//! Validation of security contexts of pods and containers.

use crate::field::{At, Errors};
use crate::kinds::common::checks::{MAX_INT32, Seen, descending_path, in_range};

const SYSCTL_PATTERN: &str = "([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?";

/// Validates the pod's security context and the namespaces it shares with the host.
pub fn pod(spec: &At<'_>, errs: &mut Errors) {
    let at = spec.child("securityContext");
    ids(&at, &["fsGroup", "runAsUser", "runAsGroup"], errs);
    for group in at.child("supplementalGroups").items() {
        in_range(&group, 0, MAX_INT32, errs);
    }
    let share = spec.child("shareProcessNamespace");
    if share.is_true() && spec.child("hostPID").is_true() {
        errs.invalid(&share, "ShareProcessNamespace and HostPID cannot both be enabled");
    }
    sysctls(&at.child("sysctls"), errs);
    at.child("fsGroupChangePolicy").one_of(&["Always", "OnRootMismatch"], errs);
    at.child("supplementalGroupsPolicy").one_of(&["Merge", "Strict"], errs);
    at.child("seLinuxChangePolicy").one_of(&["MountOption", "Recursive"], errs);
    profiles(&at, errs);
    host_users(spec, errs);
}

fn host_users(spec: &At<'_>, errs: &mut Errors) {
    if spec.child("hostUsers").bool() != Some(false) {
        return;
    }
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        let at = spec.child(field);
        if at.is_true() && field != "hostNetwork" {
            let name = if field == "hostPID" { "HostPID" } else { "HostIPC" };
            errs.forbidden(&at, format!("when `pod.Spec.HostUsers` is false, {name} must be unset or false"));
        } else if at.is_true() {
            errs.forbidden(&at, "when `hostUsers` is false");
        }
    }
}

/// Validates a container's security context.
pub fn container(at: &At<'_>, host_users: bool, errs: &mut Errors) {
    if !at.exists() {
        return;
    }
    ids(at, &["runAsUser", "runAsGroup"], errs);
    let mount = at.child("procMount");
    mount.one_of(&["Default", "Unmasked"], errs);
    if mount.text() == "Unmasked" && host_users {
        errs.invalid(&mount, "`hostUsers` must be false to use `Unmasked`");
    }
    profiles(at, errs);
    if at.child("allowPrivilegeEscalation").bool() == Some(false) {
        if at.child("privileged").is_true() {
            errs.invalid(at, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
        }
        if at.child("capabilities").child("add").items().any(|c| c.text() == "CAP_SYS_ADMIN") {
            errs.invalid(at, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
        }
    }
}

fn ids(at: &At<'_>, fields: &[&'static str], errs: &mut Errors) {
    for field in fields {
        in_range(&at.child(*field), 0, MAX_INT32, errs);
    }
}

fn sysctls(at: &At<'_>, errs: &mut Errors) {
    let mut seen = Seen::default();
    for sysctl in at.items() {
        let name = sysctl.child("name");
        if !name.require(errs) {
            continue;
        }
        if !is_sysctl_name(name.text()) {
            errs.invalid(&name, format!("must have at most 253 characters and match regex {SYSCTL_PATTERN}"));
        }
        seen.unique(&name, errs);
    }
}

fn is_sysctl_name(name: &str) -> bool {
    let alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 253
        && name.split(['.', '/']).all(|part| {
            part.starts_with(alnum) && part.ends_with(alnum) && part.chars().all(|c| alnum(c) || c == '-' || c == '_')
        })
}

fn profiles(at: &At<'_>, errs: &mut Errors) {
    profile(
        &at.child("seccompProfile"),
        errs,
        "seccomp",
        "type is required when seccompProfile is set",
        "seccompProfile",
    );
    profile(&at.child("appArmorProfile"), errs, "AppArmor", "type is required when appArmorProfile is set", "AppArmor");
}

fn profile(at: &At<'_>, errs: &mut Errors, name: &str, type_required: &str, profile_name: &str) {
    if !at.exists() {
        return;
    }
    let (kind, file) = (at.child("type"), at.child("localhostProfile"));
    match kind.text() {
        "Localhost" if !file.exists() => {
            errs.required_because(&file, format!("must be set when {name} type is Localhost"))
        }
        "Localhost" if name == "seccomp" => descending_path(&file, errs),
        "Localhost" => {
            if file.text().trim().is_empty() {
                errs.required_because(&file, format!("must be set when {name} type is Localhost"));
            }
        }
        "RuntimeDefault" | "Unconfined" => {}
        "" => errs.required_because(&kind, type_required),
        _ => errs.not_supported(&kind, &["Localhost", "RuntimeDefault", "Unconfined"]),
    }
    if file.exists() && kind.text() != "Localhost" {
        errs.invalid(&file, format!("can only be set when {profile_name} type is Localhost"));
    }
}

#[cfg(test)]
mod tests {
    use super::is_sysctl_name;

    #[test]
    fn sysctl_names() {
        for good in ["kernel.shm_rmid_forced", "net/ipv4/ip_forward", "a-b.c"] {
            assert!(is_sysctl_name(good), "{good}");
        }
        for bad in ["", "Kernel.x", "a..b", "-a", "a_.b"] {
            assert!(!is_sysctl_name(bad), "{bad}");
        }
    }
}
