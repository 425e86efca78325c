//! What nft is told to make of one table another.

use std::fmt::Write as _;

use super::{Chain, Table};
use crate::model::Family;

/// Two transactions: the second takes away what nothing leads to any more after the first. Kernels before 6.2 refuse both in one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Adds and replaces.
    pub first: String,
    /// Removes.
    pub then: String,
}

impl Change {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.then.is_empty()
    }

    /// Makes the table anew, whatever was there.
    pub fn anew(family: Family, table: &Table) -> Self {
        let name = super::name(family);
        let mut whole = Self::between(family, &Table::default(), table);
        whole.first = format!("add table {name}\ndelete table {name}\nadd table {name}\n{}", whole.first);
        whole
    }

    /// Makes `new` of `old`.
    pub fn between(family: Family, old: &Table, new: &Table) -> Self {
        let name = super::name(family);
        Self { first: additions(&name, old, new), then: removals(&name, old, new) }
    }
}

/// Writes one line; a `String` takes any.
macro_rules! line {
    ($out:expr, $($words:tt)*) => {{
        let _ = writeln!($out, $($words)*);
    }};
}

fn additions(name: &str, old: &Table, new: &Table) -> String {
    let mut out = String::new();
    for (set, (kind, declaration)) in &new.sets {
        if !old.sets.contains_key(set) {
            line!(out, "add {kind} {name} {set} {{ {declaration} }}");
        }
    }
    let changed: Vec<(&String, &Chain)> =
        new.chains.iter().filter(|(chain, content)| old.chains.get(*chain) != Some(content)).collect();
    // All chains before any rule: rules lead from one to the other.
    for (chain, content) in &changed {
        match content.hook {
            Some(hook) => line!(out, "add chain {name} {chain} {{ {hook} }}"),
            None => line!(out, "add chain {name} {chain}"),
        }
        if old.chains.contains_key(*chain) {
            line!(out, "flush chain {name} {chain}");
        }
    }
    for (chain, content) in &changed {
        for rule in &content.rules {
            line!(out, "add rule {name} {chain} {rule}");
        }
    }
    for set in old.elements.keys().chain(new.elements.keys()).collect::<std::collections::BTreeSet<_>>() {
        let (before, after) = (old.elements.get(set), new.elements.get(set));
        let differs = |of: Option<&std::collections::BTreeMap<String, String>>, key: &str, value: &str| {
            of.and_then(|elements| elements.get(key)).is_none_or(|other| other != value)
        };
        let gone: Vec<&str> = before
            .into_iter()
            .flatten()
            .filter(|(key, value)| differs(after, key, value))
            .map(|(key, _)| key.as_str())
            .collect();
        if !gone.is_empty() {
            line!(out, "delete element {name} {set} {{ {} }}", gone.join(", "));
        }
        let added: Vec<String> = after
            .into_iter()
            .flatten()
            .filter(|(key, value)| differs(before, key, value))
            .map(|(key, value)| if value.is_empty() { key.clone() } else { format!("{key} : {value}") })
            .collect();
        if !added.is_empty() {
            line!(out, "add element {name} {set} {{ {} }}", added.join(", "));
        }
    }
    out
}

fn removals(name: &str, old: &Table, new: &Table) -> String {
    let mut out = String::new();
    let chains = || old.chains.keys().filter(|chain| !new.chains.contains_key(*chain));
    for chain in chains() {
        line!(out, "flush chain {name} {chain}");
    }
    for chain in chains() {
        line!(out, "delete chain {name} {chain}");
    }
    for (set, (kind, _)) in old.sets.iter().filter(|(set, _)| !new.sets.contains_key(*set)) {
        line!(out, "delete {kind} {name} {set}");
    }
    out
}
