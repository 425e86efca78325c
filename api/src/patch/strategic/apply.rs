//! Merging a patch into an object, or into another patch.

use serde_json::{Map, Value};

use super::directive::{
    DELETE, DELETE_FROM_PRIMITIVE_LIST, Kind, MERGE, PATCH, REPLACE, RETAIN_KEYS, SET_ELEMENT_ORDER, bad_element_order,
    bad_patch_type, bad_retain_keys, expected, field_of, is_deletion, no_merge_key,
};
use super::lists;
use super::lookup::{Context, Field};
use crate::patch::Error;

/// How patches are merged.
#[derive(Clone, Copy)]
pub(super) struct Options {
    /// The target is an object: directives are carried out, and nulls without counterpart vanish. Otherwise the target is a
    /// patch itself, and keeps both.
    pub(super) server: bool,
}

/// Merges a patch into a map.
pub(super) fn map(
    target: &mut Map<String, Value>,
    mut patch: Map<String, Value>,
    at: Context,
    options: Options,
) -> Result<(), Error> {
    if let Some(directive) = patch.get(PATCH) {
        match directive.as_str() {
            Some(REPLACE) => {
                patch.remove(PATCH);
                *target = patch;
            }
            Some(DELETE) => target.clear(),
            _ => return Err(bad_patch_type(&directive.clone(), &Value::Object(patch))),
        }
        return Ok(());
    }
    retain_keys(target, &mut patch, options)?;
    ordered_lists(target, &mut patch, at, options)?;
    for (key, value) in patch {
        if !key.starts_with(DELETE_FROM_PRIMITIVE_LIST) {
            entry(target, key, value, at, options)?;
        } else if options.server {
            delete_scalars(target, field_of(&key, DELETE_FROM_PRIMITIVE_LIST)?, value)?;
        } else {
            target.insert(key, value);
        }
    }
    Ok(())
}

/// Merges one entry of a patch.
fn entry(
    target: &mut Map<String, Value>,
    key: String,
    value: Value,
    at: Context,
    options: Options,
) -> Result<(), Error> {
    if value.is_null() {
        target.remove(&key);
        if !options.server {
            target.insert(key, value);
        }
        return Ok(());
    }
    let Some(current) = target.get_mut(&key).filter(|c| Kind::of(c) == Kind::of(&value)) else {
        match clean(value, options) {
            Some(value) => target.insert(key, value),
            None => target.remove(&key),
        };
        return Ok(());
    };
    match (current, value) {
        (Value::Object(current), Value::Object(value)) => map(current, value, at.field(&key)?.object(), options),
        (Value::Array(current), Value::Array(value)) => {
            let field = at.field(&key)?;
            if field.strategy.merge {
                *current = list(std::mem::take(current), value, &field, options)?;
            } else {
                *current = value;
            }
            Ok(())
        }
        (current, value) => {
            *current = value;
            Ok(())
        }
    }
}

/// Merges two lists by their key, or as sets.
fn list(current: Vec<Value>, patch: Vec<Value>, field: &Field, options: Options) -> Result<Vec<Value>, Error> {
    let key = field.merge_key;
    let Some(kind) = Kind::of_items(&current, &patch)? else { return Ok(current) };
    if kind != Kind::Map {
        let order = current.clone();
        let mut merged = current;
        merged.extend(patch.iter().cloned());
        let (inside, outside) = lists::partition(unique(merged), &patch, "")?;
        return lists::interleave(inside, &patch, outside, &order, "", kind);
    }
    if key.is_empty() {
        return Err(Error::Unmergeable("cannot merge lists without merge key".to_owned()));
    }
    let (current, patch) = special_items(current, patch, key)?;
    let order = current.clone();
    let patch_order: Vec<Value> = patch.clone();
    let merged = items(current, patch, field, options)?;
    let (inside, outside) = lists::partition(merged, &patch_order, key)?;
    lists::interleave(inside, &patch_order, outside, &order, key, kind)
}

/// Carries out `$patch` of the items of a list; what is left is the target and the plain items of the patch.
fn special_items(mut current: Vec<Value>, patch: Vec<Value>, key: &str) -> Result<(Vec<Value>, Vec<Value>), Error> {
    let mut plain = Vec::with_capacity(patch.len());
    let mut replace = false;
    for item in patch {
        let Some(directive) = item.get(PATCH) else {
            plain.push(item);
            continue;
        };
        match directive.as_str() {
            Some(DELETE) => {
                let wanted = item.get(key).ok_or_else(|| no_merge_key(&item, key))?;
                if let Some(wrong) = current.iter().find(|c| !c.is_object()) {
                    return Err(expected("map", wrong));
                }
                current.retain(|c| c.get(key) != Some(wanted));
            }
            Some(REPLACE) => replace = true,
            Some(MERGE) => {
                return Err(Error::Unmergeable("merging lists cannot yet be specified in the patch".to_owned()));
            }
            _ => return Err(bad_patch_type(&directive.clone(), &item)),
        }
    }
    Ok(if replace { (plain, Vec::new()) } else { (current, plain) })
}

/// Merges plain items: into the item with the same key, or behind the last.
fn items(mut current: Vec<Value>, patch: Vec<Value>, field: &Field, options: Options) -> Result<Vec<Value>, Error> {
    for item in patch {
        let wanted = lists::key_of(&item, field.merge_key)?;
        let place = lists::position(&current, wanted, field.merge_key);
        match (place.and_then(|p| current.get_mut(p)), item) {
            (Some(Value::Object(found)), Value::Object(item)) => map(found, item, field.item(), options)?,
            (_, item) => current.extend(clean(item, options)),
        }
    }
    Ok(current)
}

/// Carries out `$retainKeys`: everything else in the target goes.
fn retain_keys(target: &mut Map<String, Value>, patch: &mut Map<String, Value>, options: Options) -> Result<(), Error> {
    let Some(retained) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    if !options.server {
        match target.get(RETAIN_KEYS) {
            Some(other) if *other != retained => return Err(bad_retain_keys()),
            Some(_) => {}
            None => {
                target.insert(RETAIN_KEYS.to_owned(), retained);
            }
        }
        return Ok(());
    }
    let retained = retained.as_array().ok_or_else(bad_retain_keys)?;
    let listed = |key: &str| retained.iter().any(|r| r.as_str() == Some(key));
    let is_directive = |key: &str| key.starts_with(DELETE_FROM_PRIMITIVE_LIST) || key.starts_with(SET_ELEMENT_ORDER);
    if patch.iter().any(|(key, value)| !value.is_null() && !is_directive(key) && !listed(key)) {
        return Err(bad_retain_keys());
    }
    target.retain(|key, _| listed(key));
    Ok(())
}

/// Carries out `$setElementOrder` together with the list of the patch it belongs to.
fn ordered_lists(
    target: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    at: Context,
    options: Options,
) -> Result<(), Error> {
    let directives: Vec<String> = patch.keys().filter(|k| k.starts_with(SET_ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let Some(order) = patch.remove(&directive) else { continue };
        let name = field_of(&directive, SET_ELEMENT_ORDER)?.to_owned();
        if !options.server {
            if target.get(&directive).is_some_and(|other| *other != order) {
                return Err(bad_element_order());
            }
            target.insert(directive, order.clone());
        }
        let Value::Array(order) = order else { return Err(expected("slice", &order)) };
        let current = take_list(target.get_mut(&name))?;
        let change = take_list(patch.get_mut(&name))?;
        patch.remove(&name);
        if current.is_none() && change.is_none() {
            continue;
        }
        let field = at.field(&name)?;
        let merged = ordered_list(current, change, &order, &field, options)?;
        target.insert(name, Value::Array(merged));
    }
    Ok(())
}

fn ordered_list(
    current: Option<Vec<Value>>,
    change: Option<Vec<Value>>,
    order: &[Value],
    field: &Field,
    options: Options,
) -> Result<Vec<Value>, Error> {
    let key = field.merge_key;
    check_order(change.as_deref().unwrap_or_default(), order, key)?;
    let server_order = current.clone().unwrap_or_default();
    let kind = Kind::of_items(&server_order, change.as_deref().unwrap_or_default())?;
    let merged = match (current, change) {
        (Some(current), Some(change)) if field.strategy.merge => list(current, change, field, options)?,
        (_, Some(change)) => change.into_iter().filter_map(|item| clean(item, options)).collect(),
        (current, None) => current.unwrap_or_default(),
    };
    let Some(kind) = kind else { return Ok(merged) };
    let (inside, outside) = lists::partition(merged, order, key)?;
    lists::interleave(inside, order, outside, &server_order, key, kind)
}

/// Checks that the patch's items stand in the order list, in the same order; items that ask for deletion do not count.
fn check_order(patch: &[Value], order: &[Value], key: &str) -> Result<(), Error> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut places = order.iter();
    for item in patch.iter().filter(|i| key.is_empty() || (!is_deletion(i) && i.get(PATCH).is_none())) {
        loop {
            let Some(place) = places.next() else {
                let (patch, order) = (Value::Array(patch.to_vec()), Value::Array(order.to_vec()));
                let (patch, order) = (super::directive::go(&patch), super::directive::go(&order));
                let message =
                    format!("The order in patch list:\n{patch}\n doesn't match {SET_ELEMENT_ORDER} list:\n{order}\n");
                return Err(Error::Unmergeable(message));
            };
            if lists::same(item, place, key)? {
                break;
            }
        }
    }
    Ok(())
}

/// Takes a list out of its place.
fn take_list(place: Option<&mut Value>) -> Result<Option<Vec<Value>>, Error> {
    match place {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(std::mem::take(items))),
        Some(other) => Err(expected("slice", other)),
    }
}

/// Carries out `$deleteFromPrimitiveList`; a list that is not there stays away.
fn delete_scalars(target: &mut Map<String, Value>, name: &str, listed: Value) -> Result<(), Error> {
    match (target.get_mut(name), listed) {
        (Some(Value::Array(items)), Value::Array(listed)) => {
            items.retain(|item| !listed.contains(item));
            Ok(())
        }
        (Some(_), other) if !other.is_array() => Err(expected("slice", &other)),
        _ => Ok(()),
    }
}

/// Prepares a value that has no counterpart in the target: what asks for deletion and, on the server, nulls and directives
/// vanish. `None` when nothing is left.
fn clean(value: Value, options: Options) -> Option<Value> {
    if !options.server {
        return Some(value);
    }
    match value {
        Value::Object(map) if map.contains_key(PATCH) => None,
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(key, value)| {
                let directive = key == RETAIN_KEYS
                    || key.starts_with(SET_ELEMENT_ORDER)
                    || key.starts_with(DELETE_FROM_PRIMITIVE_LIST);
                !directive && !value.is_null()
            });
            Some(kept.filter_map(|(key, value)| clean(value, options).map(|value| (key, value))).collect())
        }
        Value::Array(items) => Some(items.into_iter().filter_map(|item| clean(item, options)).collect()),
        scalar => Some(scalar),
    }
}

/// Removes repeated scalars; the first of each stays.
fn unique(items: Vec<Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        if !out.contains(&item) {
            out.push(item);
        }
    }
    out
}
