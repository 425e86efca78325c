//! From a change of a child to the keys of the owners it concerns.

use std::sync::Arc;

use corvette_client::NamespacedName;
use corvette_client::expectations::Expectations;
use corvette_client::informer::{Change, Informer};
use corvette_client::kube::Resource;
use corvette_client::kube::core::Selector;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::claim::{controller_of, selects};
use crate::framework::Queue;

/// The owners of one kind, whose keys a queue holds.
pub struct Family<O> {
    /// The owners' cache.
    pub owners: Informer<O>,
    /// Where keys of owners go.
    pub queue: Queue,
    /// What the owners' controller waits to see, if it keeps expectations.
    pub expectations: Option<Arc<Expectations>>,
    /// Reads an owner's selector; `None` when it cannot be used.
    pub selector: fn(&O) -> Option<Selector>,
}

impl<O: Resource<DynamicType = ()> + Send + Sync + 'static> Family<O> {
    /// Adds the keys of owners that change themselves, and of those whose children change.
    pub fn watch<C: Resource + Send + Sync + 'static>(self, children: &Informer<C>) {
        let (queue, expectations) = (self.queue.clone(), self.expectations.clone());
        self.owners.on_change(move |change| {
            let key = NamespacedName::of(change.object().as_ref());
            if let (Change::Deleted(_), Some(expectations)) = (change, &expectations) {
                expectations.forget(&key);
            }
            queue.add(key);
        });
        children.on_change(move |change| self.child_changed(change));
    }

    fn child_changed<C: Resource>(&self, change: &Change<C>) {
        match change {
            Change::Added(child) if child.meta().deletion_timestamp.is_some() => self.gone(child.meta()),
            Change::Added(child) => {
                if let Some(owner) = self.resolve(child.meta()) {
                    if let Some(expectations) = &self.expectations {
                        expectations.creation_observed(&owner);
                    }
                    self.queue.add(owner);
                } else if controller_of(child.meta()).is_none() {
                    self.wake_matching(child.meta());
                }
            }
            Change::Updated { old, new } => self.updated(old.meta(), new.meta()),
            Change::Deleted(child) => self.gone(child.meta()),
        }
    }

    fn updated(&self, old: &ObjectMeta, new: &ObjectMeta) {
        if old.uid != new.uid {
            self.gone(old);
        }
        if new.deletion_timestamp.is_some() {
            // Going away counts as gone: a replacement need not wait for the end.
            self.gone(new);
            return;
        }
        let (before, after) = (controller_of(old), controller_of(new));
        if uid(before) != uid(after)
            && let Some(owner) = self.resolve(old)
        {
            self.queue.add(owner);
        }
        if let Some(owner) = self.resolve(new) {
            self.queue.add(owner);
        } else if after.is_none() && (old.labels != new.labels || before.is_some()) {
            self.wake_matching(new);
        }
    }

    fn gone(&self, child: &ObjectMeta) {
        let Some(owner) = self.resolve(child) else { return };
        if let Some(expectations) = &self.expectations {
            expectations.deletion_observed(&owner, &key(child));
        }
        self.queue.add(owner);
    }

    /// Returns the key of the child's owner if it is of this family and still the same object.
    fn resolve(&self, child: &ObjectMeta) -> Option<NamespacedName> {
        let reference = controller_of(child).filter(|reference| reference.kind == O::kind(&()))?;
        let key = NamespacedName::new(child.namespace.clone().unwrap_or_default(), reference.name.clone());
        let owner = self.owners.get(&key)?;
        (owner.meta().uid.as_ref() == Some(&reference.uid)).then_some(key)
    }

    fn wake_matching(&self, child: &ObjectMeta) {
        for owner in self.owners.in_namespace(child.namespace.as_deref().unwrap_or_default()) {
            if (self.selector)(&owner).is_some_and(|selector| selects(&selector, child)) {
                self.queue.add(NamespacedName::of(owner.as_ref()));
            }
        }
    }
}

fn uid(reference: Option<&OwnerReference>) -> Option<&str> {
    reference.map(|reference| reference.uid.as_str())
}

/// Returns the name of an object from its metadata.
pub fn key(meta: &ObjectMeta) -> NamespacedName {
    NamespacedName::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}
