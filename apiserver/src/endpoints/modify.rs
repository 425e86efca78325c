//! The read-change-write loop behind update, patch and the subresources that change their object.
//!
//! Follows `registry/generic/registry/store.go: Update` and `rest/update.go: BeforeUpdate @ v1.36`.

use bytes::Bytes;
use corvette_api::{
    field::{Errors, Path},
    gvk::GroupKind,
    kinds::{self, Strategy},
    meta,
    status::{self, Status},
};
use corvette_store::Expect;
use http::StatusCode;
use serde_json::Value;

use super::{call::Call, codec, deletion, options::WriteOptions, reply::Reply, subresources};
use crate::{
    admission::{self, Attributes, Operation},
    hooks,
    objects::{Current, Newer, Written},
    reader::no_number,
    registry::SubresourceKind,
};

/// Attempts at a write that others keep overtaking.
const ATTEMPTS: usize = 20;

/// Computes the new object of a write.
pub trait Edit: Send + Sync {
    /// Returns the object as the client wants it, from the current one; both in the row's served version. Called again
    /// when another writer was faster.
    ///
    /// # Errors
    /// The status the client sees.
    fn edit(&self, call: &Call, current: &Value) -> Result<Value, Status>;
}

/// An object after a request to write it, in the storage version.
pub enum Outcome {
    /// As it is stored now: JSON with its resourceVersion.
    Stored(Bytes),
    /// As it would be stored, as it was before, or as it was when it went.
    Unsaved(Value),
}

impl Outcome {
    /// Returns the object.
    ///
    /// # Errors
    /// None: what was just encoded can be parsed; the signature is the parser's.
    pub fn into_value(self) -> Result<Value, Status> {
        match self {
            Self::Stored(json) => codec::parse_stored(&json),
            Self::Unsaved(object) => Ok(object),
        }
    }

    /// Answers with the object in the version the client asked for.
    pub fn into_reply(self, call: &Call, code: StatusCode) -> Reply {
        match self {
            Self::Stored(json) => Reply::Stored(code, json),
            Self::Unsaved(mut object) => {
                call.row.from_storage(&mut object);
                Reply::Object(code, object)
            }
        }
    }
}

/// Which part of the object a write may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything the kind's update allows.
    Main,
    /// What the subresource allows.
    Subresource(SubresourceKind),
}

/// Changes the object of the call's path; `None` when it does not exist.
///
/// # Errors
/// The status the client sees.
pub async fn modify(
    call: &Call,
    part: Part,
    edit: &dyn Edit,
    options: &WriteOptions,
) -> Result<Option<Outcome>, Status> {
    let key = call.key()?;
    let write = Write { call, part, edit, options, key: &key };
    let warned = call.warnings.lock().len();
    let mut found = match write.cached().await? {
        First::Done(outcome) => return Ok(Some(outcome)),
        First::Current(found) => found,
    };
    for _ in 0..ATTEMPTS {
        let Some(current) = found else { return Ok(None) };
        // Warnings of an attempt that came to nothing are not the client's.
        call.warnings.lock().truncate(warned);
        match write.attempt(&current).await? {
            Attempt::Written(outcome) => return Ok(Some(outcome)),
            Attempt::Unchanged(object) => return Ok(Some(Outcome::Unsaved(object))),
            Attempt::Overtaken(newer) => found = newer.map(|newer| *newer),
        }
    }
    Err(status::object_modified(&call.row.group_resource(), &call.info.name))
}

/// What came of the attempt on what the cache has.
enum First {
    /// The write is done.
    Done(Outcome),
    /// It has to be tried on this.
    Current(Option<Current>),
}

enum Attempt {
    /// It is written.
    Written(Outcome),
    /// There is nothing to write; trustworthy only if the current object was.
    Unchanged(Value),
    /// Another writer was faster; what is there now.
    Overtaken(Option<Box<Current>>),
}

/// A write under way.
struct Write<'a> {
    call: &'a Call,
    part: Part,
    edit: &'a dyn Edit,
    options: &'a WriteOptions,
    key: &'a str,
}

impl Write<'_> {
    /// Attempts the write on what the cache has. That may be old: then the write is overtaken; and what is decided without
    /// a write counts only if the store has nothing newer.
    async fn cached(&self) -> Result<First, Status> {
        let call = self.call;
        // Clients change one object again and again: the next change is not to be tried on what was before the last.
        call.app.reader.catch_up(call.app.objects.newest()).await;
        let cached = call.app.reader.cached(call.storage()?, call.namespace(), &call.info.name)?;
        let Some(entry) = cached else { return Ok(First::Current(call.app.objects.fresh(self.key).await?)) };
        let current = call.app.objects.of_entry(&entry)?;
        let decided = match self.attempt(&current).await {
            Ok(Attempt::Written(outcome)) => return Ok(First::Done(outcome)),
            Ok(Attempt::Overtaken(newer)) => return Ok(First::Current(newer.map(|newer| *newer))),
            Ok(Attempt::Unchanged(object)) => Ok(First::Done(Outcome::Unsaved(object))),
            Err(failed) => Err(failed),
        };
        match call.app.objects.newer(self.key, current.revision).await? {
            Newer::Same => decided,
            Newer::Other(newer) => Ok(First::Current(newer)),
        }
    }

    async fn attempt(&self, current: &Current) -> Result<Attempt, Status> {
        let Self { call, part, edit, options, key } = *self;
        let old = &current.value;
        let row = &*call.row;
        let hooks = hooks::find(call.storage()?);
        let mut new = edited(call, edit, old)?;
        check_identity(call, &new, old)?;
        carry_system_fields(&mut new, old);
        row.strategy.default(&mut new);
        let attributes = Attributes {
            app: &call.app,
            row,
            subresource: call.subresource_name(),
            operation: Operation::Update,
            namespace: meta::namespace(old),
            name: meta::name(old),
            user: &call.user,
            old: Some(old),
            dry_run: options.dry_run,
        };
        admission::mutate(&attributes, &mut new).await?;
        prepare(call, part, &mut new, old);
        let _reservation =
            if part == Part::Main { Some(hooks.begin_update(&call.app, &mut new, old).await?) } else { None };
        validate(call, part, &new, old)?;
        row.strategy.warnings(&new, Some(old)).into_iter().for_each(|text| call.warn(text));
        admission::validate(&attributes, Some(&new)).await?;
        meta::set_resource_version(&mut new, meta::resource_version(old));
        let released = deletion::is_released(hooks, &new, old);
        if options.dry_run || (new == *old && !released) {
            return Ok(Attempt::Unchanged(new));
        }
        let expect = Expect::Revision(current.revision);
        if !released {
            return Ok(match call.app.objects.put(key, expect, new, hooks.ttl()).await? {
                Written::Done(json) => Attempt::Written(Outcome::Stored(json)),
                Written::Conflict(newer) => Attempt::Overtaken(newer),
            });
        }
        Ok(match call.app.objects.delete(key, expect).await? {
            Written::Done(revision) => {
                meta::set_resource_version(&mut new, &revision.to_string());
                Attempt::Written(Outcome::Unsaved(new))
            }
            Written::Conflict(newer) => Attempt::Overtaken(newer),
        })
    }
}

/// Runs the edit in the served version and returns its outcome in the storage version.
fn edited(call: &Call, edit: &dyn Edit, old: &Value) -> Result<Value, Status> {
    if call.row.is_storage_version() {
        return edit.edit(call, old);
    }
    let mut served = old.clone();
    call.row.from_storage(&mut served);
    let mut new = edit.edit(call, &served)?;
    call.row.to_storage(&mut new);
    Ok(new)
}

/// Checks what the client says about the identity and version of the object.
fn check_identity(call: &Call, new: &Value, old: &Value) -> Result<(), Status> {
    let resource = call.row.group_resource();
    let name = meta::name(old);
    let (uid, old_uid) = (meta::uid(new), meta::uid(old));
    if !uid.is_empty() && uid != old_uid {
        return Err(other_uid(call, uid, old_uid));
    }
    let version = meta::resource_version(new);
    if !version.is_empty() && version.parse::<u64>().is_err() {
        return Err(Status::new(500, status::Reason::Unknown, no_number(version)));
    }
    if version.is_empty() || version == "0" {
        if call.row.strategy.allow_unconditional_update() {
            return Ok(());
        }
        // Upstream puts the resource where the kind belongs.
        return Err(version_required(&GroupKind { group: resource.group, kind: resource.resource }, name));
    }
    if version == meta::resource_version(old) { Ok(()) } else { Err(status::object_modified(&resource, name)) }
}

/// Refuses an update that is meant for an object with another uid; `actual` is empty when there is none at all.
pub fn other_uid(call: &Call, wanted: &str, actual: &str) -> Status {
    let detail = precondition_failed(&call.key().unwrap_or_default(), "UID", wanted, actual);
    status::conflict(&call.row.group_resource(), &call.info.name, detail)
}

/// Says which part of an object's identity is not as the client demands, in the words of upstream's storage.
pub fn precondition_failed(key: &str, field: &str, wanted: &str, actual: &str) -> String {
    format!(
        "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: {field} in precondition: {wanted}, {field} in object meta: {actual}"
    )
}

/// Refuses an update without resourceVersion.
fn version_required(kind: &GroupKind, name: &str) -> Status {
    let mut errors = Errors::default();
    let path = Path::new("metadata").child("resourceVersion");
    errors.invalid_value(&path, 0, "must be specified for an update");
    status::invalid(kind, name, &errors)
}

/// Carries over what no client may change. What upstream refuses to have set stays, for validation to find.
fn carry_system_fields(new: &mut Value, old: &Value) {
    meta::remove_field(new, "managedFields");
    meta::remove_empty(new);
    for field in ["uid", "creationTimestamp", "generation", "selfLink"] {
        match meta::field(old, field) {
            Some(value) => meta::set_field(new, field, value.clone()),
            None => {
                meta::remove_field(new, field);
            }
        }
    }
    if let Some(at) = meta::field(old, "deletionTimestamp") {
        meta::set_field(new, "deletionTimestamp", at.clone());
    }
    let unset = meta::field(new, "deletionGracePeriodSeconds").is_none_or(Value::is_null);
    if let Some(seconds) = meta::field(old, "deletionGracePeriodSeconds").filter(|_| unset) {
        meta::set_field(new, "deletionGracePeriodSeconds", seconds.clone());
    }
}

fn prepare(call: &Call, part: Part, new: &mut Value, old: &Value) {
    let strategy: &dyn Strategy = &*call.row.strategy;
    let context = call.context();
    match part {
        Part::Main => {
            strategy.default(new);
            strategy.prepare_update(&context, new, old);
        }
        Part::Subresource(SubresourceKind::Status) => strategy.prepare_status_update(&context, new, old),
        Part::Subresource(kind) => match strategy.subresource(kind.as_str()) {
            Some(strategy) => strategy.prepare_update(&context, new, old),
            None => subresources::prepare(kind, new, old),
        },
    }
}

fn validate(call: &Call, part: Part, new: &Value, old: &Value) -> Result<(), Status> {
    let strategy: &dyn Strategy = &*call.row.strategy;
    let namespaced = call.row.is_namespaced();
    let errors = match part {
        Part::Main => kinds::update_errors(strategy, new, old, namespaced),
        Part::Subresource(SubresourceKind::Status) => kinds::status_errors(strategy, new, old, namespaced),
        Part::Subresource(kind) => match strategy.subresource(kind.as_str()) {
            Some(strategy) => kinds::update_errors(strategy, new, old, namespaced),
            None => kinds::status_errors(strategy, new, old, namespaced),
        },
    };
    if errors.is_empty() {
        return Ok(());
    }
    Err(status::invalid(&call.row.group_kind(), meta::name(old), &errors))
}
