//! The questions that the request pipeline asks of a kind, and the answers of a kind without behaviour.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::column::{Column, Selectable};
use super::common::{generation, metadata};
use super::scale::ScalePaths;
use crate::field::{At, Errors};
use crate::names::Verdict;
use crate::user::UserInfo;

/// What a strategy may know of the request. Values only.
#[derive(Debug, Clone)]
pub struct Context {
    /// Time of the request.
    pub now: Timestamp,
    /// The authenticated user.
    pub user: Arc<UserInfo>,
}

#[cfg(test)]
impl Context {
    /// A request of nobody in particular.
    pub fn of_tester(now: Timestamp) -> Self {
        Self { now, user: Arc::new(UserInfo { name: "tester".to_owned(), ..UserInfo::default() }) }
    }
}

/// The columns of a kind that has nothing more to show.
pub const NAME_AND_AGE: &[Column] = &[Column::NAME, Column::AGE];

/// What happens to dependents when a delete request names no propagation policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeletePolicy {
    /// The object goes at once, the garbage collector removes dependents afterwards.
    #[default]
    Background,
    /// Dependents stay and lose their owner reference.
    Orphan,
    /// The garbage collector is not involved (events and other objects that own nothing).
    Unsupported,
}

/// What the request pipeline asks of a kind. All methods are pure functions of values.
///
/// Objects are in the storage version of the kind ([`Strategy::convert`] translates other served versions).
/// Object metadata is validated by [`create_errors`], [`update_errors`] and [`status_errors`], which the pipeline calls;
/// implementations look at the rest of the object only.
pub trait Strategy: Send + Sync + 'static {
    /// Fills unset fields with upstream's defaults; called after decoding every request body, again after mutation, and
    /// after reading an object that an older version stored. Idempotent.
    fn default(&self, _obj: &mut Value) {}

    /// Translates the object in place to the served or storage version named by `version` (without group, e.g. `v1`).
    /// The pipeline rewrites `apiVersion` itself; kinds whose versions have one shape need nothing.
    fn convert(&self, _obj: &mut Value, _from: &str, _to: &str) {}

    /// Clears or sets what a client may not choose on create (status, `metadata.generation`, …).
    fn prepare_create(&self, _cx: &Context, _obj: &mut Value) {}

    /// The same for update of the main resource: carries status over from `old`, bumps `metadata.generation` when the
    /// desired state changed.
    fn prepare_update(&self, _cx: &Context, _new: &mut Value, _old: &Value) {}

    /// For the status subresource: everything but metadata and status comes from `old`. (Custom resources take status alone:
    /// [`generation::keep_all_but_status`].)
    fn prepare_status_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        generation::keep_desired(new, old);
    }

    /// Finds everything wrong with an object by itself, metadata aside.
    fn validate(&self, _obj: &Value) -> Errors {
        Errors::default()
    }

    /// Finds everything wrong with a new object, metadata aside: more than [`Strategy::validate`] where something may only
    /// be added later.
    fn validate_create(&self, obj: &Value) -> Errors {
        self.validate(obj)
    }

    /// Finds everything wrong with an update of the main resource, including what [`Strategy::validate`] checks where
    /// upstream does. Metadata aside.
    fn validate_update(&self, new: &Value, _old: &Value) -> Errors {
        self.validate(new)
    }

    /// Finds everything wrong with an update of the status subresource. Metadata aside.
    fn validate_status_update(&self, _new: &Value, _old: &Value) -> Errors {
        Errors::default()
    }

    /// Warnings for the client (`Warning` headers) about an object that is accepted.
    fn warnings(&self, _obj: &Value, _old: Option<&Value>) -> Vec<String> {
        Vec::new()
    }

    /// Columns of table output, as upstream's printers have them.
    fn columns(&self) -> &'static [Column] {
        NAME_AND_AGE
    }

    /// Cells of one row of table output; as many as [`Strategy::columns`].
    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        self.columns().iter().map(|column| column.cell(obj, now)).collect()
    }

    /// What field selectors can name beside `metadata.name` and `metadata.namespace`.
    fn selectable(&self) -> &'static [Selectable] {
        &[]
    }

    /// Grace period of a deletion in seconds: `None` deletes at once; `Some(0)` too, but recorded as a graceful deletion of zero;
    /// `Some(n)` sets `deletionTimestamp` and waits (pods). `requested` is the period the client asked for.
    fn graceful_delete(&self, _obj: &Value, _requested: Option<i64>) -> Option<i64> {
        None
    }

    /// What happens to dependents when the client does not say.
    fn delete_policy(&self) -> DeletePolicy {
        DeletePolicy::Background
    }

    /// Whether PUT of an object that does not exist creates it.
    fn allow_create_on_update(&self) -> bool {
        false
    }

    /// Whether PUT without a `resourceVersion` overwrites whatever is there.
    fn allow_unconditional_update(&self) -> bool {
        true
    }

    /// Checks the object's name.
    ///
    /// # Errors
    /// Upstream's messages, one for each rule that is broken.
    fn validate_name(&self, name: &str) -> Verdict {
        metadata::dns1123_subdomain(name)
    }

    /// The strategy for updates through a subresource that writes the object itself, other than `status` and `scale`
    /// (`ephemeralcontainers`, `resize`).
    fn subresource(&self, _name: &str) -> Option<&'static dyn Strategy> {
        None
    }

    /// Where the scale subresource finds its numbers; `None` when the kind has no such subresource.
    fn scale(&self) -> Option<ScalePaths> {
        None
    }
}

/// Finds everything wrong with a new object: metadata first, then what the kind checks.
pub fn create_errors(strategy: &dyn Strategy, obj: &Value, namespaced: bool) -> Errors {
    let mut errors = metadata::validate(obj, namespaced, &|name| strategy.validate_name(name));
    metadata::qualified_finalizers(&At::root(obj).child("metadata"), &mut errors);
    errors.extend(strategy.validate_create(obj));
    errors
}

/// Finds everything wrong with an update of the main resource: metadata first, then what the kind checks.
pub fn update_errors(strategy: &dyn Strategy, new: &Value, old: &Value, namespaced: bool) -> Errors {
    let mut errors = metadata::validate_update(new, old, namespaced);
    metadata::qualified_finalizers(&At::root(new).child("metadata"), &mut errors);
    errors.extend(strategy.validate_update(new, old));
    errors
}

/// Finds everything wrong with an update of the status subresource: metadata first, then what the kind checks.
pub fn status_errors(strategy: &dyn Strategy, new: &Value, old: &Value, namespaced: bool) -> Errors {
    let mut errors = metadata::validate_update(new, old, namespaced);
    errors.extend(strategy.validate_status_update(new, old));
    errors
}
