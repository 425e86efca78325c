//! A set of rows with look-ups, and the shared place that holds the current one.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::row::{Row, Text};
use super::table;

/// A group and its served versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    /// The group's name, empty for core.
    pub name: Text,
    /// Versions, the preferred one first.
    pub versions: Vec<Text>,
}

/// An immutable set of rows.
///
/// Cheap to clone; a change (a custom resource comes or goes) makes a new value.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    rows: Vec<Arc<Row>>,
    // group -> version -> plural -> index into `rows`; nested so that look-ups borrow their keys.
    index: HashMap<Text, HashMap<Text, HashMap<Text, usize>>>,
    groups: Vec<GroupInfo>,
}

impl Registry {
    /// Makes the set of all built-in rows.
    #[must_use]
    pub fn builtin() -> Self {
        Self::from_rows(table::rows().into_iter().map(Arc::new).collect())
    }

    /// Makes a set of rows; of two rows with the same group, version and plural the first one counts.
    #[must_use]
    pub fn from_rows(rows: Vec<Arc<Row>>) -> Self {
        let mut set = Self::default();
        for row in rows {
            let slot = set
                .index
                .entry(row.group.clone())
                .or_default()
                .entry(row.version.clone())
                .or_default()
                .entry(row.plural.clone());
            if let std::collections::hash_map::Entry::Vacant(vacant) = slot {
                vacant.insert(set.rows.len());
                set.rows.push(row);
            }
        }
        set.groups = set.sorted_groups();
        set
    }

    /// Returns a set with these rows instead of those of `group`, which is how custom resources come and go.
    #[must_use]
    pub fn with_group(&self, group: &str, rows: impl IntoIterator<Item = Row>) -> Self {
        let kept = self.rows.iter().filter(|r| r.group != group).cloned();
        Self::from_rows(kept.chain(rows.into_iter().map(Arc::new)).collect())
    }

    /// Returns all rows: built-in ones in the table's order, then custom ones.
    #[must_use]
    pub fn rows(&self) -> &[Arc<Row>] {
        &self.rows
    }

    /// Finds a row by what stands in the path.
    #[must_use]
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Row>> {
        let at = self.index.get(group)?.get(version)?.get(plural)?;
        self.rows.get(*at)
    }

    /// Finds a row by kind.
    #[must_use]
    pub fn find_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Row>> {
        self.rows.iter().find(|r| r.group == group && r.version == version && r.kind == kind)
    }

    /// Returns the groups in upstream's priority order, core first.
    #[must_use]
    pub fn groups(&self) -> &[GroupInfo] {
        &self.groups
    }

    /// Returns one group.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&GroupInfo> {
        self.groups.iter().find(|g| g.name == name)
    }

    /// Tells whether a group serves a version.
    #[must_use]
    pub fn has_version(&self, group: &str, version: &str) -> bool {
        self.index.get(group).is_some_and(|versions| versions.contains_key(version))
    }

    /// Returns the rows of one group and version, in the table's order.
    pub fn version_rows(&self, group: &str, version: &str) -> impl Iterator<Item = &Arc<Row>> {
        self.rows.iter().filter(move |r| r.group == group && r.version == version)
    }

    /// Returns one row for each storage, that of the storage version: what a watch cache or the garbage collector needs.
    pub fn stored(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.rows.iter().filter(|r| r.is_storage_version())
    }

    fn sorted_groups(&self) -> Vec<GroupInfo> {
        let mut groups: Vec<GroupInfo> = self
            .index
            .iter()
            .map(|(name, versions)| {
                let mut versions: Vec<Text> = versions.keys().cloned().collect();
                versions.sort_by(|a, b| version_priority(a, b));
                GroupInfo { name: name.clone(), versions }
            })
            .collect();
        groups.sort_by(|a, b| group_rank(&a.name).cmp(&group_rank(&b.name)).then_with(|| a.name.cmp(&b.name)));
        groups
    }
}

fn group_rank(group: &str) -> usize {
    table::GROUP_ORDER.iter().position(|g| *g == group).unwrap_or(table::GROUP_ORDER.len())
}

/// Orders versions as upstream does: GA before beta before alpha, higher numbers first, others last by name.
///
/// Follows `apimachinery/pkg/version/helpers.go: CompareKubeAwareVersionStrings @ v1.36`, with the preferred version first.
#[must_use]
pub fn version_priority(a: &str, b: &str) -> Ordering {
    match (parse_version(a), parse_version(b)) {
        (Some(x), Some(y)) => y.cmp(&x),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// Splits `v2beta1` into (stability, major, minor), greater being preferred.
fn parse_version(version: &str) -> Option<(u8, u64, u64)> {
    let rest = version.strip_prefix('v')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (major, tail) = rest.split_at_checked(digits)?;
    let major = major.parse().ok()?;
    if tail.is_empty() {
        return Some((2, major, 0));
    }
    if let Some(minor) = tail.strip_prefix("beta") {
        return Some((1, major, minor.parse().ok()?));
    }
    let minor = tail.strip_prefix("alpha")?;
    Some((0, major, minor.parse().ok()?))
}

/// The current registry, replaced as a whole when custom resources change.
#[derive(Debug)]
pub struct Shared(ArcSwap<Registry>);

impl Shared {
    /// Holds a first registry.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self(ArcSwap::from_pointee(registry))
    }

    /// Returns the current registry without counting references; for one request, not across awaits.
    pub fn load(&self) -> Guard<Arc<Registry>> {
        self.0.load()
    }

    /// Returns the current registry.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Registry> {
        self.0.load_full()
    }

    /// Puts a new registry in place.
    pub fn replace(&self, registry: Registry) {
        self.0.store(Arc::new(registry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_upstream() {
        let mut versions = ["v1beta1", "foo", "v1", "v2alpha1", "v10", "v2", "v1beta2", "v1alpha3"];
        versions.sort_by(|a, b| version_priority(a, b));
        assert_eq!(versions, ["v10", "v2", "v1", "v1beta2", "v1beta1", "v2alpha1", "v1alpha3", "foo"]);
    }

    #[test]
    fn builtin_rows_are_found_and_ordered() {
        let registry = Registry::builtin();
        let row = registry.find("apps", "v1", "deployments").expect("deployments");
        assert_eq!(row.kind, "Deployment");
        assert_eq!(row.storage().expect("stored").key(Some("default"), "x"), "/registry/deployments.apps/default/x");
        assert!(registry.find("apps", "v2", "deployments").is_none());
        let names: Vec<_> = registry.groups().iter().take(4).map(|g| g.name.as_ref()).collect();
        assert_eq!(names, ["", "apiregistration.k8s.io", "apps", "events.k8s.io"]);
        assert_eq!(registry.group("autoscaling").expect("group").versions, ["v2", "v1"]);
    }

    #[test]
    fn a_group_is_replaced_as_a_whole() {
        let registry = Registry::builtin();
        let mut row = Row::clone(registry.find("", "v1", "configmaps").expect("row"));
        row.group = "example.com".into();
        let with = registry.with_group("example.com", [row]);
        assert!(with.find("example.com", "v1", "configmaps").is_some());
        assert_eq!(with.rows().len(), registry.rows().len() + 1);
        assert!(with.with_group("example.com", []).find("example.com", "v1", "configmaps").is_none());
    }
}
