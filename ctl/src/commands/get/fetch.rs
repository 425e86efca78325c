//! Asking for what is to be printed.

use anyhow::Result;
use corvette_api::meta;
use serde_json::Value;

use super::Flags;
use crate::error;
use crate::output::Format;
use crate::request::{Accept, with_query};
use crate::session::Session;
use crate::target::Target;

/// Answers, and the errors of those names that have none.
pub struct Fetched {
    /// One answer for each name, or the pages of a list.
    pub answers: Vec<Value>,
    /// What went wrong, in the order of the names.
    pub errors: Vec<anyhow::Error>,
}

/// Asks for the named objects, or for all of them.
///
/// # Errors
/// When a list fails, or the server cannot be reached.
pub async fn fetch(session: &Session, target: &Target<'_>, flags: &Flags, format: &Format) -> Result<Fetched> {
    let accept = if format.is_table() { Accept::Table } else { Accept::Object };
    let object = if format.is_table() && !flags.sort_by.is_empty() { "Object" } else { "" };
    let (mut answers, mut errors) = (Vec::new(), Vec::new());
    for name in &target.names {
        let path = target.resource.object(&session.namespace, name);
        match session.requests.get(&with_query(&path, &[("includeObject", object)]), accept).await {
            Ok(answer) => answers.push(answer),
            Err(failed) if flags.ignore_not_found && error::is_not_found(&failed) => {}
            Err(failed) if error::is_unreachable(&failed) => return Err(failed),
            Err(failed) => errors.push(failed),
        }
    }
    if target.names.is_empty() {
        let path = with_query(&collection(session, target, flags), &[("includeObject", object)]);
        answers = session.requests.pages(&path, accept).await.map_err(|failed| unselected(failed, target, flags))?;
    }
    Ok(Fetched { answers, errors })
}

/// Path of the list of what is asked for.
pub fn collection(session: &Session, target: &Target<'_>, flags: &Flags) -> String {
    let namespace = (!flags.all_namespaces).then_some(session.namespace.as_str());
    let selectors = [("labelSelector", flags.selector.as_str()), ("fieldSelector", flags.field_selector.as_str())];
    with_query(&target.resource.collection(namespace), &selectors)
}

/// Says which selectors the server did not understand.
fn unselected(failed: anyhow::Error, target: &Target<'_>, flags: &Flags) -> anyhow::Error {
    let bad = error::status_of(&failed).is_some_and(|status| status.code == 400);
    if !bad || (flags.selector.is_empty() && flags.field_selector.is_empty()) {
        return failed;
    }
    let version = target.resource.api_version();
    let version = if target.resource.group.is_empty() { format!("/{version}") } else { version };
    failed.context(format!(
        "Unable to find \"{version}, Resource={}\" that match label selector \"{}\", field selector \"{}\"",
        target.resource.plural, flags.selector, flags.field_selector
    ))
}

/// The objects of an answer. Items of a list do not repeat what the list says they are.
pub fn objects_of(mut answer: Value, target: &Target<'_>) -> Vec<Value> {
    match answer.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if target.names.is_empty() => items
            .into_iter()
            .map(|mut item| {
                meta::set_gvk(&mut item, &target.resource.api_version(), &target.resource.kind);
                item
            })
            .collect(),
        _ => vec![answer],
    }
}

/// Tables as one: the columns of the first, the rows of all.
pub fn joined(tables: Vec<Value>) -> Option<Value> {
    let mut tables = tables.into_iter();
    let mut first = tables.next()?;
    for mut next in tables {
        let more = next.get_mut("rows").map(Value::take);
        match (first.get_mut("rows").and_then(Value::as_array_mut), more) {
            (Some(rows), Some(Value::Array(more))) => rows.extend(more),
            (None, Some(more)) => meta::as_map(&mut first).extend([("rows".to_owned(), more)]),
            _ => {}
        }
    }
    Some(first)
}
