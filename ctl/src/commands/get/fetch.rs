//! Asking for what is to be printed.

use anyhow::Result;
use corvette_api::meta;
use corvette_api::time::HumanDuration;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Flags;
use crate::error;
use crate::output::Format;
use crate::request::{Accept, segment, with_query};
use crate::session::Session;
use crate::target::Target;
use crate::value::{list, text};

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
    let accept = accept(flags, format);
    let object = if format.is_table() && !flags.sort_by.is_empty() { "Object" } else { "" };
    let (mut answers, mut errors) = (Vec::new(), Vec::new());
    for name in &target.names {
        let namespace = target.namespace.as_deref().unwrap_or(&session.namespace);
        let mut path = target.resource.object(namespace, name);
        if !flags.subresource.is_empty() {
            path = format!("{path}/{}", segment(&flags.subresource));
        }
        match session.requests.get(&with_query(&path, &[("includeObject", object)]), accept).await {
            Ok(answer) => answers.push(if format.is_table() { as_table(answer) } else { answer }),
            Err(failed) if flags.ignore_not_found && error::is_not_found(&failed) => {}
            Err(failed) if error::is_unreachable(&failed) => return Err(failed),
            Err(failed) => errors.push(failed),
        }
    }
    if target.names.is_empty() {
        let path = with_query(&collection(session, target, flags), &[("includeObject", object)]);
        let pages = session.requests.pages(&path, accept, flags.chunk_size).await;
        answers = pages.map_err(|failed| unselected(failed, target, flags))?;
        if format.is_table() {
            answers = answers.into_iter().map(as_table).collect();
        }
    }
    Ok(Fetched { answers, errors })
}

/// How the answer is wanted.
pub fn accept(flags: &Flags, format: &Format) -> Accept {
    if format.is_table() && flags.server_print { Accept::Table } else { Accept::Object }
}

/// A table of names and ages of what the server did not make a table of.
pub fn as_table(answer: Value) -> Value {
    if text(&answer, "/kind") == "Table" {
        return answer;
    }
    let objects = if answer.get("items").is_some() { list(&answer, "/items") } else { std::slice::from_ref(&answer) };
    let row = |object: &Value| {
        let age = meta::created_at(object).map(|at| HumanDuration(Timestamp::now().duration_since(at)).to_string());
        let cells = [meta::name(object).to_owned(), age.unwrap_or_else(|| "<unknown>".to_owned())];
        json!({ "cells": cells, "object": object })
    };
    let rows: Vec<Value> = objects.iter().map(row).collect();
    let columns = json!([{ "name": "Name", "priority": 0 }, { "name": "Age", "priority": 0 }]);
    json!({ "kind": "Table", "metadata": answer.get("metadata"), "columnDefinitions": columns, "rows": rows })
}

/// Path of the list of what is asked for.
pub fn collection(session: &Session, target: &Target<'_>, flags: &Flags) -> String {
    let namespace = (!flags.selection.all_namespaces).then_some(session.namespace.as_str());
    let selectors = [
        ("labelSelector", flags.selection.selector.as_str()),
        ("fieldSelector", flags.selection.field_selector.as_str()),
    ];
    with_query(&target.resource.collection(namespace), &selectors)
}

/// Says which selectors the server did not understand.
fn unselected(failed: anyhow::Error, target: &Target<'_>, flags: &Flags) -> anyhow::Error {
    let bad = error::status_of(&failed).is_some_and(|status| status.code == 400);
    if !bad || (flags.selection.selector.is_empty() && flags.selection.field_selector.is_empty()) {
        return failed;
    }
    let version = target.resource.versioned();
    failed.context(format!(
        "Unable to find \"{version}, Resource={}\" that match label selector \"{}\", field selector \"{}\"",
        target.resource.plural, flags.selection.selector, flags.selection.field_selector
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
