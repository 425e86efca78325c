//! `cvctl create -f`.

use anyhow::{Context as _, Result};
use clap::Args;
use http::Method;
use serde_json::Value;

use super::common::{DryRun, Files, Printer, Validate, in_namespace, locate};
use crate::error::Errors;
use crate::files::Loaded;
use crate::request::with_query;
use crate::resources::Resources;
use crate::session::Session;

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    files: Files,
    /// Output format.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
    /// Must be "none", "server", or "client".
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, default_missing_value = "client", require_equals = true)]
    dry_run: DryRun,
    /// What happens to unknown and duplicate fields.
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, default_missing_value = "strict", require_equals = true)]
    validate: Validate,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let printer = Printer::new(&flags.output, flags.dry_run)?;
    let loaded = flags.files.load_for("create")?;
    let resources = session.resources().await?;
    let mut errors = Errors::default();
    for loaded in &loaded {
        match create(session, &resources, &flags, loaded).await {
            Ok(created) => printer.print(&created, "created")?,
            Err(failed) => errors.push(failed),
        }
    }
    errors.into_result()
}

async fn create(session: &Session, resources: &Resources, flags: &Flags, loaded: &Loaded) -> Result<Value> {
    let place = locate(session, resources, loaded)?;
    let object = in_namespace(&place, &loaded.object);
    if flags.dry_run == DryRun::Client {
        return Ok(object);
    }
    let parameters = [("dryRun", flags.dry_run.parameter()), ("fieldValidation", flags.validate.parameter())];
    let sent = session.requests.write(Method::POST, &with_query(&place.collection, &parameters), &object).await;
    sent.with_context(|| format!("error when creating \"{}\"", loaded.source))
}
