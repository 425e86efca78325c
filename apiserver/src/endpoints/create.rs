//! POST on a collection.

use bytes::Bytes;
use corvette_api::{
    kinds, meta,
    status::{self, Status},
};
use corvette_store::Expect;
use http::StatusCode;
use rand::seq::IndexedRandom;
use serde_json::Value;
use uuid::Uuid;

use super::{
    call::Call,
    codec::{self, Expected},
    modify::Outcome,
    options::WriteOptions,
    reply::Reply,
};
use crate::{
    admission::{self, Attributes, Operation},
    hooks,
    objects::Written,
    reader::At,
};

/// Letters and digits of generated names: no vowels, nothing that looks like something else (upstream's).
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// Length of the generated part of a name.
const SUFFIX: usize = 5;
/// Longest base of a generated name.
const MAX_BASE: usize = 63 - SUFFIX;
/// Attempts at a free generated name.
const NAME_ATTEMPTS: usize = 8;

/// Serves a create.
///
/// # Errors
/// The status the client sees.
pub async fn create(call: &Call, body: Bytes) -> Result<Reply, Status> {
    let options = WriteOptions::parse(&call.info.query, "CreateOptions")?;
    let mut object = codec::decode_body(call, &body, Expected::of_row(call), options.field_validation)?;
    match_namespace(call, &mut object)?;
    call.row.to_storage(&mut object);
    let created = create_object(call, object, &options).await?;
    Ok(created.into_reply(call, StatusCode::CREATED))
}

/// Sets the namespace of the path on an object without one, and takes that of an object of the whole cluster away.
///
/// # Errors
/// 400 when the object names another.
pub fn match_namespace(call: &Call, object: &mut Value) -> Result<(), Status> {
    let wanted = call.namespace().unwrap_or_default();
    let given = meta::namespace(object);
    if given == wanted {
        return Ok(());
    }
    if given.is_empty() || wanted.is_empty() {
        meta::set_namespace(object, wanted);
        return Ok(());
    }
    Err(status::bad_request("the namespace of the provided object does not match the namespace sent on the request"))
}

/// Creates an object of the storage version.
///
/// # Errors
/// The status the client sees.
pub async fn create_object(call: &Call, object: Value, options: &WriteOptions) -> Result<Outcome, Status> {
    let base = meta::generate_name(&object).to_owned();
    if base.is_empty() {
        return attempt(call, object, options).await;
    }
    let attempts = if meta::name(&object).is_empty() { NAME_ATTEMPTS } else { 1 };
    let mut taken = meta::name(&object).to_owned();
    for _ in 0..attempts {
        let mut named = object.clone();
        if meta::name(&named).is_empty() {
            taken = generated_name(&base);
            meta::set_name(&mut named, &taken);
        }
        match attempt(call, named, options).await {
            Err(failed) if failed.reason == status::Reason::AlreadyExists => {}
            decided => return decided,
        }
    }
    Err(status::generate_name_conflict(&call.row.group_resource(), &taken, 1))
}

/// Appends random letters to `base`, keeping within a label's length.
pub fn generated_name(base: &str) -> String {
    let mut name: String = base.chars().take(MAX_BASE).collect();
    let mut random = rand::rng();
    name.extend((0..SUFFIX).filter_map(|_| ALPHABET.choose(&mut random)).map(|byte| char::from(*byte)));
    name
}

async fn attempt(call: &Call, mut object: Value, options: &WriteOptions) -> Result<Outcome, Status> {
    let row = &*call.row;
    let storage = call.storage()?;
    let hooks = hooks::find(storage);
    let (namespace, name) = (meta::namespace(&object).to_owned(), meta::name(&object).to_owned());
    let has_version = meta::resource_version(&object).parse::<u64>().is_ok_and(|version| version > 0);
    let attributes = Attributes {
        app: &call.app,
        row,
        subresource: "",
        operation: Operation::Create,
        namespace: &namespace,
        name: &name,
        user: &call.user,
        old: None,
        dry_run: options.dry_run,
    };
    row.strategy.default(&mut object);
    call.app.reader.wait(At::Latest).await?;
    admission::mutate(&attributes, &mut object).await?;
    row.strategy.default(&mut object);
    fill_system_fields(call, &mut object);
    row.strategy.prepare_create(&call.context(), &mut object);
    let _reservation = hooks.begin_create(&call.app, &mut object).await?;
    let errors = kinds::create_errors(&*row.strategy, &object, row.is_namespaced());
    if !errors.is_empty() {
        return Err(status::invalid(&row.group_kind(), &name, &errors));
    }
    row.strategy.warnings(&object, None).into_iter().for_each(|text| call.warn(text));
    admission::validate(&attributes, Some(&object)).await?;
    let key = storage.key(call.namespace(), &name);
    if options.dry_run {
        return match call.app.objects.fresh(&key).await? {
            Some(existing) => Err(exists(call, &existing.value)),
            None => Ok(Outcome::Unsaved(object)),
        };
    }
    if has_version {
        // Upstream's storage finds it, and does not say that it is the client's fault.
        let detail = "resourceVersion should not be set on objects to be created";
        return Err(Status::new(500, status::Reason::Unknown, detail));
    }
    match call.app.objects.put(&key, Expect::Absent, object, hooks.ttl()).await? {
        Written::Done(json) => Ok(Outcome::Stored(json)),
        Written::Conflict(existing) => Err(existing
            .map_or_else(|| status::server_timeout(&row.group_resource(), "create", 1), |e| exists(call, &e.value))),
    }
}

fn exists(call: &Call, existing: &Value) -> Status {
    let mut failed = status::already_exists(&call.row.group_resource(), meta::name(existing));
    if meta::is_being_deleted(existing) {
        failed.message = format!("object is being deleted: {}", failed.message);
    }
    failed
}

/// Sets what only the server may set on a new object.
fn fill_system_fields(call: &Call, object: &mut Value) {
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields", "resourceVersion"] {
        meta::remove_field(object, field);
    }
    meta::remove_empty(object);
    meta::set_creation_timestamp(object, call.app.clock.now());
    meta::set_uid(object, &Uuid::new_v4().to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_keep_within_a_label() {
        let name = generated_name(&"a".repeat(100));
        assert_eq!(name.len(), 63);
        let name = generated_name("web-");
        assert!(name.starts_with("web-") && name.len() == 9, "{name}");
        assert!(name.bytes().skip(4).all(|byte| ALPHABET.contains(&byte)), "{name}");
    }
}
