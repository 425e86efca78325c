//! The objects of one informer, by name and by index. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use kube::Resource;

use super::Change;
use crate::NamespacedName;

/// Names the index values of an object.
pub(super) type IndexFn<K> = Arc<dyn Fn(&K) -> Vec<String> + Send + Sync>;

struct Index<K> {
    name: &'static str,
    values: IndexFn<K>,
    objects: HashMap<String, BTreeMap<NamespacedName, Arc<K>>>,
}

/// Objects by namespace and name, with indexes kept in step.
pub(super) struct Cache<K> {
    objects: HashMap<String, BTreeMap<String, Arc<K>>>,
    indexes: Vec<Index<K>>,
}

impl<K: Resource> Cache<K> {
    pub(super) fn new() -> Self {
        Self { objects: HashMap::new(), indexes: Vec::new() }
    }

    /// Adds an index, filled from what is there; a second one of the same name is ignored.
    pub(super) fn index(&mut self, name: &'static str, values: IndexFn<K>) {
        if self.indexes.iter().any(|index| index.name == name) {
            return;
        }
        let mut index = Index { name, values, objects: HashMap::new() };
        for object in self.objects.values().flat_map(BTreeMap::values) {
            index.add(object);
        }
        self.indexes.push(index);
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.objects.get(namespace)?.get(name).cloned()
    }

    pub(super) fn list(&self) -> Vec<Arc<K>> {
        self.objects.values().flat_map(BTreeMap::values).cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.objects.values().map(BTreeMap::len).sum()
    }

    pub(super) fn in_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        self.objects.get(namespace).map(|objects| objects.values().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn by_index(&self, name: &str, value: &str) -> Vec<Arc<K>> {
        let index = self.indexes.iter().find(|index| index.name == name);
        index.and_then(|i| i.objects.get(value)).map(|o| o.values().cloned().collect()).unwrap_or_default()
    }

    /// Stores `object`; `None` when the cache holds this very version.
    pub(super) fn apply(&mut self, object: K) -> Option<Change<K>> {
        let key = NamespacedName::of(&object);
        let new = Arc::new(object);
        let objects = self.objects.entry(key.namespace).or_default();
        let old = objects.insert(key.name, new.clone());
        for index in &mut self.indexes {
            if let Some(old) = &old {
                index.remove(old);
            }
            index.add(&new);
        }
        match old {
            None => Some(Change::Added(new)),
            Some(old) if same_version(old.as_ref(), new.as_ref()) => None,
            Some(old) => Some(Change::Updated { old, new }),
        }
    }

    pub(super) fn delete(&mut self, object: &K) -> Option<Change<K>> {
        let key = NamespacedName::of(object);
        let old = self.remove(&key)?;
        Some(Change::Deleted(old))
    }

    /// Takes over a complete list and returns the differences, deletions last.
    pub(super) fn replace(&mut self, objects: Vec<K>) -> Vec<Change<K>> {
        let mut gone: HashSet<NamespacedName> =
            self.objects.values().flat_map(BTreeMap::values).map(|o| NamespacedName::of(o.as_ref())).collect();
        let mut changes = Vec::new();
        for object in objects {
            gone.remove(&NamespacedName::of(&object));
            changes.extend(self.apply(object));
        }
        changes.extend(gone.into_iter().filter_map(|key| self.remove(&key)).map(Change::Deleted));
        changes
    }

    fn remove(&mut self, key: &NamespacedName) -> Option<Arc<K>> {
        let objects = self.objects.get_mut(&key.namespace)?;
        let old = objects.remove(&key.name)?;
        if objects.is_empty() {
            self.objects.remove(&key.namespace);
        }
        for index in &mut self.indexes {
            index.remove(&old);
        }
        Some(old)
    }
}

impl<K: Resource> Index<K> {
    fn add(&mut self, object: &Arc<K>) {
        for value in (self.values)(object) {
            self.objects.entry(value).or_default().insert(NamespacedName::of(object.as_ref()), object.clone());
        }
    }

    fn remove(&mut self, object: &K) {
        let key = NamespacedName::of(object);
        for value in (self.values)(object) {
            if let Some(objects) = self.objects.get_mut(&value) {
                objects.remove(&key);
                if objects.is_empty() {
                    self.objects.remove(&value);
                }
            }
        }
    }
}

fn same_version<K: Resource>(old: &K, new: &K) -> bool {
    let (old, new) = (old.meta(), new.meta());
    old.uid == new.uid && new.resource_version.is_some() && old.resource_version == new.resource_version
}
