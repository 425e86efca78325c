//! DELETE on an object.

use bytes::Bytes;
use corvette_api::{
    meta,
    status::{self, Status},
};
use corvette_store::Expect;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    call::Call,
    codec::{self, Expected},
    deletion::{self, Plan},
    modify::Outcome,
    options::DeleteOptions,
    reply::Reply,
};
use crate::{
    admission::{self, Attributes, Operation},
    hooks,
    objects::{Current, Written},
};

/// What the body of a delete is.
const OPTIONS: Expected<'static> = Expected {
    api_version: "v1",
    kind: "DeleteOptions",
    definition: Some("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"),
};
/// Attempts at a delete that others keep overtaking.
const ATTEMPTS: usize = 20;

/// What became of an object.
pub enum Deleted {
    /// It is gone; this was its last state.
    Gone(Value),
    /// It stays for now, marked.
    Waits(Outcome),
}

/// Reads the options of a delete from the body or the query.
///
/// # Errors
/// 400 and 422 as upstream.
pub fn options(call: &Call, body: &Bytes) -> Result<DeleteOptions, Status> {
    if body.is_empty() {
        return DeleteOptions::parse(&call.info.query, None);
    }
    let mut given = codec::read_body(&call.headers, body, OPTIONS)?.value;
    codec::check_types(&mut given, OPTIONS, body)?;
    let mut options = DeleteOptions::parse(&call.info.query, Some(&given))?;
    options.dry_run |= DeleteOptions::parse(&call.info.query, None)?.dry_run;
    Ok(options)
}

/// Serves a delete.
///
/// # Errors
/// The status the client sees.
pub async fn delete(call: &Call, body: Bytes) -> Result<Reply, Status> {
    let options = options(call, &body)?;
    let key = call.key()?;
    let deleted = delete_object(call, &key, &options).await?.ok_or_else(|| call.not_found())?;
    Ok(match deleted {
        Deleted::Gone(mut object) if hooks::find(call.storage()?).answers_deleted_object() => {
            call.row.from_storage(&mut object);
            Reply::ok(object)
        }
        Deleted::Gone(object) => Reply::ok(success(call, &object)),
        Deleted::Waits(object) => {
            let code = if options.cascade_requested { StatusCode::ACCEPTED } else { StatusCode::OK };
            object.into_reply(call, code)
        }
    })
}

fn success(call: &Call, object: &Value) -> Value {
    let mut details = Map::new();
    details.insert("name".to_owned(), meta::name(object).into());
    if !call.row.group.is_empty() {
        details.insert("group".to_owned(), call.row.group.as_ref().into());
    }
    details.insert("kind".to_owned(), call.row.plural.as_ref().into());
    details.insert("uid".to_owned(), meta::uid(object).into());
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// Deletes or marks the object of a key; `None` when there is none. Objects are in the storage version.
///
/// # Errors
/// The status the client sees.
pub async fn delete_object(call: &Call, key: &str, options: &DeleteOptions) -> Result<Option<Deleted>, Status> {
    let mut found = call.app.objects.fresh(key).await?;
    for _ in 0..ATTEMPTS {
        let Some(current) = found else { return Ok(None) };
        match attempt(call, key, &current, options).await? {
            Attempt::Done(deleted) => return Ok(Some(deleted)),
            Attempt::Overtaken(newer) => found = newer.map(|newer| *newer),
        }
    }
    Err(status::object_modified(&call.row.group_resource(), &call.info.name))
}

enum Attempt {
    Done(Deleted),
    Overtaken(Option<Box<Current>>),
}

async fn attempt(call: &Call, key: &str, current: &Current, options: &DeleteOptions) -> Result<Attempt, Status> {
    let old = &current.value;
    deletion::check_preconditions(&call.row.group_kind(), old, options)?;
    let attributes = Attributes {
        app: &call.app,
        row: &call.row,
        subresource: "",
        operation: Operation::Delete,
        namespace: meta::namespace(old),
        name: meta::name(old),
        user: &call.user,
        old: Some(old),
        dry_run: options.dry_run,
    };
    admission::validate(&attributes, None).await?;
    let hooks = hooks::find(call.storage()?);
    let expect = Expect::Revision(current.revision);
    match deletion::plan(&*call.row.strategy, hooks, old, options, call.app.clock.now()) {
        Plan::Pending => Ok(Attempt::Done(Deleted::Waits(Outcome::Unsaved(old.clone())))),
        Plan::Remove if options.dry_run => Ok(Attempt::Done(Deleted::Gone(old.clone()))),
        Plan::Mark(marked) if options.dry_run => Ok(Attempt::Done(Deleted::Waits(Outcome::Unsaved(marked)))),
        Plan::Remove => match call.app.objects.delete(key, expect).await? {
            Written::Done(revision) => {
                let mut last = old.clone();
                meta::set_resource_version(&mut last, &revision.to_string());
                Ok(Attempt::Done(Deleted::Gone(last)))
            }
            Written::Conflict(newer) => Ok(Attempt::Overtaken(newer)),
        },
        Plan::Mark(marked) => match call.app.objects.put(key, expect, marked, hooks.ttl()).await? {
            Written::Done(json) => Ok(Attempt::Done(Deleted::Waits(Outcome::Stored(json)))),
            Written::Conflict(newer) => Ok(Attempt::Overtaken(newer)),
        },
    }
}
