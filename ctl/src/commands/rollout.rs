//! `cvctl rollout`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use futures::{AsyncBufReadExt as _, StreamExt as _};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::request::{Accept, with_query};
use crate::resources::Resource;
use crate::session::Session;
use crate::target;

const REVISION: &str = "deployment.kubernetes.io/revision";
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// What can be done with a rollout.
#[derive(Subcommand)]
pub enum Command {
    /// Show the status of the rollout
    Status(Words),
    /// View rollout history
    History(Revision),
    /// Undo a previous rollout
    Undo(Revision),
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
    #[arg(required = true)]
    words: Vec<String>,
}

#[derive(Args)]
pub struct Revision {
    #[command(flatten)]
    words: Words,
    /// The revision; for undo the previous one by default.
    #[arg(long, alias = "revision", default_value_t = 0)]
    to_revision: i64,
}

/// A workload and its path.
struct Workload<'a> {
    resource: &'a Resource,
    name: String,
    path: String,
}

pub async fn run(session: &Session, command: Command) -> Result<()> {
    let words = match &command {
        Command::Status(w) | Command::Pause(w) | Command::Resume(w) | Command::Restart(w) => w,
        Command::History(r) | Command::Undo(r) => &r.words,
    };
    let resources = session.resources().await?;
    for target in target::parse(&words.words, &resources)? {
        if target.names.is_empty() {
            bail!("required resource not specified");
        }
        for name in &target.names {
            let path = target.resource.object(&session.namespace, name);
            let workload = Workload { resource: target.resource, name: name.clone(), path };
            one(session, &command, &workload).await?;
        }
    }
    Ok(())
}

async fn one(session: &Session, command: &Command, workload: &Workload<'_>) -> Result<()> {
    let label = format!("{}/{}", workload.resource.qualified_singular(), workload.name);
    match command {
        Command::Status(_) => return status(session, workload).await,
        Command::History(revision) => return history(session, workload, &label, revision.to_revision).await,
        Command::Undo(revision) => {
            undo(session, workload, revision.to_revision).await?;
            println!("{label} rolled back");
        }
        Command::Pause(_) => {
            set_paused(session, workload, true).await?;
            println!("{label} paused");
        }
        Command::Resume(_) => {
            set_paused(session, workload, false).await?;
            println!("{label} resumed");
        }
        Command::Restart(_) => {
            let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            let annotations = json!({ "kubectl.kubernetes.io/restartedAt": now });
            let patch = json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
            session.requests.patch(&workload.path, STRATEGIC, &patch).await?;
            println!("{label} restarted");
        }
    }
    Ok(())
}

async fn set_paused(session: &Session, workload: &Workload<'_>, paused: bool) -> Result<()> {
    if workload.resource.kind != "Deployment" {
        bail!("{} \"{}\" pausing is not supported", workload.resource.qualified(), workload.name);
    }
    let current = session.requests.get(&workload.path, Accept::Object).await?;
    let is_paused = current.pointer("/spec/paused").and_then(Value::as_bool).unwrap_or(false);
    if is_paused == paused {
        bail!(
            "{} \"{}\" is {} paused",
            workload.resource.qualified(),
            workload.name,
            if paused { "already" } else { "not" }
        );
    }
    session.requests.patch(&workload.path, STRATEGIC, &json!({ "spec": { "paused": paused } })).await?;
    Ok(())
}

/// Prints what the rollout waits for, each time it changes, until it is done.
async fn status(session: &Session, workload: &Workload<'_>) -> Result<()> {
    let mut said = String::new();
    let mut object = session.requests.get(&workload.path, Accept::Object).await?;
    loop {
        let progress = progress(&workload.resource.kind, &workload.name, &object)?;
        if progress.text != said {
            println!("{}", progress.text);
            said = progress.text;
        }
        if progress.done {
            return Ok(());
        }
        object = next_version(session, workload, &object).await?;
    }
}

/// Waits for the object to change.
async fn next_version(session: &Session, workload: &Workload<'_>, object: &Value) -> Result<Value> {
    let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
    let selector = format!("metadata.name={}", workload.name);
    let collection = workload.resource.collection(Some(&session.namespace));
    let watch = [("watch", "true"), ("fieldSelector", selector.as_str()), ("resourceVersion", version)];
    let lines = session.requests.stream(&with_query(&collection, &watch), Accept::Object).await?;
    let mut lines = std::pin::pin!(lines.lines());
    if let Some(line) = lines.next().await {
        let mut event: Value = serde_json::from_str(&line?)?;
        match event.get("type").and_then(Value::as_str) {
            Some("DELETED") => bail!("object has been deleted"),
            Some("ADDED" | "MODIFIED") => return Ok(event.get_mut("object").map(Value::take).unwrap_or_default()),
            _ => {}
        }
    }
    session.requests.get(&workload.path, Accept::Object).await
}

struct Progress {
    text: String,
    done: bool,
}

/// Where a rollout stands, in kubectl's words (`kubectl/pkg/polymorphichelpers/rollout_status.go`).
fn progress(kind: &str, name: &str, object: &Value) -> Result<Progress> {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let waiting = |text: String| Ok(Progress { text, done: false });
    if number("/metadata/generation") > number("/status/observedGeneration") {
        return waiting(format!("Waiting for {} spec update to be observed...", kind.to_lowercase()));
    }
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    match kind {
        "Deployment" => {
            let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
            let mut progressing =
                conditions.into_iter().flatten().filter(|c| c.get("type") == Some(&json!("Progressing")));
            if progressing.any(|c| c.get("reason") == Some(&json!("ProgressDeadlineExceeded"))) {
                bail!("deployment \"{name}\" exceeded its progress deadline");
            }
            let (updated, all, available) =
                (number("/status/updatedReplicas"), number("/status/replicas"), number("/status/availableReplicas"));
            let waits = format!("Waiting for deployment \"{name}\" rollout to finish:");
            if updated < wanted {
                return waiting(format!("{waits} {updated} out of {wanted} new replicas have been updated..."));
            }
            if all > updated {
                return waiting(format!("{waits} {} old replicas are pending termination...", all - updated));
            }
            if available < updated {
                return waiting(format!("{waits} {available} of {updated} updated replicas are available..."));
            }
            Ok(Progress { text: format!("deployment \"{name}\" successfully rolled out"), done: true })
        }
        "DaemonSet" => {
            let (wanted, updated, available) = (
                number("/status/desiredNumberScheduled"),
                number("/status/updatedNumberScheduled"),
                number("/status/numberAvailable"),
            );
            let waits = format!("Waiting for daemon set \"{name}\" rollout to finish:");
            if updated < wanted {
                return waiting(format!("{waits} {updated} out of {wanted} new pods have been updated..."));
            }
            if available < wanted {
                return waiting(format!("{waits} {available} of {wanted} updated pods are available..."));
            }
            Ok(Progress { text: format!("daemon set \"{name}\" successfully rolled out"), done: true })
        }
        "StatefulSet" => {
            let ready = number("/status/readyReplicas");
            if ready < wanted {
                return waiting(format!("Waiting for {} pods to be ready...", wanted - ready));
            }
            let updated = number("/status/updatedReplicas");
            if object.pointer("/status/updateRevision") != object.pointer("/status/currentRevision") {
                return waiting(format!(
                    "waiting for statefulset rolling update to complete {updated} pods at revision {}...",
                    object.pointer("/status/updateRevision").and_then(Value::as_str).unwrap_or_default()
                ));
            }
            let text = format!(
                "statefulset rolling update complete {wanted} pods at revision {}...",
                object.pointer("/status/currentRevision").and_then(Value::as_str).unwrap_or_default()
            );
            Ok(Progress { text, done: true })
        }
        other => bail!("no status viewer has been implemented for {other}"),
    }
}

/// The deployment's replica sets by revision.
async fn revisions(session: &Session, workload: &Workload<'_>) -> Result<(Value, BTreeMap<i64, Value>)> {
    if workload.resource.kind != "Deployment" {
        bail!("no history viewer has been implemented for {}", workload.resource.kind);
    }
    let deployment = session.requests.get(&workload.path, Accept::Object).await?;
    let uid = deployment.pointer("/metadata/uid").cloned();
    let path = format!("/apis/apps/v1/namespaces/{}/replicasets", session.namespace);
    let list = session.requests.get(&path, Accept::Object).await?;
    let sets = list.get("items").and_then(Value::as_array).into_iter().flatten();
    let owned = sets.filter(|set| {
        let owners = set.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.into_iter().flatten().any(|owner| owner.get("uid") == uid.as_ref())
    });
    let numbered = owned.filter_map(|set| {
        let revision = set.pointer("/metadata/annotations")?.get(REVISION)?.as_str()?.parse().ok()?;
        Some((revision, set.clone()))
    });
    Ok((deployment.clone(), numbered.collect()))
}

async fn history(session: &Session, workload: &Workload<'_>, label: &str, wanted: i64) -> Result<()> {
    let (_, sets) = revisions(session, workload).await?;
    if wanted > 0 {
        let set = sets.get(&wanted).context("unable to find the specified revision")?;
        println!("{label} with revision #{wanted}");
        print!("{}", corvette_api::yaml::to_string(set.pointer("/spec/template").unwrap_or(&Value::Null)));
        return Ok(());
    }
    println!("{label}");
    let mut table = crate::output::Table::new(["REVISION", "CHANGE-CAUSE"]);
    for (revision, set) in &sets {
        let cause = set.pointer("/metadata/annotations").and_then(|a| a.get(CHANGE_CAUSE)).and_then(Value::as_str);
        table.row([revision.to_string(), cause.unwrap_or("<none>").to_owned()]);
    }
    println!("{}", table.print(crate::output::Heading::Shown, crate::output::Style::Plain));
    Ok(())
}

/// Puts the template of an earlier revision back, without the label that told its replica set apart.
async fn undo(session: &Session, workload: &Workload<'_>, wanted: i64) -> Result<()> {
    let (mut deployment, sets) = revisions(session, workload).await?;
    if deployment.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        bail!("you cannot rollback a paused deployment; resume it first with 'cvctl rollout resume' and try again");
    }
    let found = match wanted {
        0 => sets.iter().rev().nth(1).map(|(_, set)| set).context("no rollout history found")?,
        revision => sets.get(&revision).context("unable to find specified revision in history")?,
    };
    let mut template = found.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    if let Some(slot) = deployment.pointer_mut("/spec/template") {
        *slot = template;
    }
    // The whole object with its resourceVersion: a change by somebody else in between is not overwritten.
    session.requests.write(Method::PUT, &workload.path, &deployment).await?;
    Ok(())
}
