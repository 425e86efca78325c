//! A kind as a list of facts: what is not named is what most kinds do.

use serde_json::Value;

use super::column::{Column, Selectable};
use super::common::{generation, metadata, values};
use super::scale::ScalePaths;
use super::strategy::{Context, DeletePolicy, NAME_AND_AGE, Strategy};
use crate::field::{At, Errors};
use crate::names::Verdict;

/// Who writes `status`.
#[derive(Debug, Clone, Copy)]
pub enum Status {
    /// Whoever writes the object; or there is none.
    Free,
    /// The status subresource alone; a new object has none.
    Own,
    /// The status subresource alone; a new object starts with this one.
    Starting(fn() -> Value),
}

/// What `metadata.generation` counts.
#[derive(Debug, Clone, Copy)]
pub enum Generation {
    /// Nothing: there is none.
    Uncounted,
    /// Changes of everything but metadata and status.
    Desired,
    /// The same, and changes of one field of metadata.
    DesiredAnd(&'static str),
}

/// The facts of a built-in kind; see [`Strategy`] for what each question means.
///
/// Functions get values that were decoded, so that a field has the type its schema says.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Fills defaults.
    pub default: fn(&mut Value),
    /// Translates between versions of different shape.
    pub convert: fn(&mut Value, &str, &str),
    /// Who writes `status`.
    pub status: Status,
    /// What the generation counts.
    pub generation: Generation,
    /// What else happens to a new object, after status and generation.
    pub prepare_create: fn(&Context, &mut Value),
    /// What else happens on update (new, old), after status and generation.
    pub prepare_update: fn(&mut Value, &Value),
    /// What the status subresource keeps of the old object (new, old).
    pub prepare_status_update: fn(&mut Value, &Value),
    /// Finds what is wrong with an object by itself.
    pub validate: fn(&Value, &mut Errors),
    /// Finds what only a new object may not have.
    pub validate_create: fn(&Value, &mut Errors),
    /// Fields that no update changes, `spec.selector`.
    pub immutable: &'static [&'static str],
    /// Finds what is wrong with an update (new, old), in place of `validate` and then `immutable`.
    pub validate_update: Option<fn(&Value, &Value, &mut Errors)>,
    /// Finds what is wrong with an update of status (new, old).
    pub validate_status: fn(&Value, &Value, &mut Errors),
    /// Warnings about an accepted object (new, old).
    pub warnings: fn(&Value, Option<&Value>) -> Vec<String>,
    /// Columns of table output.
    pub columns: &'static [Column],
    /// What field selectors can name.
    pub selectable: &'static [Selectable],
    /// The rule for names.
    pub name: fn(&str) -> Verdict,
    /// Grace of a deletion.
    pub graceful_delete: fn(&Value, Option<i64>) -> Option<i64>,
    /// What happens to dependents.
    pub delete_policy: DeletePolicy,
    /// PUT creates.
    pub create_on_update: bool,
    /// PUT needs no `resourceVersion`.
    pub unconditional_update: bool,
    /// Subresources with behaviour of their own.
    pub subresources: &'static [(&'static str, &'static Kind)],
    /// Scales by `spec.replicas`.
    pub scale: bool,
}

impl Kind {
    /// Nothing but data (ConfigMap-like).
    pub const DATA: Self = Self {
        default: |_| {},
        convert: |_, _, _| {},
        status: Status::Free,
        generation: Generation::Uncounted,
        prepare_create: |_, _| {},
        prepare_update: |_, _| {},
        prepare_status_update: generation::keep_desired,
        validate: |_, _| {},
        validate_create: |_, _| {},
        immutable: &[],
        validate_update: None,
        validate_status: |_, _, _| {},
        warnings: |_, _| Vec::new(),
        columns: NAME_AND_AGE,
        selectable: &[],
        name: metadata::dns1123_subdomain,
        graceful_delete: |_, _| None,
        delete_policy: DeletePolicy::Background,
        create_on_update: false,
        unconditional_update: true,
        subresources: &[],
        scale: false,
    };
    /// Data with a generation.
    pub const COUNTED: Self = Self { generation: Generation::Desired, ..Self::DATA };
    /// A status, no generation.
    pub const STATUS: Self = Self { status: Status::Own, ..Self::DATA };
    /// Spec and status, with a generation.
    pub const SPEC_STATUS: Self = Self { status: Status::Own, ..Self::COUNTED };
}

impl Strategy for Kind {
    fn default(&self, obj: &mut Value) {
        (self.default)(obj);
    }

    fn convert(&self, obj: &mut Value, from: &str, to: &str) {
        (self.convert)(obj, from, to);
    }

    fn prepare_create(&self, cx: &Context, obj: &mut Value) {
        match self.status {
            Status::Free => {}
            Status::Own => values::remove(obj, "status"),
            Status::Starting(status) => values::set(obj, "status", status()),
        }
        if !matches!(self.generation, Generation::Uncounted) {
            generation::start(obj);
        }
        (self.prepare_create)(cx, obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        if !matches!(self.status, Status::Free) {
            generation::carry(new, old, "status");
        }
        match self.generation {
            Generation::Uncounted => {}
            Generation::Desired => generation::advance(new, old, &[]),
            Generation::DesiredAnd(field) => generation::advance(new, old, &[field]),
        }
        (self.prepare_update)(new, old);
    }

    fn prepare_status_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        (self.prepare_status_update)(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        Errors::of(|errs| (self.validate)(obj, errs))
    }

    fn validate_create(&self, obj: &Value) -> Errors {
        Errors::of(|errs| {
            (self.validate)(obj, errs);
            (self.validate_create)(obj, errs);
        })
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        Errors::of(|errs| match self.validate_update {
            Some(validate) => validate(new, old, errs),
            None => {
                (self.validate)(new, errs);
                immutable(new, old, self.immutable, errs);
            }
        })
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Errors {
        Errors::of(|errs| (self.validate_status)(new, old, errs))
    }

    fn warnings(&self, obj: &Value, old: Option<&Value>) -> Vec<String> {
        (self.warnings)(obj, old)
    }

    fn columns(&self) -> &'static [Column] {
        self.columns
    }

    fn selectable(&self) -> &'static [Selectable] {
        self.selectable
    }

    fn graceful_delete(&self, obj: &Value, requested: Option<i64>) -> Option<i64> {
        (self.graceful_delete)(obj, requested)
    }

    fn delete_policy(&self) -> DeletePolicy {
        self.delete_policy
    }

    fn allow_create_on_update(&self) -> bool {
        self.create_on_update
    }

    fn allow_unconditional_update(&self) -> bool {
        self.unconditional_update
    }

    fn validate_name(&self, name: &str) -> Verdict {
        (self.name)(name)
    }

    fn subresource(&self, name: &str) -> Option<&'static dyn Strategy> {
        self.subresources.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind as &dyn Strategy)
    }

    fn scale(&self) -> Option<ScalePaths> {
        self.scale.then_some(ScalePaths::WORKLOAD)
    }
}

/// Adds "field is immutable" for each of these fields that an update changes.
pub fn immutable(new: &Value, old: &Value, fields: &[&'static str], errs: &mut Errors) {
    for field in fields {
        metadata::immutable(&At::root(new).at(field), At::root(old).at(field).value, errs);
    }
}
