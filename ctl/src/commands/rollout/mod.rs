//! `cvctl rollout`.

mod history;
mod progress;
mod status;
mod undo;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::{Files, locate};
use crate::error::Errors;
use crate::request::{Accept, with_query};
use crate::resources::Resource;
use crate::session::Session;
use crate::target;
use crate::value::{flag, text};

/// Annotation with the revision of a deployment and of its replica sets.
const REVISION: &str = "deployment.kubernetes.io/revision";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

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
    Pause(Words),
    /// Resume a paused resource
    Resume(Words),
    /// Restart a resource
    Restart(Words),
}

#[derive(Args)]
pub struct Words {
    /// TYPE NAME, or TYPE/NAME...
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// Selector (label query) to filter on.
    #[arg(short = 'l', long, default_value = "", hide_default_value = true)]
    selector: String,
}

/// A workload and its path.
struct Workload<'a> {
    resource: &'a Resource,
    namespace: String,
    name: String,
    path: String,
}

impl Workload<'_> {
    /// `deployment.apps/web`.
    fn label(&self) -> String {
        format!("{}/{}", self.resource.qualified_singular(), self.name)
    }

    /// `deployments.apps "web"`.
    fn quoted(&self) -> String {
        format!("{} \"{}\"", self.resource.qualified(), self.name)
    }

    async fn get(&self, session: &Session) -> Result<Value> {
        session.requests.get(&self.path, Accept::Object).await
    }
}

pub async fn run(session: &Session, command: Command) -> Result<()> {
    let words = match &command {
        Command::Pause(w) | Command::Resume(w) | Command::Restart(w) => w,
        Command::Status(flags) => &flags.words,
        Command::History(flags) => &flags.words,
        Command::Undo(flags) => &flags.words,
    };
    if words.words.is_empty() && !words.files.given() {
        bail!("required resource not specified");
    }
    let resources = session.resources().await?;
    let mut workloads = Vec::new();
    for loaded in if words.files.given() { words.files.load()? } else { Vec::new() } {
        let place = locate(session, &resources, &loaded)?;
        let name = text(&loaded.object, "/metadata/name").to_owned();
        let namespace = place.namespace.clone();
        workloads.push(Workload { resource: place.resource, namespace, name, path: place.object });
    }
    for target in target::parse(&words.words, &resources)? {
        let mut names = target.names.clone();
        if names.is_empty() {
            let path = target.resource.collection(Some(&session.namespace));
            let items = session.requests.list(&with_query(&path, &[("labelSelector", &words.selector)])).await?;
            names.extend(items.iter().map(|item| text(item, "/metadata/name").to_owned()));
        }
        workloads.extend(names.into_iter().map(|name| Workload {
            resource: target.resource,
            namespace: session.namespace.clone(),
            path: target.resource.object(&session.namespace, &name),
            name,
        }));
    }
    if let (Command::Status(_), [_, _, ..]) = (&command, workloads.as_slice()) {
        bail!(
            "rollout status is only supported on individual resources and resource collections - {} resources were found",
            workloads.len()
        );
    }
    let mut errors = Errors::default();
    for workload in &workloads {
        if let Err(failed) = one(session, &command, workload).await {
            errors.push(failed);
        }
    }
    errors.into_result()
}

async fn one(session: &Session, command: &Command, workload: &Workload<'_>) -> Result<()> {
    match command {
        Command::Status(flags) => status::run(session, flags, workload).await,
        Command::History(flags) => history::run(session, flags, workload).await,
        Command::Undo(flags) => undo::run(session, flags, workload).await,
        Command::Pause(_) => set_paused(session, workload, true).await,
        Command::Resume(_) => set_paused(session, workload, false).await,
        Command::Restart(_) => restart(session, workload).await,
    }
}

async fn restart(session: &Session, workload: &Workload<'_>) -> Result<()> {
    let object = workload.get(session).await?;
    if !matches!(workload.resource.kind.as_str(), "Deployment" | "DaemonSet" | "StatefulSet") {
        bail!("{} restarting is not supported", workload.quoted());
    }
    if flag(&object, "/spec/paused") {
        bail!("{} can't restart paused deployment (run rollout resume first)", workload.quoted());
    }
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let annotations = json!({ "kubectl.kubernetes.io/restartedAt": now });
    let patch = json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
    session.requests.patch(&workload.path, STRATEGIC, &patch).await?;
    println!("{} restarted", workload.label());
    Ok(())
}

async fn set_paused(session: &Session, workload: &Workload<'_>, paused: bool) -> Result<()> {
    let current = workload.get(session).await?;
    let (doing, done, state) = if paused { ("pausing", "paused", "already") } else { ("resuming", "resumed", "not") };
    if workload.resource.kind != "Deployment" {
        bail!("{} {doing} is not supported", workload.quoted());
    }
    if flag(&current, "/spec/paused") == paused {
        bail!("{} is {state} paused", workload.quoted());
    }
    session.requests.patch(&workload.path, STRATEGIC, &json!({ "spec": { "paused": paused } })).await?;
    println!("{} {done}", workload.label());
    Ok(())
}
