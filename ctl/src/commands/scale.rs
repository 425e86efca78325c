//! `cvctl scale`.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::request::Accept;
use crate::session::Session;
use crate::target;

#[derive(Args)]
pub struct Flags {
    /// TYPE NAME, or TYPE/NAME...
    #[arg(required = true)]
    words: Vec<String>,
    /// The new desired number of replicas.
    #[arg(long)]
    replicas: i64,
    /// Precondition for current size.
    #[arg(long)]
    current_replicas: Option<i64>,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    if flags.replicas < 0 {
        bail!("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
    }
    let resources = session.resources().await?;
    for target in target::parse(&flags.words, &resources)? {
        if target.names.is_empty() {
            bail!("resource(s) were provided, but no name was specified");
        }
        for name in &target.names {
            let path = format!("{}/scale", target.resource.object(&session.namespace, name));
            let mut patch = json!({ "spec": { "replicas": flags.replicas } });
            if let Some(expected) = flags.current_replicas {
                let scale = session.requests.get(&path, Accept::Object).await?;
                let current = scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
                if current != expected {
                    bail!("Expected replicas to be {expected}, was {current}");
                }
                let version = scale.pointer("/metadata/resourceVersion").context("a scale has a resourceVersion")?;
                patch = json!({ "metadata": { "resourceVersion": version }, "spec": { "replicas": flags.replicas } });
            }
            session.requests.patch(&path, "application/merge-patch+json", &patch).await?;
            println!("{}/{name} scaled", target.resource.qualified_singular());
        }
    }
    Ok(())
}
