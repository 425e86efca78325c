//! The questions that the request pipeline asks of a kind, and the answers of a kind without behaviour.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::common::{generation, metadata};
use super::printing;
use super::scale::ScalePaths;
use crate::field::{At, Errors};

/// What a strategy may know of the request. Values only.
#[derive(Debug, Clone)]
pub struct Context {
    /// Time of the request.
    pub now: Timestamp,
    /// Name of the authenticated user.
    pub user: String,
}

/// One column of a `Table` answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Heading, e.g. `Ready`.
    pub name: &'static str,
    /// OpenAPI type: `string`, `integer`, `number`, `boolean` or `date`.
    pub r#type: &'static str,
    /// OpenAPI format: empty, or `name` for the column that names the object.
    pub format: &'static str,
    /// 0 is always shown, anything greater only in wide output.
    pub priority: i32,
    /// One sentence for people.
    pub description: &'static str,
}

impl Column {
    /// Makes a column that is always shown.
    pub const fn new(name: &'static str, r#type: &'static str, description: &'static str) -> Self {
        Self { name, r#type, format: "", priority: 0, description }
    }

    /// Makes a column that only wide output shows.
    pub const fn wide(name: &'static str, r#type: &'static str, description: &'static str) -> Self {
        Self { name, r#type, format: "", priority: 1, description }
    }

    /// The column with the object's name; first in nearly every table.
    pub const NAME: Self = Self {
        name: "Name",
        r#type: "string",
        format: "name",
        priority: 0,
        description: "Name must be unique within a namespace. Is required when creating resources.",
    };

    /// The column with the time since creation.
    pub const AGE: Self = Self::new("Age", "string", "Time since the object was created.");
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
        vec![printing::name(obj), printing::age(obj, now)]
    }

    /// Names usable in a field selector beside `metadata.name` and `metadata.namespace`.
    fn selectable_names(&self) -> &'static [&'static str] {
        &[]
    }

    /// Values of [`Strategy::selectable_names`] for one object, in the same order. An unset field is the empty string.
    fn selectable<'a>(&self, _obj: &'a Value) -> Vec<(&'static str, Cow<'a, str>)> {
        Vec::new()
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
    fn validate_name(&self, name: &str) -> Result<(), Vec<String>> {
        metadata::dns1123_subdomain(name)
    }

    /// Whether finalizers without a domain are refused unless they are standard ones; custom resources allow any.
    fn wants_qualified_finalizers(&self) -> bool {
        true
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

/// A kind without behaviour of its own.
#[derive(Debug, Clone, Copy)]
pub struct Plain {
    /// The kind has a status that only the status subresource changes.
    pub status: bool,
    /// `metadata.generation` counts changes of everything but metadata and status.
    pub generation: bool,
}

impl Plain {
    /// Nothing but data (ConfigMap-like).
    pub const DATA: Self = Self { status: false, generation: false };
    /// Spec and status, with a generation.
    pub const SPEC_STATUS: Self = Self { status: true, generation: true };
}

impl Strategy for Plain {
    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        if self.status {
            generation::drop_status(obj);
        }
        if self.generation {
            generation::start(obj);
        }
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        if self.status {
            generation::keep_status(new, old);
        }
        if self.generation {
            generation::advance(new, old);
        }
    }
}

/// Finds everything wrong with a new object: metadata first, then what the kind checks.
pub fn create_errors(strategy: &dyn Strategy, obj: &Value, namespaced: bool) -> Errors {
    let mut errors = metadata::validate(obj, namespaced, &|name| strategy.validate_name(name));
    finalizer_errors(strategy, obj, &mut errors);
    errors.extend(strategy.validate_create(obj));
    errors
}

/// Finds everything wrong with an update of the main resource: metadata first, then what the kind checks.
pub fn update_errors(strategy: &dyn Strategy, new: &Value, old: &Value, namespaced: bool) -> Errors {
    let mut errors = metadata::validate_update(new, old, namespaced);
    finalizer_errors(strategy, new, &mut errors);
    errors.extend(strategy.validate_update(new, old));
    errors
}

/// Finds everything wrong with an update of the status subresource: metadata first, then what the kind checks.
pub fn status_errors(strategy: &dyn Strategy, new: &Value, old: &Value, namespaced: bool) -> Errors {
    let mut errors = metadata::validate_update(new, old, namespaced);
    errors.extend(strategy.validate_status_update(new, old));
    errors
}

fn finalizer_errors(strategy: &dyn Strategy, obj: &Value, errors: &mut Errors) {
    if strategy.wants_qualified_finalizers() {
        metadata::qualified_finalizers(&At::root(obj).child("metadata"), errors);
    }
}
