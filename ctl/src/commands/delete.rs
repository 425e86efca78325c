//! `cvctl delete`.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use futures::{AsyncBufReadExt as _, StreamExt as _};
use http::Method;
use serde_json::{Value, json};

use super::common::{DryRun, Files, locate};
use crate::error::{self, Errors};
use crate::request::{Accept, segment, with_query};
use crate::resources::Resource;
use crate::session::{Session, duration};
use crate::target;
use crate::value::text;

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
    #[command(flatten)]
    files: Files,
    /// Selector (label query) to filter on.
    #[arg(short = 'l', long, default_value = "", hide_default_value = true)]
    selector: String,
    /// Selector (field query) to filter on.
    #[arg(long, default_value = "", hide_default_value = true)]
    field_selector: String,
    /// Delete all resources, in the namespace of the specified resource types.
    #[arg(long)]
    all: bool,
    /// If present, delete the requested objects across all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Treat "resource not found" as a successful delete.
    #[arg(long)]
    ignore_not_found: bool,
    /// Period of time in seconds given to the resource to terminate gracefully; negative is the object's own.
    #[arg(long, default_value_t = -1, allow_negative_numbers = true, hide_default_value = true)]
    grace_period: i64,
    /// Resources are signaled for immediate shutdown (same as --grace-period=1).
    #[arg(long)]
    now: bool,
    /// Immediately remove resources from API and bypass graceful deletion.
    #[arg(long)]
    force: bool,
    /// What happens to dependents.
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, default_missing_value = "background", require_equals = true)]
    cascade: Cascade,
    /// If true, wait for resources to be gone before returning.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    wait: bool,
    /// The length of time to wait before giving up on a delete; zero waits as long as it takes.
    #[arg(long, default_value = "0s", value_parser = duration, hide_default_value = true)]
    timeout: Duration,
    /// Output mode. Use "-o name" for shorter output (resource/name).
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
    /// Must be "none", "server", or "client".
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, default_missing_value = "client", require_equals = true)]
    dry_run: DryRun,
}

/// An object to delete.
struct Doomed {
    collection: String,
    name: String,
    /// Its kind, as lines name it.
    kind: String,
    /// The file it is from; empty without.
    source: String,
}

pub async fn run(session: &Session, mut flags: Flags) -> Result<()> {
    if !matches!(flags.output.as_str(), "" | "name") {
        bail!("unexpected -o output mode: {}. We only support '-o name'", flags.output);
    }
    if flags.force {
        eprintln!(
            "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely."
        );
    } else if flags.now || flags.grace_period == 0 {
        // Zero would remove the object before what it stands for has ended; that takes --force.
        flags.grace_period = 1;
    }
    let doomed = find(session, &flags).await?;
    if doomed.is_empty() {
        println!("No resources found");
    }
    let (mut removed, mut errors) = (Vec::new(), Errors::default());
    for object in doomed {
        match delete(session, &flags, &object).await {
            Ok(answer) => {
                say(&flags, &object);
                removed.push((object, uid_of(&answer)));
            }
            Err(failed) if flags.ignore_not_found && error::is_not_found(&failed) => {}
            Err(failed) => errors.push(failed),
        }
    }
    if flags.wait && flags.dry_run == DryRun::None {
        wait(session, &flags, &removed).await?;
    }
    errors.into_result()
}

fn say(flags: &Flags, object: &Doomed) {
    if flags.output == "name" {
        println!("{}/{}", object.kind, object.name);
        return;
    }
    let how = if flags.force { "force deleted" } else { "deleted" };
    println!("{} \"{}\" {how}{}", object.kind, object.name, flags.dry_run.suffix());
}

async fn wait(session: &Session, flags: &Flags, removed: &[(Doomed, Option<String>)]) -> Result<()> {
    let gone = async {
        for (object, uid) in removed {
            until_gone(session, object, uid.as_deref()).await?;
        }
        anyhow::Ok(())
    };
    if flags.timeout.is_zero() {
        return gone.await;
    }
    match tokio::time::timeout(flags.timeout, gone).await {
        Ok(done) => done,
        Err(_) => bail!("timed out waiting for the condition"),
    }
}

async fn find(session: &Session, flags: &Flags) -> Result<Vec<Doomed>> {
    if !flags.files.given() && flags.words.is_empty() {
        bail!(
            "You must provide one or more resources by argument or filename.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'"
        );
    }
    let resources = session.resources().await?;
    let mut found = Vec::new();
    if flags.files.given() {
        for loaded in flags.files.load()? {
            let place = locate(session, &resources, &loaded)?;
            let name = text(&loaded.object, "/metadata/name").to_owned();
            let kind = place.resource.qualified_singular();
            found.push(Doomed { collection: place.collection, name, kind, source: loaded.source });
        }
        return Ok(found);
    }
    for target in target::parse(&flags.words, &resources)? {
        if !target.names.is_empty() {
            if flags.all_namespaces {
                bail!("a resource cannot be retrieved by name across all namespaces");
            }
            if flags.all || !flags.selector.is_empty() {
                bail!("name cannot be provided when a selector is specified");
            }
        } else if flags.selector.is_empty() && flags.field_selector.is_empty() && !flags.all {
            bail!("resource(s) were provided, but no name was specified");
        }
        let here = |name: &String| doomed(target.resource, &session.namespace, name);
        found.extend(target.names.iter().map(here));
        if target.names.is_empty() {
            found.extend(selected(session, flags, target.resource).await?);
        }
    }
    Ok(found)
}

fn doomed(resource: &Resource, namespace: &str, name: &str) -> Doomed {
    Doomed {
        collection: resource.collection(Some(namespace)),
        name: name.to_owned(),
        kind: resource.qualified_singular(),
        source: String::new(),
    }
}

async fn selected(session: &Session, flags: &Flags, resource: &Resource) -> Result<Vec<Doomed>> {
    let namespace = (!flags.all_namespaces).then_some(session.namespace.as_str());
    let selectors = [("labelSelector", flags.selector.as_str()), ("fieldSelector", flags.field_selector.as_str())];
    let items = session.requests.list(&with_query(&resource.collection(namespace), &selectors)).await?;
    Ok(items
        .iter()
        .map(|item| doomed(resource, text(item, "/metadata/namespace"), text(item, "/metadata/name")))
        .collect())
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
    let path = format!("{}/{}", object.collection, segment(&object.name));
    let answer = if flags.dry_run == DryRun::Client {
        session.requests.get(&path, Accept::Object).await
    } else {
        let path = with_query(&path, &[("dryRun", flags.dry_run.parameter())]);
        session.requests.write(Method::DELETE, &path, &options).await
    };
    match object.source.as_str() {
        "" => answer,
        source => answer.with_context(|| format!("error when deleting \"{source}\"")),
    }
}

/// The uid in the answer: the object's, or that in the details of a Status.
fn uid_of(answer: &Value) -> Option<String> {
    let found = answer.pointer("/metadata/uid").or_else(|| answer.pointer("/details/uid"));
    found.and_then(Value::as_str).map(str::to_owned)
}

/// Waits until the object is not there, or another of its name is. A watch from the object's version misses nothing.
async fn until_gone(session: &Session, object: &Doomed, uid: Option<&str>) -> Result<()> {
    let path = format!("{}/{}", object.collection, segment(&object.name));
    loop {
        let current = match session.requests.get(&path, Accept::Object).await {
            Err(failed) if error::is_not_found(&failed) => return Ok(()),
            current => current?,
        };
        if uid_of(&current).as_deref() != uid {
            return Ok(());
        }
        let version = text(&current, "/metadata/resourceVersion");
        let selector = format!("metadata.name={}", object.name);
        let watch = [("watch", "true"), ("fieldSelector", selector.as_str()), ("resourceVersion", version)];
        let lines = session.requests.stream(&with_query(&object.collection, &watch), Accept::Object).await?;
        let mut lines = std::pin::pin!(lines.lines());
        while let Some(line) = lines.next().await {
            let event: Value = serde_json::from_str(&line?)?;
            match text(&event, "/type") {
                "DELETED" => return Ok(()),
                "ERROR" => break,
                _ => {}
            }
        }
    }
}
