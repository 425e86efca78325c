//! Who owns whom, by uid. Pure.
//!
//! Owners that were never seen have virtual nodes, so that their absence is checked once and their dependents found.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// The finalizer of an object that is deleted after its dependents.
pub const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an object whose dependents are to stay.
pub const ORPHAN: &str = "orphan";

/// Names one object of any kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Its API version, as `apps/v1`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// One object.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub identity: Arc<Identity>,
    /// Its owner references, as last seen.
    pub owners: Vec<OwnerReference>,
    /// The uids of objects that name it as owner.
    pub dependents: BTreeSet<String>,
    /// Whether it is known from references alone.
    pub is_virtual: bool,
    /// Whether it has a deletion timestamp.
    pub being_deleted: bool,
    /// Whether it waits for its dependents to be deleted first.
    pub deleting_dependents: bool,
    /// Whether it waits for its dependents to be released.
    pub orphaning: bool,
}

impl Node {
    /// Says whether the node must be gone before the object `owner` that is deleted in the foreground.
    pub fn blocks(&self, owner: &str) -> bool {
        self.owners.iter().any(|o| o.uid == owner && o.block_owner_deletion == Some(true))
    }
}

/// The uids to look at after a change.
pub type Wake = Vec<String>;

/// All objects. The methods return what the change makes worth a look.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: HashMap<String, Node>,
}

impl Graph {
    /// Returns one node.
    pub fn get(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// Returns the dependents of an object.
    pub fn dependents(&self, uid: &str) -> Vec<Node> {
        let Some(node) = self.nodes.get(uid) else { return Vec::new() };
        node.dependents.iter().filter_map(|uid| self.nodes.get(uid)).cloned().collect()
    }

    /// Notes that an object is there, and how it looks.
    pub fn observe(&mut self, identity: Identity, meta: &ObjectMeta) -> Wake {
        let uid = identity.uid.clone();
        let owners = meta.owner_references.clone().unwrap_or_default();
        let finalizers = meta.finalizers.as_deref().unwrap_or_default();
        let being_deleted = meta.deletion_timestamp.is_some();
        let waits = |finalizer: &str| being_deleted && finalizers.iter().any(|f| f == finalizer);
        let old = self.nodes.get(&uid).cloned();
        let mut wake = self.relink(&uid, old.as_ref().map_or(&[], |old| &old.owners), &owners, &identity);
        let node = Node {
            identity: Arc::new(identity),
            owners: owners.clone(),
            // After the links are made: an object may name itself.
            dependents: self.nodes.get(&uid).map(|linked| linked.dependents.clone()).unwrap_or_default(),
            is_virtual: false,
            being_deleted,
            deleting_dependents: waits(FOREGROUND),
            orphaning: waits(ORPHAN),
        };
        let known = old.as_ref().is_some_and(|old| !old.is_virtual);
        if !known && !owners.is_empty() {
            // It may name owners that are gone already.
            wake.push(uid.clone());
        }
        if node.orphaning && !old.as_ref().is_some_and(|old| old.orphaning) {
            wake.push(uid.clone());
        }
        if node.deleting_dependents && !old.as_ref().is_some_and(|old| old.deleting_dependents) {
            wake.extend(node.dependents.iter().cloned());
            wake.push(uid.clone());
        }
        if being_deleted && !old.as_ref().is_some_and(|old| old.being_deleted) {
            wake.extend(self.waiting_owners(&owners));
        }
        self.nodes.insert(uid, node);
        wake
    }

    /// Notes that an object is gone.
    pub fn remove(&mut self, uid: &str) -> Wake {
        let Some(mut node) = self.nodes.remove(uid) else { return Vec::new() };
        node.dependents.remove(uid);
        let mut wake: Wake = node.dependents.iter().cloned().collect();
        wake.extend(self.waiting_owners(&node.owners));
        for owner in &node.owners {
            self.unlink(&owner.uid, uid);
        }
        if !node.dependents.is_empty() {
            // Its dependents still name it; what they find when they look is theirs to decide.
            let ghost = Node {
                owners: Vec::new(),
                is_virtual: true,
                being_deleted: false,
                deleting_dependents: false,
                orphaning: false,
                ..node
            };
            self.nodes.insert(uid.to_owned(), ghost);
        }
        wake
    }

    /// Returns the uids of the observed objects that `matches`.
    pub fn observed(&self, matches: impl Fn(&Identity) -> bool) -> HashSet<String> {
        let nodes = self.nodes.values().filter(|node| !node.is_virtual && matches(&node.identity));
        nodes.map(|node| node.identity.uid.clone()).collect()
    }

    /// Moves an object from its old owners to its new ones.
    fn relink(&mut self, uid: &str, old: &[OwnerReference], new: &[OwnerReference], child: &Identity) -> Wake {
        let mut wake = Vec::new();
        for owner in old {
            let kept = new.iter().find(|o| o.uid == owner.uid);
            if kept.is_none() {
                self.unlink(&owner.uid, uid);
            }
            let unblocked = owner.block_owner_deletion == Some(true)
                && kept.is_none_or(|kept| kept.block_owner_deletion != Some(true));
            if kept.is_none() || unblocked {
                wake.extend(self.waiting_owners(std::slice::from_ref(owner)));
            }
        }
        let mut added = false;
        for owner in new {
            added |= !old.iter().any(|o| o.uid == owner.uid);
            match self.nodes.get_mut(&owner.uid) {
                Some(node) => {
                    node.dependents.insert(uid.to_owned());
                }
                None => {
                    self.nodes.insert(owner.uid.clone(), virtual_owner(owner, child));
                    wake.push(owner.uid.clone());
                }
            }
        }
        if added {
            wake.push(uid.to_owned());
        }
        wake
    }

    fn unlink(&mut self, owner: &str, dependent: &str) {
        let Some(node) = self.nodes.get_mut(owner) else { return };
        node.dependents.remove(dependent);
        if node.is_virtual && node.dependents.is_empty() {
            self.nodes.remove(owner);
        }
    }

    /// Returns the owners that wait for their dependents to be deleted.
    fn waiting_owners(&self, owners: &[OwnerReference]) -> Wake {
        let waiting = owners.iter().filter(|o| self.nodes.get(&o.uid).is_some_and(|node| node.deleting_dependents));
        waiting.map(|owner| owner.uid.clone()).collect()
    }
}

fn virtual_owner(owner: &OwnerReference, child: &Identity) -> Node {
    let identity = Identity {
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        // Corrected by whoever looks: a cluster-scoped owner has none.
        namespace: child.namespace.clone(),
        name: owner.name.clone(),
        uid: owner.uid.clone(),
    };
    Node {
        identity: Arc::new(identity),
        owners: Vec::new(),
        dependents: [child.uid.clone()].into(),
        is_virtual: true,
        being_deleted: false,
        deleting_dependents: false,
        orphaning: false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use proptest::prelude::*;

    use super::*;

    fn identity(uid: u8) -> Identity {
        Identity {
            api_version: "v1".to_owned(),
            kind: "X".to_owned(),
            namespace: "n".to_owned(),
            name: format!("x{uid}"),
            uid: uid.to_string(),
        }
    }

    fn meta(owners: &[u8], deleting: bool, finalizer: Option<&str>) -> ObjectMeta {
        let owner = |uid: &u8| OwnerReference {
            uid: uid.to_string(),
            block_owner_deletion: Some(true),
            ..OwnerReference::default()
        };
        ObjectMeta {
            owner_references: Some(owners.iter().map(owner).collect()),
            deletion_timestamp: deleting.then_some(Time(jiff::Timestamp::UNIX_EPOCH)),
            finalizers: finalizer.map(|finalizer| vec![finalizer.to_owned()]),
            ..ObjectMeta::default()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn links_are_symmetric_and_nothing_leaks(
            steps in prop::collection::vec((0..6_u8, prop::option::of(prop::collection::btree_set(0..6_u8, 0..3))), 0..60),
        ) {
            let mut graph = Graph::default();
            let mut model: HashMap<u8, BTreeSet<u8>> = HashMap::new();
            for (uid, owners) in steps {
                match owners {
                    Some(owners) => {
                        graph.observe(identity(uid), &meta(&owners.iter().copied().collect::<Vec<_>>(), false, None));
                        model.insert(uid, owners);
                    }
                    None => {
                        let wake = graph.remove(&uid.to_string());
                        if model.remove(&uid).is_some() {
                            for (child, owners) in &model {
                                prop_assert!(!owners.contains(&uid) || wake.contains(&child.to_string()));
                            }
                        }
                    }
                }
                for owner in 0..6_u8 {
                    let expected: BTreeSet<String> = model.iter().filter(|(_, o)| o.contains(&owner)).map(|(c, _)| c.to_string()).collect();
                    let node = graph.get(&owner.to_string());
                    prop_assert_eq!(node.map(|n| n.dependents.clone()).unwrap_or_default(), expected.clone());
                    let known = model.contains_key(&owner);
                    prop_assert_eq!(node.is_some(), known || !expected.is_empty());
                    prop_assert_eq!(node.is_some_and(|n| !n.is_virtual), known);
                }
            }
        }
    }

    #[test]
    fn a_foreground_deletion_wakes_dependents_and_their_end_wakes_the_owner() {
        let mut graph = Graph::default();
        graph.observe(identity(1), &meta(&[], false, None));
        graph.observe(identity(2), &meta(&[1], false, None));
        assert_eq!(graph.observe(identity(1), &meta(&[], true, Some(FOREGROUND))), ["2", "1"]);
        assert!(graph.get("2").unwrap().blocks("1"));
        assert_eq!(graph.remove("2"), ["1"]);
        assert_eq!(graph.remove("1"), Wake::new());
        assert!(graph.get("1").is_none());
    }

    #[test]
    fn an_unknown_owner_is_looked_up() {
        let mut graph = Graph::default();
        assert_eq!(graph.observe(identity(2), &meta(&[9], false, None)), ["9", "2", "2"]);
        assert!(graph.get("9").unwrap().is_virtual);
        assert_eq!(graph.remove("9"), ["2"]);
        assert!(graph.get("9").is_some(), "still named by 2");
        graph.remove("2");
        assert!(graph.get("9").is_none());
    }
}
