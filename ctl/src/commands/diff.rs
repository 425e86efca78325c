//! `cvctl diff`: what `apply` would change.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};
use clap::Args;
use corvette_api::{meta, yaml};
use http::Method;
use serde_json::{Map, Value};

use super::apply::{annotated, three_way};
use super::common::{DryRun, Validation, Writing};
use super::select::{Files, Item, locate};
use crate::error;
use crate::session::Session;

/// The exit code for mistakes; 1 says that there are differences.
const MISTAKE: u8 = 2;

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    files: Files,
    /// If true, include managed fields in the diff.
    #[arg(long)]
    show_managed_fields: bool,
}

/// Prints the differences; the exit code is 1 when there are some.
pub async fn run(session: &Session, flags: Flags) -> ExitCode {
    match diff(session, &flags).await {
        Ok(code) => code,
        Err(failed) => {
            eprintln!("{}", error::in_kubectls_words(&failed));
            ExitCode::from(MISTAKE)
        }
    }
}

async fn diff(session: &Session, flags: &Flags) -> Result<ExitCode> {
    let (loaded, errors) = flags.files.load_for("diff")?;
    errors.into_result()?;
    let resources = session.resources().await?;
    let folder = |name: &str| tempfile::Builder::new().prefix(name).tempdir().context("no temporary folder");
    let (live, merged) = (folder("LIVE-")?, folder("MERGED-")?);
    for loaded in &loaded {
        let item = locate(session, &resources, loaded)?;
        let (before, after) = versions(session, &item).await?;
        let version = if item.resource.group.is_empty() {
            item.resource.version.clone()
        } else {
            format!("{}.{}", item.resource.group, item.resource.version)
        };
        let name = format!("{version}.{}.{}.{}", item.resource.kind, item.namespace, item.name);
        write(live.path(), &name, before, flags)?;
        write(merged.path(), &name, Some(after), flags)?;
    }
    let program = std::env::var("KUBECTL_EXTERNAL_DIFF").unwrap_or_else(|_| "diff -u -N".to_owned());
    let mut words = program.split_whitespace();
    let program = words.next().unwrap_or("diff");
    let status = Command::new(program).args(words).arg(live.path()).arg(merged.path()).stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("failed to run \"{program}\""))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::from(MISTAKE), ExitCode::from))
}

/// The object as it is, if it is, and as it would be.
async fn versions(session: &Session, item: &Item<'_>) -> Result<(Option<Value>, Value)> {
    let trial = Writing { dry_run: DryRun::Server, ..Writing::default() };
    let wanted = item.to_send();
    let current = match item.get(session).await {
        Err(failed) if error::is_not_found(&failed) => {
            let path = Validation::default().on(&trial.on(&item.collection()));
            return Ok((None, session.requests.write(Method::POST, &path, &wanted).await?));
        }
        current => current?,
    };
    let modified = annotated(&wanted)?;
    let (media_type, patch) = three_way(&modified, &current)?;
    if patch.as_object().is_some_and(Map::is_empty) {
        return Ok((Some(current.clone()), current));
    }
    let after = session.requests.patch(&trial.on(&item.path()), media_type, &patch).await?;
    Ok((Some(current), after))
}

fn write(folder: &Path, name: &str, object: Option<Value>, flags: &Flags) -> Result<()> {
    let text = object.map(|mut object| {
        if !flags.show_managed_fields {
            meta::remove_field(&mut object, "managedFields");
        }
        hide_secrets(&mut object);
        yaml::to_string(&object)
    });
    std::fs::write(folder.join(name), text.unwrap_or_default()).with_context(|| format!("cannot write {name}"))
}

/// What is secret is shown to nobody who looks at differences.
fn hide_secrets(object: &mut Value) {
    if meta::kind(object) == "Secret" {
        for value in object.get_mut("data").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
            *value = "***".into();
        }
        meta::metadata_mut(object)
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
            .map(|all| all.remove(super::apply::LAST_APPLIED));
    }
}
