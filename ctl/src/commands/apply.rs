//! `cvctl apply`: three-way, client-side, with kubectl's annotation, so that both can be used on one object.

use anyhow::{Context as _, Result};
use clap::Args;
use corvette_api::patch;
use corvette_api::schema;
use http::Method;
use serde_json::{Value, json};

use super::common::{DryRun, Place, Printer, locate};
use crate::request::{Accept, with_query};
use crate::session::Session;
use crate::{error, files};

/// Where the last applied object is kept.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Tries when others change the object at the same time.
const TRIES: usize = 5;

#[derive(Args)]
pub struct Flags {
    /// The files that contain the configurations to apply.
    #[arg(short, long, required = true)]
    filename: Vec<String>,
    /// Process the directory used in -f recursively.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Output format.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
    /// Must be "none", "server", or "client".
    #[arg(long, value_enum, default_value_t)]
    dry_run: DryRun,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let printer = Printer::new(&flags.output, flags.dry_run)?;
    let resources = session.resources().await?;
    let mut failures = Vec::new();
    let loaded = files::load(&flags.filename, flags.recursive)?;
    for loaded in &loaded {
        let place = locate(session, &resources, loaded)?;
        let applied = apply(session, &place, &loaded.object, flags.dry_run).await;
        match applied.with_context(|| format!("error when applying \"{}\"", loaded.source)) {
            Ok((object, what)) => printer.print(&object, what)?,
            Err(failed) => failures.push(failed),
        }
    }
    // Every object gets its turn; the first failure decides the exit code, the others are printed here.
    let mut failures = failures.into_iter();
    let first = failures.next();
    for failed in failures {
        eprintln!("{}", error::in_kubectls_words(&failed));
    }
    first.map_or(Ok(()), Err)
}

async fn apply(session: &Session, place: &Place<'_>, wanted: &Value, dry_run: DryRun) -> Result<(Value, &'static str)> {
    let modified = annotated(wanted)?;
    let parameters = [("dryRun", dry_run.parameter()), ("fieldValidation", "Strict")];
    for _ in 1..TRIES {
        let current = match session.requests.get(&place.object, Accept::Object).await {
            Err(failed) if error::is_not_found(&failed) => {
                if dry_run == DryRun::Client {
                    return Ok((modified, "created"));
                }
                let path = with_query(&place.collection, &parameters);
                return Ok((session.requests.write(Method::POST, &path, &modified).await?, "created"));
            }
            current => current?,
        };
        let (content_type, patch) = difference(&modified, &current)?;
        if patch.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok((current, "unchanged"));
        }
        if dry_run == DryRun::Client {
            return Ok((modified, "configured"));
        }
        match session.requests.patch(&with_query(&place.object, &parameters), content_type, &patch).await {
            Err(failed) if is_conflict(&failed) => {}
            changed => {
                let changed = changed?;
                let version = |o: &Value| o.pointer("/metadata/resourceVersion").cloned();
                let what = if version(&changed) == version(&current) { "unchanged" } else { "configured" };
                return Ok((changed, what));
            }
        }
    }
    anyhow::bail!("the object was changed by others every time")
}

fn is_conflict(failed: &anyhow::Error) -> bool {
    failed.chain().find_map(error::status_of).is_some_and(|status| status.code == 409)
}

/// The object with itself, as it was in the file, in its annotation.
fn annotated(wanted: &Value) -> Result<Value> {
    let mut plain = wanted.clone();
    let metadata = plain.get_mut("metadata").and_then(Value::as_object_mut).context("metadata is missing")?;
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if annotations.is_null() {
        *annotations = json!({});
    }
    annotations.as_object_mut().context("metadata.annotations is not an object")?.remove(LAST_APPLIED);
    let text = format!("{}\n", serde_json::to_string(&plain)?);
    if let Some(annotations) = plain.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.insert(LAST_APPLIED.to_owned(), text.into());
    }
    Ok(plain)
}

/// The patch from what the server has to what is wanted, given what was applied last. Strategic for kinds in the schema table.
fn difference(modified: &Value, current: &Value) -> Result<(&'static str, Value)> {
    let last = current.pointer("/metadata/annotations").and_then(|a| a.get(LAST_APPLIED)).and_then(Value::as_str);
    let last: Value =
        last.map(serde_json::from_str).transpose().context("last applied configuration")?.unwrap_or_else(|| json!({}));
    match schema::of_object(modified) {
        Some(def) => {
            let patch = patch::strategic::three_way(def, &last, modified, current)?;
            Ok(("application/strategic-merge-patch+json", patch))
        }
        None => Ok(("application/merge-patch+json", patch::merge::three_way(&last, modified, current))),
    }
}
