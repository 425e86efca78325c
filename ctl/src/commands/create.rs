//! `cvctl create -f`.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use http::Method;
use serde_json::Value;

use super::common::{DryRun, Printer, locate};
use crate::files;
use crate::request::with_query;
use crate::session::Session;

#[derive(Args)]
pub struct Flags {
    /// Filename, directory, or - to files to use to create the resources.
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
    for loaded in files::load(&flags.filename, flags.recursive)? {
        let place = locate(session, &resources, &loaded)?;
        if flags.dry_run == DryRun::Client {
            printer.print(&loaded.object, "created")?;
            continue;
        }
        let path =
            with_query(&place.collection, &[("dryRun", flags.dry_run.parameter()), ("fieldValidation", "Strict")]);
        let sent = session.requests.write(Method::POST, &path, &loaded.object).await;
        let created: Value = sent.with_context(|| format!("error when creating \"{}\"", loaded.source))?;
        if created.get("kind").is_none() {
            bail!("the server did not answer with the object");
        }
        printer.print(&created, "created")?;
    }
    Ok(())
}
