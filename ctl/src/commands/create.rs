//! `cvctl create -f`.

use anyhow::{Context as _, Result};
use clap::Args;
use http::Method;
use serde_json::Value;

use super::apply;
use super::common::{DryRun, Validation, Writing};
use super::select::{Files, Item, locate};
use crate::session::Session;

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    writing: Writing,
    #[command(flatten)]
    validation: Validation,
    /// If true, the configuration of current object will be saved in its annotation, for `apply` to work on it later.
    #[arg(long)]
    save_config: bool,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let printer = flags.writing.printer()?;
    let (loaded, mut errors) = flags.files.load_for("create")?;
    let resources = session.resources().await?;
    for loaded in &loaded {
        let one = async {
            let item = locate(session, &resources, loaded)?;
            let object = item.to_send();
            let object = if flags.save_config { apply::annotated(&object)? } else { object };
            create(session, &item, &flags.writing, &flags.validation, object).await
        };
        match one.await {
            Ok(created) => printer.print(&created, "created")?,
            Err(failed) => errors.push(failed),
        }
    }
    errors.into_result()
}

/// Creates an object, unless that is not really wanted.
///
/// # Errors
/// The server's, with the file the object is from.
pub async fn create(
    session: &Session,
    item: &Item<'_>,
    writing: &Writing,
    validation: &Validation,
    object: Value,
) -> Result<Value> {
    if writing.dry_run == DryRun::Client {
        return Ok(object);
    }
    let path = validation.on(&writing.on(&item.collection()));
    let sent = session.requests.write(Method::POST, &path, &object).await;
    if item.source.is_empty() { sent } else { sent.with_context(|| format!("error when creating \"{}\"", item.source)) }
}
