//! `cvctl patch`.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use corvette_api::{meta, yaml};
use serde_json::Value;

use super::common::{DryRun, JSON, MERGE, STRATEGIC, Writing};
use super::select::{Item, Selection, Unnamed};
use crate::error::Errors;
use crate::files::in_gos_words;
use crate::request::segment;
use crate::session::Session;

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    writing: Writing,
    /// The patch to be applied to the resource JSON file.
    #[arg(short, long)]
    patch: Option<String>,
    /// A file containing a patch to be applied to the resource.
    #[arg(long)]
    patch_file: Option<PathBuf>,
    /// The type of patch being provided; one of [json merge strategic].
    #[arg(long = "type", default_value = "strategic")]
    kind: String,
    /// If specified, patch will operate on the subresource of the requested object.
    #[arg(long, default_value = "", hide_default_value = true)]
    subresource: String,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let media_type = match flags.kind.to_lowercase().as_str() {
        "strategic" => STRATEGIC,
        "merge" => MERGE,
        "json" => JSON,
        _ => bail!("--type must be one of [json merge strategic], not \"{}\"", flags.kind),
    };
    let text = match (&flags.patch, &flags.patch_file) {
        (Some(_), Some(_)) => bail!("cannot specify --patch and --patch-file together"),
        (Some(text), None) => text.clone(),
        (None, Some(file)) => std::fs::read_to_string(file)
            .map_err(|error| anyhow!("unable to read patch file: open {}: {}", file.display(), in_gos_words(&error)))?,
        (None, None) => bail!("must specify --patch or --patch-file containing the contents of the patch"),
    };
    let parsed = yaml::parse(&text)
        .map_err(|error| anyhow!("unable to parse {}: {error}", corvette_api::quote::quote(&text)))?;
    // That it was only tried is not said.
    let printer = Writing { dry_run: DryRun::None, ..flags.writing.clone() }.printer()?;
    let resources = session.resources().await?;
    let mut errors = Errors::default();
    for item in flags.selection.find(session, &resources, Unnamed::Mistake).await? {
        match patch(session, &flags, &item, media_type, &parsed.value).await {
            Ok((object, what)) => printer.print(&object, what)?,
            Err(failed) => errors.push(failed),
        }
    }
    errors.into_result()
}

async fn patch(
    session: &Session,
    flags: &Flags,
    item: &Item<'_>,
    media_type: &str,
    patch: &Value,
) -> Result<(Value, &'static str)> {
    let mut path = item.path();
    if !flags.subresource.is_empty() {
        path = format!("{path}/{}", segment(&flags.subresource));
    }
    let before = session.requests.get(&path, crate::request::Accept::Object).await?;
    // What a patch does is known to the server alone: not storing is as good as not sending.
    let writing = match flags.writing.dry_run {
        DryRun::Client => Writing { dry_run: DryRun::Server, ..flags.writing.clone() },
        _ => flags.writing.clone(),
    };
    let after = session.requests.patch(&writing.on(&path), media_type, patch).await?;
    let comparable = |object: &Value| {
        let mut object = object.clone();
        meta::remove_field(&mut object, "managedFields");
        object
    };
    let same = comparable(&before) == comparable(&after);
    Ok((after, if same { "patched (no change)" } else { "patched" }))
}
