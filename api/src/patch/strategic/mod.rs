//! Strategic merge patch: a merge patch that knows which lists are merged by key.
//!
//! Follows `apimachinery/pkg/util/strategicpatch/patch.go @ v1.36`: lists merged by their merge key or as sets, the directives
//! `$patch`, `$deleteFromPrimitiveList`, `$setElementOrder` and `$retainKeys`, and the patches that kubectl makes. What nothing is known about
//! (the inside of a RawExtension) is merged as in a plain merge patch, where upstream refuses.

mod apply;
mod diff;
mod directive;
mod lists;
mod lookup;

use serde_json::Value;

use super::Error;
use crate::schema::Def;
use directive::expected;
pub use directive::go as display;
use lookup::Context;

/// Applies a patch to an object.
///
/// # Errors
/// [`Error`] when the patch is malformed, or an item of a merged list lacks its key.
pub fn apply(def: &'static Def, original: Value, patch: Value) -> Result<Value, Error> {
    let (Value::Object(mut original), Value::Object(patch)) = (original, patch) else {
        return Err(Error::Malformed("invalid JSON document".to_owned()));
    };
    let options = apply::Options { server: true };
    apply::map(&mut original, patch, Context::Struct(def), options)?;
    Ok(Value::Object(original))
}

/// Makes the patch that turns `original` into `modified`; an empty map when they are the same.
///
/// # Errors
/// [`Error`] when one of them is no object, or an item of a merged list lacks its key.
pub fn diff(def: &'static Def, original: &Value, modified: &Value) -> Result<Value, Error> {
    let options = diff::Options { ignore_changes: false, ignore_deletions: false, retain_keys: false };
    let (Value::Object(original), Value::Object(modified)) = (original, modified) else {
        return Err(expected("map", if original.is_object() { modified } else { original }));
    };
    diff::maps(original, modified, Context::Struct(def), options).map(Value::Object)
}

/// Makes the patch of kubectl's apply: what is in `modified` and differs from `current`, and deletions of what was in
/// `last_applied` and is not in `modified`. What others set in `current` stays; on a conflict `modified` wins.
///
/// # Errors
/// [`Error`] when one of them is no object, or an item of a merged list lacks its key.
pub fn three_way(def: &'static Def, last_applied: &Value, modified: &Value, current: &Value) -> Result<Value, Error> {
    let (Value::Object(last_applied), Value::Object(modified), Value::Object(current)) =
        (last_applied, modified, current)
    else {
        return Err(Error::Malformed("invalid JSON document".to_owned()));
    };
    let context = Context::Struct(def);
    let changes = diff::Options { ignore_changes: false, ignore_deletions: true, retain_keys: false };
    let deletions = diff::Options { ignore_changes: true, ignore_deletions: false, retain_keys: false };
    let delta = diff::maps(current, modified, context, changes)?;
    let mut patch = diff::maps(last_applied, modified, context, deletions)?;
    apply::map(&mut patch, delta, context, apply::Options { server: false })?;
    Ok(Value::Object(patch))
}

#[cfg(test)]
mod tests;
