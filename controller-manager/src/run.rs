//! Starts the controllers, behind a leader election when there may be several processes.

use std::time::Duration;

use corvette_client::kube::Client;
use corvette_client::leader::{self, Elector};
use corvette_component::CancellationToken;
use corvette_component::tasks::Tasks;

use crate::config::Config;
use crate::framework::{Context, runner};

/// How long the controllers get to finish what they do when they stop leading.
const DRAIN: Duration = Duration::from_secs(4);

/// Why the controllers cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration names a controller that does not exist.
    #[error("unknown controller {0:?}")]
    UnknownController(String),
    /// The pod range cannot be split into node ranges.
    #[error("node mask size {mask} does not fit the cluster range /{prefix}")]
    NodeMask {
        /// The prefix length of a node's range.
        mask: u8,
        /// The prefix length of the cluster's range.
        prefix: u8,
    },
}

/// Runs all controllers that are not disabled, until `tasks` is cancelled.
///
/// # Errors
/// When the configuration is not valid.
pub async fn run(client: Client, config: Config, tasks: Tasks) -> Result<(), Error> {
    validate(&config)?;
    let Some(election) = config.election.clone() else {
        lead(client, config, tasks.clone(), tasks.token()).await;
        return Ok(());
    };
    let elector = Elector::new(client.clone(), election);
    leader::run(elector, &tasks, |token| lead(client.clone(), config.clone(), tasks.clone(), token)).await;
    Ok(())
}

fn validate(config: &Config) -> Result<(), Error> {
    let known = crate::controllers::table::names();
    if let Some(name) = config.disabled.iter().chain(config.workers.keys()).find(|name| !known.contains(&name.as_str()))
    {
        return Err(Error::UnknownController(name.clone()));
    }
    let (mask, prefix) = (config.node_cidr_mask_size, config.cluster_cidr.1);
    if mask < prefix || mask > 32 || mask - prefix > 16 {
        return Err(Error::NodeMask { mask, prefix });
    }
    Ok(())
}

/// Runs the controllers until `token` is cancelled, then drains them.
async fn lead(client: Client, config: Config, tasks: Tasks, token: CancellationToken) {
    let scope = tasks.child("controllers");
    let context = Context::new(client, config, scope.clone());
    if token.run_until_cancelled(runner::start(&context)).await.is_some() {
        token.cancelled().await;
    }
    if let Err(late) = scope.shutdown(DRAIN).await {
        tracing::warn!(?late, "controllers were stopped in the middle of their work");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_makes_no_sense_is_refused() {
        assert!(validate(&Config::default()).is_ok());
        let unknown = Config { disabled: ["nope".to_owned()].into(), ..Config::default() };
        assert_eq!(validate(&unknown).unwrap_err().to_string(), "unknown controller \"nope\"");
        assert!(validate(&Config { node_cidr_mask_size: 8, ..Config::default() }).is_err());
    }
}
