//! `cvctl scale`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use super::common::{DryRun, MERGE, Writing};
use super::select::{Selection, Unnamed, something_named};
use crate::error::{self, Errors};
use crate::request::Accept;
use crate::session::Session;
use crate::value::{int, text};

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    /// The new desired number of replicas.
    #[arg(long, allow_negative_numbers = true)]
    replicas: i64,
    /// Precondition for current size.
    #[arg(long, default_value_t = -1, allow_negative_numbers = true, hide_default_value = true)]
    current_replicas: i64,
    /// Precondition for resource version.
    #[arg(long, default_value = "", hide_default_value = true)]
    resource_version: String,
    #[command(flatten)]
    writing: Writing,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    if flags.replicas < 0 {
        bail!("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
    }
    something_named(&flags.selection)?;
    let printer = flags.writing.printer()?;
    let resources = session.resources().await?;
    let wanted = flags.selection.find(session, &resources, Unnamed::Mistake).await?;
    if wanted.is_empty() {
        bail!("no objects passed to scale");
    }
    let (mut found, mut errors) = (0, Errors::default());
    for item in wanted {
        let one = async {
            let object = item.get(session).await?;
            found += 1;
            scale(session, &flags, &item.path()).await?;
            printer.print(&object, "scaled")
        };
        if let Err(failed) = one.await {
            errors.push(failed);
        }
    }
    match errors.into_result() {
        Err(failed) if found == 0 && error::is_not_found(&failed) => {
            bail!("no objects passed to scale {}", error::message(&failed))
        }
        result => result,
    }
}

async fn scale(session: &Session, flags: &Flags, object: &str) -> Result<()> {
    let path = format!("{object}/scale");
    let mut patch = json!({ "spec": { "replicas": flags.replicas } });
    if flags.current_replicas >= 0 || !flags.resource_version.is_empty() || flags.writing.dry_run == DryRun::Client {
        let scale = session.requests.get(&path, Accept::Object).await?;
        let current = int(&scale, "/spec/replicas");
        if flags.current_replicas >= 0 && current != flags.current_replicas {
            bail!("Expected replicas to be {}, was {current}", flags.current_replicas);
        }
        let version = text(&scale, "/metadata/resourceVersion");
        if !flags.resource_version.is_empty() && version != flags.resource_version {
            bail!("Expected resource version to be {}, was {version}", flags.resource_version);
        }
        patch = json!({ "metadata": { "resourceVersion": version }, "spec": { "replicas": flags.replicas } });
    }
    if flags.writing.dry_run == DryRun::Client {
        return Ok(());
    }
    session.requests.patch(&flags.writing.on(&path), MERGE, &patch).await.map(drop)
}
