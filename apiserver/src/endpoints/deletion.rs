//! Decides what a delete does to an object: remove it, mark it and wait, or nothing because it is under way.
//!
//! Follows `staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go: BeforeDelete` and
//! `registry/generic/registry/store.go: Delete @ v1.36`. Pure.

use corvette_api::{
    gvk::{GroupKind, GroupResource},
    kinds::{DeletePolicy, Strategy},
    meta,
    status::{self, Status},
    time,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::options::{DeleteOptions, Propagation};
use crate::hooks::Hooks;

/// Finalizer that makes the garbage collector orphan dependents.
pub const ORPHAN: &str = "orphan";
/// Finalizer that makes the garbage collector delete dependents first.
pub const FOREGROUND: &str = "foregroundDeletion";

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Remove the object now.
    Remove,
    /// Write this and wait.
    Mark(Value),
    /// Deletion is under way already; answer the object as it is.
    Pending,
}

/// Checks preconditions against an object.
///
/// # Errors
/// 409 as upstream words it.
pub fn check_preconditions(kind: &GroupKind, object: &Value, options: &DeleteOptions) -> Result<(), Status> {
    // Upstream puts the kind where the resource belongs.
    let resource = GroupResource { group: kind.group.clone(), resource: kind.kind.clone() };
    let conflict = |detail| Err(status::conflict(&resource, meta::name(object), detail));
    let (uid, version) = (meta::uid(object), meta::resource_version(object));
    if let Some(wanted) = options.uid.as_deref().filter(|wanted| *wanted != uid) {
        return conflict(format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
        ));
    }
    if let Some(wanted) = options.resource_version.as_deref().filter(|wanted| *wanted != version) {
        return conflict(format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). The object might have been modified"
        ));
    }
    Ok(())
}

/// Plans the deletion of `object`.
pub fn plan(
    strategy: &dyn Strategy,
    hooks: &dyn Hooks,
    object: &Value,
    options: &DeleteOptions,
    now: Timestamp,
) -> Plan {
    let mut marked = object.clone();
    let graceful = match grace(strategy, &mut marked, options, now) {
        Grace::Pending => return Plan::Pending,
        Grace::None => None,
        Grace::Seconds(seconds) => Some(seconds),
    };
    set_collection_finalizers(strategy.delete_policy(), &mut marked, options);
    let held = meta::finalizers(&marked).next().is_some() || hooks.holds(&marked);
    if !held && graceful.is_none_or(|seconds| seconds == 0) {
        return Plan::Remove;
    }
    if graceful.is_none() {
        mark(&mut marked, now);
    }
    hooks.mark_deleted(&mut marked);
    if marked == *object { Plan::Pending } else { Plan::Mark(marked) }
}

/// Tells whether a change of an object under deletion released it: nothing holds it any more and its grace is over.
pub fn is_released(hooks: &dyn Hooks, new: &Value, old: &Value) -> bool {
    meta::is_being_deleted(new)
        && meta::finalizers(new).next().is_none()
        && !hooks.holds(new)
        && meta::deletion_grace_period_seconds(old).is_none_or(|seconds| seconds == 0)
}

enum Grace {
    None,
    Pending,
    Seconds(i64),
}

/// Applies the kind's grace period to the object's metadata.
fn grace(strategy: &dyn Strategy, object: &mut Value, options: &DeleteOptions, now: Timestamp) -> Grace {
    let asked = strategy.graceful_delete(object, options.grace_seconds);
    let Some(started) = meta::deletion_timestamp(object).and_then(|text| time::parse(text).ok()) else {
        let Some(seconds) = asked else { return Grace::None };
        start(object, seconds, now);
        return Grace::Seconds(seconds);
    };
    let (Some(_), Some(before)) = (asked, meta::deletion_grace_period_seconds(object)) else { return Grace::None };
    let Some(shorter) = options.grace_seconds.filter(|seconds| *seconds < before) else { return Grace::Pending };
    let shorter = shorter.max(0);
    let at = started.saturating_sub(SignedDuration::from_secs(before - shorter)).unwrap_or(now);
    meta::set_deletion_timestamp(object, at);
    meta::set_deletion_grace_period_seconds(object, shorter);
    Grace::Seconds(shorter)
}

fn start(object: &mut Value, seconds: i64, now: Timestamp) {
    let at = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
    meta::set_deletion_timestamp(object, at);
    meta::set_deletion_grace_period_seconds(object, seconds);
    advance_generation(object);
}

/// Marks an object without grace period as deleted now.
fn mark(object: &mut Value, now: Timestamp) {
    let at = meta::deletion_timestamp(object).and_then(|text| time::parse(text).ok());
    if at.is_none() {
        advance_generation(object);
    }
    if at.is_none_or(|at| at > now) {
        meta::set_deletion_timestamp(object, now);
    }
    meta::set_deletion_grace_period_seconds(object, 0);
}

fn advance_generation(object: &mut Value) {
    let generation = meta::generation(object);
    if generation > 0 {
        meta::set_generation(object, generation + 1);
    }
}

/// Adds or removes the finalizers that make the garbage collector orphan or delete dependents first.
fn set_collection_finalizers(policy: DeletePolicy, object: &mut Value, options: &DeleteOptions) {
    let wanted = wanted_finalizer(policy, object, options);
    let mut finalizers: Vec<String> =
        meta::finalizers(object).filter(|f| *f != ORPHAN && *f != FOREGROUND).map(str::to_owned).collect();
    finalizers.extend(wanted.map(str::to_owned));
    let unchanged = finalizers.len() == meta::finalizers(object).count()
        && wanted.is_none_or(|finalizer| meta::has_finalizer(object, finalizer));
    if !unchanged {
        meta::set_finalizers(object, finalizers);
    }
}

fn wanted_finalizer(policy: DeletePolicy, object: &Value, options: &DeleteOptions) -> Option<&'static str> {
    if policy == DeletePolicy::Unsupported {
        return None;
    }
    match options.propagation {
        Some(Propagation::Orphan) => return Some(ORPHAN),
        Some(Propagation::Foreground) => return Some(FOREGROUND),
        Some(Propagation::Background) => return None,
        None => {}
    }
    match meta::finalizers(object).find(|f| matches!(*f, ORPHAN | FOREGROUND)) {
        Some(ORPHAN) => Some(ORPHAN),
        Some(_) => Some(FOREGROUND),
        None => (policy == DeletePolicy::Orphan).then_some(ORPHAN),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Plain;
    impl Strategy for Plain {}
    struct Graceful;
    impl Strategy for Graceful {
        fn graceful_delete(&self, _obj: &Value, requested: Option<i64>) -> Option<i64> {
            Some(requested.unwrap_or(30))
        }
    }
    struct NoHooks;
    impl Hooks for NoHooks {}

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn options(grace_seconds: Option<i64>, propagation: Option<Propagation>) -> DeleteOptions {
        DeleteOptions { grace_seconds, propagation, ..DeleteOptions::default() }
    }

    fn run(strategy: &dyn Strategy, object: &Value, options: &DeleteOptions) -> Plan {
        plan(strategy, &NoHooks, object, options, now())
    }

    #[test]
    fn an_object_that_nothing_holds_is_removed() {
        let object = json!({"metadata": {"name": "x"}});
        assert_eq!(run(&Plain, &object, &options(None, None)), Plan::Remove);
        assert_eq!(run(&Plain, &object, &options(Some(30), None)), Plan::Remove);
        assert_eq!(run(&Graceful, &object, &options(Some(0), None)), Plan::Remove);
    }

    #[test]
    fn finalizers_hold_an_object_and_mark_it() {
        let object = json!({"metadata": {"name": "x", "generation": 1, "finalizers": ["a/b"]}});
        let Plan::Mark(marked) = run(&Plain, &object, &options(None, None)) else { panic!("not marked") };
        assert_eq!(meta::deletion_timestamp(&marked), Some("2026-01-01T00:00:00Z"));
        assert_eq!((meta::deletion_grace_period_seconds(&marked), meta::generation(&marked)), (Some(0), 2));
        assert_eq!(run(&Plain, &marked, &options(None, None)), Plan::Pending);
    }

    #[test]
    fn propagation_sets_the_collectors_finalizers() {
        let object = json!({"metadata": {"name": "x"}});
        for (propagation, finalizer) in [(Propagation::Orphan, ORPHAN), (Propagation::Foreground, FOREGROUND)] {
            let Plan::Mark(marked) = run(&Plain, &object, &options(None, Some(propagation))) else {
                panic!("not marked")
            };
            assert_eq!(meta::finalizers(&marked).collect::<Vec<_>>(), [finalizer]);
        }
        let foreground = json!({"metadata": {"name": "x", "finalizers": [FOREGROUND]}});
        assert_eq!(run(&Plain, &foreground, &options(None, Some(Propagation::Background))), Plan::Remove);
    }

    #[test]
    fn grace_starts_once_and_can_only_become_shorter() {
        let object = json!({"metadata": {"name": "x"}});
        let Plan::Mark(first) = run(&Graceful, &object, &options(None, None)) else { panic!("not marked") };
        assert_eq!(meta::deletion_timestamp(&first), Some("2026-01-01T00:00:30Z"));
        assert_eq!(run(&Graceful, &first, &options(None, None)), Plan::Pending);
        assert_eq!(run(&Graceful, &first, &options(Some(60), None)), Plan::Pending);
        let Plan::Mark(second) = run(&Graceful, &first, &options(Some(5), None)) else { panic!("not marked") };
        assert_eq!(meta::deletion_timestamp(&second), Some("2026-01-01T00:00:05Z"));
        assert_eq!(run(&Graceful, &first, &options(Some(0), None)), Plan::Remove);
    }

    #[test]
    fn an_object_is_released_by_its_last_finalizer() {
        let old = json!({"metadata": {"name": "x", "deletionTimestamp": "2026-01-01T00:00:00Z",
            "deletionGracePeriodSeconds": 0, "finalizers": ["a/b"]}});
        let mut new = old.clone();
        assert!(!is_released(&NoHooks, &new, &old));
        meta::remove_field(&mut new, "finalizers");
        assert!(is_released(&NoHooks, &new, &old));
        let alive = json!({"metadata": {"name": "x"}});
        assert!(!is_released(&NoHooks, &alive, &alive));
    }

    #[test]
    fn preconditions_name_what_differs() {
        let kind = GroupKind::new("", "ConfigMap");
        let object = json!({"metadata": {"name": "x", "uid": "u", "resourceVersion": "3"}});
        let wrong = DeleteOptions { uid: Some("w".into()), ..DeleteOptions::default() };
        let status = check_preconditions(&kind, &object, &wrong).unwrap_err();
        assert_eq!(status.code, 409);
        assert_eq!(
            status.message,
            "Operation cannot be fulfilled on ConfigMap \"x\": the UID in the precondition (w) does not match the UID in record (u). The object might have been deleted and then recreated"
        );
    }
}
