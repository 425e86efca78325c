//! `cvctl rollout`.

mod history;
mod progress;
mod status;
mod undo;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use corvette_api::meta;
use jiff::Timestamp;
use serde_json::json;

use super::common::{STRATEGIC, Writing};
use super::select::{Item, Selection, Unnamed};
use crate::error::Errors;
use crate::session::Session;
use crate::value::flag;

/// Annotation with the revision of a deployment and of its replica sets.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// Annotation of a template with the time it was last asked to start anew.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

/// What can be done with a rollout.
#[derive(Subcommand)]
pub enum Command {
    /// Show the status of the rollout
    Status(status::Flags),
    /// View rollout history
    History(history::Flags),
    /// Undo a previous rollout
    Undo(undo::Flags),
    /// Mark the provided resource as paused
    Pause(Flags),
    /// Resume a paused resource
    Resume(Flags),
    /// Restart a resource
    Restart(Flags),
}

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    /// Output format.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
}

pub async fn run(session: &Session, command: Command) -> Result<()> {
    let selection = match &command {
        Command::Pause(flags) | Command::Resume(flags) | Command::Restart(flags) => &flags.selection,
        Command::Status(flags) => &flags.selection,
        Command::History(flags) => &flags.selection,
        Command::Undo(flags) => &flags.selection,
    };
    if selection.is_empty() {
        bail!("required resource not specified");
    }
    let resources = session.resources().await?;
    let workloads = selection.find(session, &resources, Unnamed::All).await?;
    let mut errors = Errors::default();
    for workload in &workloads {
        if let Err(failed) = one(session, &command, workload).await {
            errors.push(failed);
        }
    }
    errors.into_result()
}

async fn one(session: &Session, command: &Command, workload: &Item<'_>) -> Result<()> {
    match command {
        Command::Status(flags) => status::run(session, flags, workload).await,
        Command::History(flags) => history::run(session, flags, workload).await,
        Command::Undo(flags) => undo::run(session, flags, workload).await,
        Command::Pause(flags) => set_paused(session, flags, workload, true).await,
        Command::Resume(flags) => set_paused(session, flags, workload, false).await,
        Command::Restart(flags) => restart(session, flags, workload).await,
    }
}

async fn restart(session: &Session, flags: &Flags, workload: &Item<'_>) -> Result<()> {
    let object = workload.get(session).await?;
    if !matches!(workload.resource.kind.as_str(), "Deployment" | "DaemonSet" | "StatefulSet") {
        bail!("{} restarting is not supported", workload.quoted());
    }
    if flag(&object, "/spec/paused") {
        bail!("{} can't restart paused deployment (run rollout resume first)", workload.quoted());
    }
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    if object.pointer("/spec/template").and_then(|template| meta::annotation(template, RESTARTED)) == Some(&now) {
        bail!(
            "failed to create patch for {}: if restart has already been triggered within the past second, please wait before attempting to trigger another",
            workload.name
        );
    }
    let annotations = json!({ RESTARTED: now });
    let patch = json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
    let changed = session.requests.patch(&workload.path(), STRATEGIC, &patch).await?;
    Writing { output: flags.output.clone(), ..Writing::default() }.printer()?.print(&changed, "restarted")
}

async fn set_paused(session: &Session, flags: &Flags, workload: &Item<'_>, paused: bool) -> Result<()> {
    let current = workload.get(session).await?;
    let (doing, done, state) = if paused { ("pausing", "paused", "already") } else { ("resuming", "resumed", "not") };
    if workload.resource.kind != "Deployment" {
        bail!("{} {doing} is not supported", workload.quoted());
    }
    if flag(&current, "/spec/paused") == paused {
        bail!("{} is {state} paused", workload.quoted());
    }
    let patch = json!({ "spec": { "paused": paused } });
    let changed = session.requests.patch(&workload.path(), STRATEGIC, &patch).await?;
    Writing { output: flags.output.clone(), ..Writing::default() }.printer()?.print(&changed, done)
}
