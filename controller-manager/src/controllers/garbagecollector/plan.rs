//! What becomes of an object, given the state of its owners. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::graph::{FOREGROUND, ORPHAN};

/// The live state of one owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It is there.
    Solid,
    /// It is gone, or another object has its name.
    Absent,
    /// It is deleted in the foreground and waits for its dependents.
    Waiting,
}

/// How an object is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Its dependents are let go first.
    Orphan,
    /// Its dependents are deleted first.
    Foreground,
    /// Its dependents are deleted afterwards.
    Background,
}

/// What to do about an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Nothing: it has an owner.
    Keep,
    /// Take away the references to these owners, by uid; others remain.
    Disown(Vec<String>),
    /// Delete it.
    Delete {
        /// How.
        policy: Policy,
        /// Whether its references must stop blocking their owners, because two objects wait for each other.
        unblock: bool,
    },
}

/// Decides from the live metadata of an object and the state of each of its owners.
///
/// `has_dependents` and `dependents_wait` (some dependent is itself deleted in the foreground) come from the graph.
pub fn decide(
    meta: &ObjectMeta,
    owners: &[(OwnerReference, Owner)],
    has_dependents: bool,
    dependents_wait: bool,
) -> Decision {
    let of = |state: Owner| owners.iter().filter(move |(_, s)| *s == state).map(|(owner, _)| owner.uid.clone());
    if owners.is_empty() {
        return Decision::Keep;
    }
    if of(Owner::Solid).next().is_some() {
        let gone: Vec<String> = of(Owner::Absent).chain(of(Owner::Waiting)).collect();
        return if gone.is_empty() { Decision::Keep } else { Decision::Disown(gone) };
    }
    if of(Owner::Waiting).next().is_some() && has_dependents {
        return Decision::Delete { policy: Policy::Foreground, unblock: dependents_wait };
    }
    let finalizers = meta.finalizers.as_deref().unwrap_or_default();
    let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
    let policy = if has(ORPHAN) {
        Policy::Orphan
    } else if has(FOREGROUND) {
        Policy::Foreground
    } else {
        Policy::Background
    };
    Decision::Delete { policy, unblock: false }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owner() -> impl Strategy<Value = Owner> {
        prop_oneof![Just(Owner::Solid), Just(Owner::Absent), Just(Owner::Waiting)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn nothing_with_a_living_owner_is_deleted(states in prop::collection::vec(owner(), 0..6), dependents: bool, wait: bool) {
            let owners: Vec<(OwnerReference, Owner)> = states.iter().enumerate().map(|(n, state)| {
                (OwnerReference { uid: n.to_string(), ..OwnerReference::default() }, *state)
            }).collect();
            let decision = decide(&ObjectMeta::default(), &owners, dependents, wait);
            let living = states.contains(&Owner::Solid);
            match decision {
                Decision::Keep => prop_assert!(states.is_empty() || states.iter().all(|s| *s == Owner::Solid)),
                Decision::Disown(gone) => {
                    prop_assert!(living);
                    let expected = states.iter().filter(|s| **s != Owner::Solid).count();
                    prop_assert_eq!(gone.len(), expected);
                }
                Decision::Delete { policy, unblock } => {
                    prop_assert!(!living && !states.is_empty());
                    let waiting = states.contains(&Owner::Waiting);
                    prop_assert_eq!(policy == Policy::Foreground, waiting && dependents);
                    prop_assert_eq!(unblock, waiting && dependents && wait);
                }
            }
        }
    }

    #[test]
    fn the_object_itself_may_ask_for_a_policy() {
        let owners = [(OwnerReference::default(), Owner::Absent)];
        for (finalizer, expected) in [(ORPHAN, Policy::Orphan), (FOREGROUND, Policy::Foreground)] {
            let meta = ObjectMeta { finalizers: Some(vec![finalizer.to_owned()]), ..ObjectMeta::default() };
            assert_eq!(decide(&meta, &owners, true, false), Decision::Delete { policy: expected, unblock: false });
        }
    }
}
