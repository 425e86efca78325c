//! `cvctl delete`.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use futures::{AsyncBufReadExt as _, StreamExt as _};
use http::Method;
use serde_json::{Value, json};

use super::common::{DryRun, locate};
use crate::request::{Accept, with_query};
use crate::session::Session;
use crate::{error, files, target};

/// What becomes of dependents.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Cascade {
    /// Removed afterwards.
    #[default]
    Background,
    /// Removed first.
    Foreground,
    /// Left alone.
    Orphan,
}

#[derive(Args)]
pub struct Flags {
    /// TYPE[,TYPE] [NAME...], or TYPE/NAME...
    words: Vec<String>,
    /// Containing the resource to delete.
    #[arg(short, long)]
    filename: Vec<String>,
    /// Process the directory used in -f recursively.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Selector (label query) to filter on.
    #[arg(short = 'l', long, default_value = "", hide_default_value = true)]
    selector: String,
    /// Delete all resources, in the namespace of the specified resource types.
    #[arg(long)]
    all: bool,
    /// Treat "resource not found" as a successful delete.
    #[arg(long)]
    ignore_not_found: bool,
    /// Period of time in seconds given to the resource to terminate gracefully; negative is the object's own.
    #[arg(long, default_value_t = -1, allow_negative_numbers = true, hide_default_value = true)]
    grace_period: i64,
    /// Immediately remove resources from API and bypass graceful deletion.
    #[arg(long)]
    force: bool,
    /// What happens to dependents.
    #[arg(long, value_enum, default_value_t)]
    cascade: Cascade,
    /// If true, wait for resources to be gone before returning.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    wait: bool,
    /// The length of time to wait before giving up on a delete, in seconds; zero waits as long as it takes.
    #[arg(long, default_value_t = 0, value_parser = seconds, hide_default_value = true)]
    timeout: u64,
    /// Must be "none", "server", or "client".
    #[arg(long, value_enum, default_value_t)]
    dry_run: DryRun,
}

/// An object to delete.
struct Doomed {
    collection: String,
    name: String,
    label: String,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    if flags.grace_period == 0 && !flags.force {
        eprintln!(
            "warning: --grace-period=0 deletes without waiting for confirmation that the resource has terminated"
        );
    }
    let doomed = find(session, &flags).await?;
    if doomed.is_empty() {
        println!("No resources found");
    }
    let mut removed = Vec::new();
    for object in doomed {
        match delete(session, &flags, &object).await {
            Ok(answer) => {
                let how = if flags.force { " force deleted" } else { " deleted" };
                let dry = if flags.dry_run == DryRun::None { "" } else { " (dry run)" };
                println!("{}{how}{dry}", object.label);
                removed.push((object, uid_of(&answer)));
            }
            Err(failed) if flags.ignore_not_found && error::is_not_found(&failed) => {}
            Err(failed) => return Err(failed),
        }
    }
    if !flags.wait || flags.dry_run != DryRun::None {
        return Ok(());
    }
    let gone = async {
        for (object, uid) in &removed {
            until_gone(session, object, uid.as_deref()).await?;
        }
        anyhow::Ok(())
    };
    match flags.timeout {
        0 => gone.await,
        seconds => match tokio::time::timeout(Duration::from_secs(seconds), gone).await {
            Ok(done) => done,
            Err(_) => bail!("timed out waiting for the condition"),
        },
    }
}

async fn find(session: &Session, flags: &Flags) -> Result<Vec<Doomed>> {
    let resources = session.resources().await?;
    let mut found = Vec::new();
    if !flags.filename.is_empty() {
        for loaded in files::load(&flags.filename, flags.recursive)? {
            let place = locate(session, &resources, &loaded)?;
            let name = loaded.object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let label = format!("{} \"{name}\"", place.resource.qualified_singular());
            found.push(Doomed { collection: place.collection, name, label });
        }
        return Ok(found);
    }
    for target in target::parse(&flags.words, &resources)? {
        let collection = target.resource.collection(Some(&session.namespace));
        let singular = target.resource.qualified_singular();
        let mut names = target.names.clone();
        if names.is_empty() {
            if flags.selector.is_empty() && !flags.all {
                bail!("resource(s) were provided, but no name was specified");
            }
            let list = with_query(&collection, &[("labelSelector", &flags.selector)]);
            let list = session.requests.get(&list, Accept::Object).await?;
            let items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
            names = items.iter().filter_map(|i| i.pointer("/metadata/name")?.as_str().map(str::to_owned)).collect();
        }
        found.extend(names.into_iter().map(|name| {
            let label = format!("{singular} \"{name}\"");
            Doomed { collection: collection.clone(), name, label }
        }));
    }
    Ok(found)
}

async fn delete(session: &Session, flags: &Flags, object: &Doomed) -> Result<Value> {
    let policy = match flags.cascade {
        Cascade::Background => "Background",
        Cascade::Foreground => "Foreground",
        Cascade::Orphan => "Orphan",
    };
    let mut options = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy });
    let grace = if flags.force { 0 } else { flags.grace_period };
    if let (true, Some(fields)) = (grace >= 0, options.as_object_mut()) {
        fields.insert("gracePeriodSeconds".to_owned(), grace.into());
    }
    let path = format!("{}/{}", object.collection, object.name);
    if flags.dry_run == DryRun::Client {
        return session.requests.get(&path, Accept::Object).await;
    }
    let path = with_query(&path, &[("dryRun", flags.dry_run.parameter())]);
    session.requests.write(Method::DELETE, &path, &options).await
}

/// The uid in the answer: the object's, or that in the details of a Status.
fn uid_of(answer: &Value) -> Option<String> {
    let found = answer.pointer("/metadata/uid").or_else(|| answer.pointer("/details/uid"));
    found.and_then(Value::as_str).map(str::to_owned)
}

/// Waits until the object is not there, or another of its name is. A watch from the object's version misses nothing.
async fn until_gone(session: &Session, object: &Doomed, uid: Option<&str>) -> Result<()> {
    let path = format!("{}/{}", object.collection, object.name);
    loop {
        let current = match session.requests.get(&path, Accept::Object).await {
            Err(failed) if error::is_not_found(&failed) => return Ok(()),
            current => current?,
        };
        if uid_of(&current).as_deref() != uid {
            return Ok(());
        }
        let version = current.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
        let selector = format!("metadata.name={}", object.name);
        let watch = [("watch", "true"), ("fieldSelector", selector.as_str()), ("resourceVersion", version)];
        let lines = session.requests.stream(&with_query(&object.collection, &watch), Accept::Object).await?;
        let mut lines = std::pin::pin!(lines.lines());
        while let Some(line) = lines.next().await {
            let event: Value = serde_json::from_str(&line?)?;
            match event.get("type").and_then(Value::as_str) {
                Some("DELETED") => return Ok(()),
                Some("ERROR") => break,
                _ => {}
            }
        }
    }
}

/// `30`, `30s`, `2m`.
fn seconds(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(format!("invalid duration {text:?}")),
    };
    number.parse::<u64>().map(|n| n * factor).map_err(|e| e.to_string())
}
