//! `cvctl rollout status`: prints what the rollout waits for, each time it changes, until it is done.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use futures::{AsyncBufReadExt as _, StreamExt as _};
use serde_json::Value;

use super::{Words, Workload, progress};
use crate::request::{Accept, with_query};
use crate::session::{Session, duration};
use crate::value::text;

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    pub words: Words,
    /// Watch the status of the rollout until it's done.
    #[arg(short, long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    watch: bool,
    /// Pin to a specific revision for showing its status; 0 for the last.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    revision: i64,
    /// The length of time to wait before ending watch; zero means never.
    #[arg(long, default_value = "0s", value_parser = duration, hide_default_value = true)]
    timeout: Duration,
}

pub async fn run(session: &Session, flags: &Flags, workload: &Workload<'_>) -> Result<()> {
    let follow = follow(session, flags, workload);
    if flags.timeout.is_zero() {
        return follow.await;
    }
    match tokio::time::timeout(flags.timeout, follow).await {
        Ok(done) => done,
        Err(_) => bail!("timed out waiting for the condition"),
    }
}

async fn follow(session: &Session, flags: &Flags, workload: &Workload<'_>) -> Result<()> {
    let mut said = String::new();
    let mut object = workload.get(session).await?;
    loop {
        let progress = progress::of(&workload.resource.kind, &object, flags.revision)?;
        if progress.text != said {
            println!("{}", progress.text);
            said = progress.text;
        }
        if progress.done || !flags.watch {
            return Ok(());
        }
        object = next_version(session, workload, &object).await?;
    }
}

/// Waits for the object to change.
async fn next_version(session: &Session, workload: &Workload<'_>, object: &Value) -> Result<Value> {
    let version = text(object, "/metadata/resourceVersion");
    let selector = format!("metadata.name={}", workload.name);
    let collection = workload.resource.collection(Some(&workload.namespace));
    let watch = [("watch", "true"), ("fieldSelector", selector.as_str()), ("resourceVersion", version)];
    let lines = session.requests.stream(&with_query(&collection, &watch), Accept::Object).await?;
    let mut lines = std::pin::pin!(lines.lines());
    while let Some(line) = lines.next().await {
        let mut event: Value = serde_json::from_str(&line?)?;
        match text(&event, "/type") {
            "DELETED" => bail!("object has been deleted"),
            "ADDED" | "MODIFIED" => return Ok(event.get_mut("object").map(Value::take).unwrap_or_default()),
            "BOOKMARK" => {}
            // Too old a version, or a server that is going away: what is there now decides.
            _ => break,
        }
    }
    workload.get(session).await
}
