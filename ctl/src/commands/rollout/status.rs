//! `cvctl rollout status`: prints what the rollout waits for, each time the object changes, until it is done.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::progress;
use crate::commands::select::{Item, Selection};
use crate::session::{Session, duration};
use crate::value::text;

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    pub selection: Selection,
    /// Watch the status of the rollout until it's done.
    #[arg(short, long, default_value_t = true)]
    watch: bool,
    /// Pin to a specific revision for showing its status; 0 for the last.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    revision: i64,
    /// The length of time to wait before ending watch; zero means never.
    #[arg(long, default_value = "0s", value_parser = duration, hide_default_value = true)]
    timeout: Duration,
}

pub async fn run(session: &Session, flags: &Flags, workload: &Item<'_>) -> Result<()> {
    let follow = follow(session, flags, workload);
    if flags.timeout.is_zero() {
        return follow.await;
    }
    match tokio::time::timeout(flags.timeout, follow).await {
        Ok(done) => done,
        Err(_) => bail!("timed out waiting for the condition"),
    }
}

async fn follow(session: &Session, flags: &Flags, workload: &Item<'_>) -> Result<()> {
    let mut object = workload.get(session).await?;
    loop {
        let progress = progress::of(&workload.resource.kind, &object, flags.revision)?;
        println!("{}", progress.text);
        if progress.done || !flags.watch {
            return Ok(());
        }
        object = workload
            .changed(session, text(&object, "/metadata/resourceVersion"))
            .await?
            .context("object has been deleted")?;
    }
}
