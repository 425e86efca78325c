//! The table of commands.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use super::cordon::Schedulable;
use super::label::Of;
use super::{
    api_resources, api_versions, apply, attach, auth, config, cordon, create, delete, describe, diff, drain, edit,
    exec, explain, expose, get, label, logs, patch, port_forward, rollout, run_pod, scale, set, taint, version, wait,
};
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
    /// Create a resource from a file or from stdin
    Create(create::Flags),
    /// Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service
    Expose(expose::Flags),
    /// Run a particular image on the cluster
    Run(run_pod::Flags),
    /// Set specific features on objects
    #[command(subcommand)]
    Set(set::Command),
    /// Get documentation for a resource
    Explain(explain::Flags),
    /// Display one or many resources
    Get(get::Flags),
    /// Edit a resource on the server
    Edit(edit::Flags),
    /// Delete resources by file names, stdin, resources and names, or by resources and label selector
    Delete(delete::Flags),
    /// Manage the rollout of one or many resources
    #[command(subcommand)]
    Rollout(rollout::Command),
    /// Set a new size for a deployment, replica set, or replication controller
    Scale(scale::Flags),
    /// Mark node as unschedulable
    Cordon(cordon::Flags),
    /// Mark node as schedulable
    Uncordon(cordon::Flags),
    /// Drain node in preparation for maintenance
    Drain(drain::Flags),
    /// Update the taints on one or more nodes
    Taint(taint::Flags),
    /// Show details of a specific resource or group of resources
    Describe(describe::Flags),
    /// Print the logs for a container in a pod
    Logs(logs::Flags),
    /// Attach to a running container
    Attach(attach::Flags),
    /// Execute a command in a container
    Exec(exec::Flags),
    /// Forward one or more local ports to a pod
    PortForward(port_forward::Flags),
    /// Inspect authorization
    #[command(subcommand)]
    Auth(auth::Command),
    /// Diff the live version against a would-be applied version
    Diff(diff::Flags),
    /// Apply a configuration to a resource by file name or stdin
    Apply(apply::Flags),
    /// Update fields of a resource
    Patch(patch::Flags),
    /// Wait for a specific condition on one or many resources
    Wait(wait::Flags),
    /// Update the labels on a resource
    Label(label::Flags),
    /// Update the annotations on a resource
    Annotate(label::Flags),
    /// Print the supported API resources on the server
    ApiResources(api_resources::Flags),
    /// Print the supported API versions on the server, in the form of "group/version"
    ApiVersions,
    /// Show or change the kubeconfig file
    #[command(subcommand)]
    Config(config::Command),
    /// Print the client and server version information
    Version(version::Flags),
}

impl Cvctl {
    /// Runs the command.
    ///
    /// # Errors
    /// What the command reports; the caller prints it.
    pub async fn run(self) -> Result<ExitCode> {
        let global = &self.global;
        match self.command {
            Command::Config(command) => config::run(command, global)?,
            Command::Version(flags) => version::run(global, flags).await?,
            command => return command.run(&Session::open(global).await?).await,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Command {
    /// Runs a command that talks to a server.
    async fn run(self, session: &Session) -> Result<ExitCode> {
        match self {
            Self::Create(flags) => create::run(session, flags).await?,
            Self::Expose(flags) => expose::run(session, flags).await?,
            Self::Run(flags) => return run_pod::run(session, flags).await,
            Self::Set(command) => set::run(session, command).await?,
            Self::Explain(flags) => explain::run(session, flags).await?,
            Self::Edit(flags) => edit::run(session, flags).await?,
            Self::Drain(flags) => drain::run(session, flags).await?,
            Self::Attach(flags) => return attach::run(session, flags).await,
            Self::PortForward(flags) => port_forward::run(session, flags).await?,
            Self::Auth(command) => return auth::run(session, command).await,
            Self::Diff(flags) => return Ok(diff::run(session, flags).await),
            Self::Wait(flags) => wait::run(session, flags).await?,
            Self::Get(flags) => get::run(session, flags).await?,
            Self::Delete(flags) => delete::run(session, flags).await?,
            Self::Rollout(command) => rollout::run(session, command).await?,
            Self::Scale(flags) => scale::run(session, flags).await?,
            Self::Cordon(flags) => cordon::run(session, &flags, Schedulable::No).await?,
            Self::Uncordon(flags) => cordon::run(session, &flags, Schedulable::Yes).await?,
            Self::Taint(flags) => taint::run(session, flags).await?,
            Self::Describe(flags) => describe::run(session, flags).await?,
            Self::Logs(flags) => logs::run(session, flags).await?,
            Self::Exec(flags) => return exec::run(session, flags).await,
            Self::Apply(flags) => apply::run(session, flags).await?,
            Self::Patch(flags) => patch::run(session, flags).await?,
            Self::Label(flags) => label::run(session, flags, Of::Labels).await?,
            Self::Annotate(flags) => label::run(session, flags, Of::Annotations).await?,
            Self::ApiResources(flags) => api_resources::run(session, flags).await?,
            Self::ApiVersions => api_versions::run(session).await?,
            // These two work without a server.
            Self::Config(_) | Self::Version(_) => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}
