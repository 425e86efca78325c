//! `cvctl delete`.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::common::{DryRun, Writing};
use super::select::{Item, Selection, Unnamed, something_named};
use crate::error::{self, Errors};
use crate::session::{Session, duration};
use crate::value::text;

/// What becomes of dependents.
#[derive(Debug, Clone, Copy)]
enum Cascade {
    /// Removed afterwards.
    Background,
    /// Removed first.
    Foreground,
    /// Left alone.
    Orphan,
}

impl FromStr for Cascade {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "background" | "true" => Ok(Self::Background),
            "foreground" => Ok(Self::Foreground),
            "orphan" | "false" => Ok(Self::Orphan),
            _ => Err(format!("invalid cascade value ({text}). Must be \"background\", \"foreground\", or \"orphan\"")),
        }
    }
}

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
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
    #[arg(long, default_value = "background", num_args = 0..=1, default_missing_value = "background", require_equals = true)]
    cascade: Cascade,
    /// If true, wait for resources to be gone before returning.
    #[arg(long, default_value_t = true)]
    wait: bool,
    /// The length of time to wait before giving up on a delete; zero waits as long as it takes.
    #[arg(long, default_value = "0s", value_parser = duration, hide_default_value = true)]
    timeout: Duration,
    #[command(flatten)]
    writing: Writing,
}

pub async fn run(session: &Session, mut flags: Flags) -> Result<()> {
    if !matches!(flags.writing.output.as_str(), "" | "name") {
        bail!("unexpected -o output mode: {}. We only support '-o name'", flags.writing.output);
    }
    if flags.force {
        eprintln!(
            "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely."
        );
    } else if flags.now || flags.grace_period == 0 {
        // Zero would remove the object before what it stands for has ended; that takes --force.
        flags.grace_period = 1;
    }
    something_named(&flags.selection)?;
    let resources = session.resources().await?;
    let doomed = flags.selection.find(session, &resources, Unnamed::Mistake).await?;
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
    // As kubectl: what went wrong is said at once, without waiting for the rest.
    if errors.is_empty() && flags.wait && flags.writing.dry_run == DryRun::None {
        wait(session, &flags, &removed).await?;
    }
    errors.into_result()
}

fn say(flags: &Flags, item: &Item<'_>) {
    if flags.writing.output == "name" {
        println!("{}", item.label());
        return;
    }
    let how = if flags.force { "force deleted" } else { "deleted" };
    let kind = item.resource.qualified_singular();
    println!("{kind} \"{}\" {how}{}", item.name, flags.writing.dry_run.suffix());
}

async fn wait(session: &Session, flags: &Flags, removed: &[(Item<'_>, Option<String>)]) -> Result<()> {
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

async fn delete(session: &Session, flags: &Flags, object: &Item<'_>) -> Result<Value> {
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
    let answer = if flags.writing.dry_run == DryRun::Client {
        object.get(session).await
    } else {
        session.requests.write(Method::DELETE, &flags.writing.on(&object.path()), &options).await
    };
    match object.source.as_str() {
        "" => answer,
        source => answer.with_context(|| format!("error when deleting \"{source}\"")),
    }
}

/// The uid in the answer: the object's, or that in the details of a Status.
pub fn uid_of(answer: &Value) -> Option<String> {
    let found = answer.pointer("/metadata/uid").or_else(|| answer.pointer("/details/uid"));
    found.and_then(Value::as_str).map(str::to_owned)
}

/// Waits until the object is not there, or another of its name is.
///
/// # Errors
/// When the server does not tell.
pub async fn until_gone(session: &Session, item: &Item<'_>, uid: Option<&str>) -> Result<()> {
    let mut current = match item.get(session).await {
        Err(failed) if error::is_not_found(&failed) => return Ok(()),
        current => Some(current?),
    };
    while let Some(object) = current.filter(|object| uid_of(object).as_deref() == uid) {
        current = item.changed(session, text(&object, "/metadata/resourceVersion")).await?;
    }
    Ok(())
}
