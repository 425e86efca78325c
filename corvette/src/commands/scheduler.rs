//! `corvette scheduler`: the scheduler alone.

use anyhow::Result;
use clap::Args;
use corvette_component::health::Checks;
use corvette_component::tasks::Tasks;
use corvette_scheduler::Config;

use super::flags::PlaneFlags;
use crate::{plane, process, secure_port};

/// Flags of `corvette scheduler`; names and defaults are kube-scheduler's where it has them.
#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    plane: PlaneFlags,
    /// Port to serve health and metrics on; 0 serves none.
    #[arg(long, default_value_t = 10259, value_name = "PORT")]
    secure_port: u16,
}

/// Runs it until a signal or a failure.
pub async fn run(flags: Flags) -> Result<()> {
    let config = Config { election: flags.plane.election("kube-scheduler")?, ..Config::default() };
    process::run("scheduler", async |tasks: &Tasks| {
        let client = flags.plane.component.client().await?;
        secure_port::serve(&flags.plane.component.port(flags.secure_port), Checks::new(), client.clone(), tasks)
            .await?;
        plane::scheduler(client, config, tasks);
        Ok(())
    })
    .await
}
