//! `cvctl scale`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use super::common::{DryRun, Files, locate};
use crate::error::{self, Errors};
use crate::request::{Accept, with_query};
use crate::session::Session;
use crate::target;
use crate::value::{int, text};

#[derive(Args)]
pub struct Flags {
    /// TYPE NAME, or TYPE/NAME...
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// The new desired number of replicas.
    #[arg(long, allow_negative_numbers = true)]
    replicas: i64,
    /// Precondition for current size.
    #[arg(long, default_value_t = -1, allow_negative_numbers = true, hide_default_value = true)]
    current_replicas: i64,
    /// Precondition for resource version.
    #[arg(long, default_value = "", hide_default_value = true)]
    resource_version: String,
    /// Must be "none", "server", or "client".
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, default_missing_value = "client", require_equals = true)]
    dry_run: DryRun,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    if flags.replicas < 0 {
        bail!("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
    }
    let resources = session.resources().await?;
    let mut wanted = Vec::new();
    for loaded in if flags.files.given() { flags.files.load()? } else { Vec::new() } {
        let place = locate(session, &resources, &loaded)?;
        wanted.push((
            place.object,
            place.resource.qualified_singular(),
            text(&loaded.object, "/metadata/name").to_owned(),
        ));
    }
    for target in target::parse(&flags.words, &resources)? {
        if target.names.is_empty() {
            bail!("resource(s) were provided, but no name was specified");
        }
        for name in &target.names {
            let path = target.resource.object(&session.namespace, name);
            wanted.push((path, target.resource.qualified_singular(), name.clone()));
        }
    }
    let (mut scaled, mut errors) = (0, Errors::default());
    for (path, kind, name) in wanted {
        match scale(session, &flags, &path).await {
            Ok(()) => {
                println!("{kind}/{name} scaled{}", flags.dry_run.suffix());
                scaled += 1;
            }
            Err(failed) => errors.push(failed),
        }
    }
    match errors.into_result() {
        Err(failed) if scaled == 0 && error::is_not_found(&failed) => {
            bail!("no objects passed to scale {}", error::message(&failed))
        }
        result => result,
    }
}

async fn scale(session: &Session, flags: &Flags, object: &str) -> Result<()> {
    let path = format!("{object}/scale");
    let mut patch = json!({ "spec": { "replicas": flags.replicas } });
    if flags.current_replicas >= 0 || !flags.resource_version.is_empty() || flags.dry_run == DryRun::Client {
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
    if flags.dry_run == DryRun::Client {
        return Ok(());
    }
    let path = with_query(&path, &[("dryRun", flags.dry_run.parameter())]);
    session.requests.patch(&path, "application/merge-patch+json", &patch).await.map(drop)
}
