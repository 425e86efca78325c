//! Making patches.

use serde_json::{Map, Value, json};

use super::directive::{
    DELETE, DELETE_FROM_PRIMITIVE_LIST, Kind, PATCH, RETAIN_KEYS, SET_ELEMENT_ORDER, go, list_of_lists,
};
use super::lists;
use super::lookup::{Context, Field};
use crate::patch::Error;

/// Which differences a patch holds.
#[derive(Clone, Copy)]
pub(super) struct Options {
    /// Leave out what was added or changed.
    pub(super) ignore_changes: bool,
    /// Leave out what was deleted.
    pub(super) ignore_deletions: bool,
    /// Add `$retainKeys` to this map.
    pub(super) retain_keys: bool,
}

/// Makes the patch between two maps; empty when there is no difference.
pub(super) fn maps(
    original: &Map<String, Value>,
    modified: &Map<String, Value>,
    at: Context,
    options: Options,
) -> Result<Map<String, Value>, Error> {
    let mut patch = Map::new();
    for (key, new) in modified {
        match original.get(key) {
            Some(old) if Kind::of(old) == Kind::of(new) => field(&mut patch, key, old, new, at, options)?,
            _ if options.ignore_changes => {}
            _ => {
                patch.insert(key.clone(), new.clone());
            }
        }
    }
    let gone = || original.keys().filter(|k| !modified.contains_key(*k));
    if !options.ignore_deletions {
        patch.extend(gone().map(|key| (key.clone(), Value::Null)));
    }
    let retained: Vec<&str> = modified.iter().filter(|(_, v)| !v.is_null()).map(|(k, _)| k.as_str()).collect();
    let something_goes = || gone().any(|key| original.get(key).is_some_and(|v| !v.is_null()));
    if options.retain_keys && !retained.is_empty() && (!patch.is_empty() || something_goes()) {
        patch.insert(RETAIN_KEYS.to_owned(), json!(retained));
    }
    Ok(patch)
}

/// Adds the difference of one field whose type stayed the same.
fn field(
    patch: &mut Map<String, Value>,
    key: &str,
    old: &Value,
    new: &Value,
    at: Context,
    options: Options,
) -> Result<(), Error> {
    if old == new {
        return Ok(());
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let field = at.field(key)?;
            let options = Options { retain_keys: field.strategy.retain_keys, ..options };
            let inner = maps(old, new, field.object(), options)?;
            if !inner.is_empty() {
                patch.insert(key.to_owned(), Value::Object(inner));
            }
        }
        (Value::Array(old), Value::Array(new)) if at.field(key)?.strategy.merge => {
            let field = at.field(key)?;
            let options = Options { retain_keys: field.strategy.retain_keys, ..options };
            let lists = merged_lists(old, new, &field, options)?;
            let mut add = |key: String, list: Vec<Value>| {
                if !list.is_empty() {
                    patch.insert(key, Value::Array(list));
                }
            };
            add(key.to_owned(), lists.patch);
            add(format!("{DELETE_FROM_PRIMITIVE_LIST}/{key}"), lists.deletions);
            add(format!("{SET_ELEMENT_ORDER}/{key}"), lists.order);
        }
        _ if options.ignore_changes => {}
        _ => {
            patch.insert(key.to_owned(), new.clone());
        }
    }
    Ok(())
}

/// The three lists that describe the difference of a merged list.
#[derive(Default)]
struct Lists {
    patch: Vec<Value>,
    deletions: Vec<Value>,
    order: Vec<Value>,
}

fn merged_lists(old: &[Value], new: &[Value], field: &Field, options: Options) -> Result<Lists, Error> {
    if old.is_empty() {
        let patch = if options.ignore_changes { Vec::new() } else { new.to_vec() };
        return Ok(Lists { patch, ..Lists::default() });
    }
    match Kind::of_items(old, new)? {
        Some(Kind::Map) => lists_of_maps(old, new, field, options),
        Some(Kind::List) => Err(list_of_lists()),
        _ => lists_of_scalars(old, new, options),
    }
}

fn lists_of_scalars(old: &[Value], new: &[Value], options: Options) -> Result<Lists, Error> {
    let mut lists = Lists::default();
    if !options.ignore_changes {
        let added: Vec<Value> = new.iter().filter(|v| !old.contains(v)).cloned().collect();
        lists.patch = added;
    }
    if !options.ignore_deletions {
        lists.deletions = old.iter().filter(|v| !new.contains(v)).cloned().collect();
        lists.deletions.sort_by_cached_key(go);
        lists.deletions.dedup();
    }
    if !lists.deletions.is_empty() || (!options.ignore_changes && old != new) {
        lists.order = new.to_vec();
    }
    Ok(lists)
}

fn lists_of_maps(old: &[Value], new: &[Value], field: &Field, options: Options) -> Result<Lists, Error> {
    let key = field.merge_key;
    let (old_sorted, new_sorted) = (sorted(old, key)?, sorted(new, key)?);
    let mut changes = Vec::new();
    let mut deletions = Vec::new();
    let (mut olds, mut news) = (old_sorted.into_iter().peekable(), new_sorted.into_iter().peekable());
    loop {
        let order = match (olds.peek(), news.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((old_key, _)), Some((new_key, _))) => old_key.cmp(new_key),
        };
        let gone = if order.is_le() { olds.next() } else { None };
        let come = if order.is_ge() { news.next() } else { None };
        match (gone, come) {
            (Some((_, Value::Object(old))), Some((_, Value::Object(new)))) => {
                let mut change = maps(old, new, field.item(), options)?;
                if let (false, Some(value)) = (change.is_empty(), new.get(key)) {
                    change.insert(key.to_owned(), value.clone());
                    changes.push(Value::Object(change));
                }
            }
            (None, Some((_, new))) if !options.ignore_changes => changes.push(new.clone()),
            (Some((_, old)), None) if !options.ignore_deletions => {
                deletions.push(json!({ key: lists::key_of(old, key)?, PATCH: DELETE }));
            }
            _ => {}
        }
    }
    let mut patch = lists::sort_by(changes, new, key, Kind::Map)?;
    patch.extend(deletions);
    let mut lists = Lists { patch, ..Lists::default() };
    let same_order = same_order(old, new, key)?;
    if (!options.ignore_changes && (!lists.patch.is_empty() || !same_order))
        || (!options.ignore_deletions && !lists.patch.is_empty())
    {
        lists.order =
            new.iter().map(|item| Ok(json!({ key: lists::key_of(item, key)? }))).collect::<Result<_, Error>>()?;
    }
    Ok(lists)
}

/// Sorts items by the text of their key.
fn sorted<'a>(items: &'a [Value], key: &str) -> Result<Vec<(String, &'a Value)>, Error> {
    let mut out =
        items.iter().map(|item| Ok((go(lists::key_of(item, key)?), item))).collect::<Result<Vec<_>, Error>>()?;
    out.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(out)
}

fn same_order(old: &[Value], new: &[Value], key: &str) -> Result<bool, Error> {
    if old.len() != new.len() {
        return Ok(false);
    }
    for (old, new) in old.iter().zip(new) {
        if !lists::same(old, new, key)? {
            return Ok(false);
        }
    }
    Ok(true)
}
