//! The table of commands.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use super::{api_resources, apply, config, create, delete, describe, exec, get, logs, rollout, scale, version};
use crate::session::{Global, Session};

/// cvctl controls a Kubernetes cluster.
#[derive(Parser)]
#[command(name = "cvctl", disable_version_flag = true, disable_help_subcommand = true)]
pub struct Cvctl {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Display one or many resources
    Get(get::Flags),
    /// Show details of a specific resource or group of resources
    Describe(describe::Flags),
    /// Apply a configuration to a resource by file name or stdin
    Apply(apply::Flags),
    /// Create a resource from a file or from stdin
    Create(create::Flags),
    /// Delete resources by file names, stdin, resources and names, or by resources and label selector
    Delete(delete::Flags),
    /// Print the logs for a container in a pod
    Logs(logs::Flags),
    /// Execute a command in a container
    Exec(exec::Flags),
    /// Set a new size for a deployment, replica set, or replication controller
    Scale(scale::Flags),
    /// Manage the rollout of one or many resources
    #[command(subcommand)]
    Rollout(rollout::Command),
    /// Print the supported API resources on the server
    ApiResources(api_resources::Flags),
    /// Print the client and server version information
    Version(version::Flags),
    /// Show or change the kubeconfig file
    #[command(subcommand)]
    Config(config::Command),
}

impl Cvctl {
    /// Runs the command.
    ///
    /// # Errors
    /// What the command reports; the caller prints it.
    pub async fn run(self) -> Result<ExitCode> {
        // Commands that work without a server.
        let command = match self.command {
            Command::Config(command) => return config::run(command, &self.global).map(|()| ExitCode::SUCCESS),
            Command::Version(flags) if flags.client => return version::client().map(|()| ExitCode::SUCCESS),
            command => command,
        };
        let session = Session::open(&self.global).await?;
        match command {
            Command::Get(flags) => get::run(&session, flags).await?,
            Command::Describe(flags) => describe::run(&session, flags).await?,
            Command::Apply(flags) => apply::run(&session, flags).await?,
            Command::Create(flags) => create::run(&session, flags).await?,
            Command::Delete(flags) => delete::run(&session, flags).await?,
            Command::Logs(flags) => logs::run(&session, flags).await?,
            Command::Exec(flags) => return exec::run(&session, flags).await,
            Command::Scale(flags) => scale::run(&session, flags).await?,
            Command::Rollout(command) => rollout::run(&session, command).await?,
            Command::ApiResources(flags) => api_resources::run(&session, flags).await?,
            Command::Version(_) => version::run(&session).await?,
            Command::Config(_) => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}
