//! Lists: identity of items, and the order of a merged list.

use serde_json::Value;

use super::directive::{Kind, expected, is_deletion, no_merge_key};
use crate::patch::Error;

/// Returns what tells an item apart: the item itself in lists of scalars (empty key), else the value of the key.
fn identity<'a>(item: &'a Value, key: &str) -> Option<&'a Value> {
    if key.is_empty() { Some(item) } else { item.get(key) }
}

/// Returns the value of the merge key.
///
/// # Errors
/// When the item is no map or lacks the key.
pub(super) fn key_of<'a>(item: &'a Value, key: &str) -> Result<&'a Value, Error> {
    if !item.is_object() {
        return Err(expected("map", item));
    }
    item.get(key).ok_or_else(|| no_merge_key(item, key))
}

/// Says whether two items are the same one.
///
/// # Errors
/// When one of them is no map or lacks the key.
pub(super) fn same(a: &Value, b: &Value, key: &str) -> Result<bool, Error> {
    if key.is_empty() { Ok(a == b) } else { Ok(key_of(a, key)? == key_of(b, key)?) }
}

/// Returns the place of the item with an identity.
pub(super) fn position(items: &[Value], identity_wanted: &Value, key: &str) -> Option<usize> {
    items.iter().position(|i| identity(i, key) == Some(identity_wanted))
}

fn place(order: &[Value], item: &Value, key: &str) -> Option<usize> {
    position(order, identity(item, key)?, key)
}

/// Splits items into those that stand in a list and the others.
///
/// # Errors
/// When an item is no map or lacks the key.
pub(super) fn partition(items: Vec<Value>, by: &[Value], key: &str) -> Result<(Vec<Value>, Vec<Value>), Error> {
    let mut inside = Vec::with_capacity(items.len());
    let mut outside = Vec::new();
    for item in items {
        let wanted = if key.is_empty() { &item } else { key_of(&item, key)? };
        if position(by, wanted, key).is_some() { inside.push(item) } else { outside.push(item) }
    }
    Ok((inside, outside))
}

/// Puts items into the order of a list; items that ask for deletion go to the end.
///
/// # Errors
/// When an item is no map or lacks the key.
pub(super) fn sort_by(mut items: Vec<Value>, order: &[Value], key: &str, kind: Kind) -> Result<Vec<Value>, Error> {
    if kind == Kind::Map {
        for item in items.iter().chain(order) {
            key_of(item, key)?;
        }
    }
    items.sort_by_cached_key(|item| {
        let deletion = kind == Kind::Map && is_deletion(item);
        (deletion, if deletion { 0 } else { place(order, item, key).unwrap_or(usize::MAX) })
    });
    Ok(items)
}

/// Merges the patch's items and those only the server has. Each keeps its own order; a server's item stands before the first
/// item that follows it in the server's order.
///
/// # Errors
/// When an item is no map or lacks the key.
pub(super) fn interleave(
    patch: Vec<Value>,
    patch_order: &[Value],
    server_only: Vec<Value>,
    server_order: &[Value],
    key: &str,
    kind: Kind,
) -> Result<Vec<Value>, Error> {
    let patch = sort_by(patch, patch_order, key, kind)?;
    let server_only = sort_by(server_only, server_order, key, kind)?;
    let mut out = Vec::with_capacity(patch.len() + server_only.len());
    let mut left = server_only.into_iter().peekable();
    for item in patch {
        let bound = place(server_order, &item, key);
        while let Some(server) = left.peek() {
            let before = place(server_order, server, key).zip(bound).is_some_and(|(server, bound)| server < bound);
            if !before {
                break;
            }
            out.extend(left.next());
        }
        out.push(item);
    }
    out.extend(left);
    Ok(out)
}
