//! The table of what can be done with a kubeconfig.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::change::{self, Changed};
use super::view;
use crate::session::Global;

/// What can be done with a kubeconfig.
#[derive(Subcommand)]
pub enum Command {
    /// Display merged kubeconfig settings or a specified kubeconfig file
    View(view::Flags),
    /// Display the current-context
    CurrentContext,
    /// Describe one or many contexts
    GetContexts(view::ContextFlags),
    /// Display clusters defined in the kubeconfig
    GetClusters,
    /// Display users defined in the kubeconfig
    GetUsers,
    /// Set the current-context in a kubeconfig file
    UseContext(Name),
    /// Set a context entry in kubeconfig
    SetContext {
        /// Name of the context.
        name: Option<String>,
        /// Modify the current context.
        #[arg(long)]
        current: bool,
    },
    /// Set a cluster entry in kubeconfig
    SetCluster(Embedded),
    /// Set a user entry in kubeconfig
    SetCredentials(Embedded),
    /// Rename a context from the kubeconfig file
    RenameContext {
        /// Its name.
        old: String,
        /// The name it gets.
        new: String,
    },
    /// Delete the specified context from the kubeconfig
    DeleteContext(Name),
    /// Delete the specified cluster from the kubeconfig
    DeleteCluster(Name),
    /// Delete the specified user from the kubeconfig
    DeleteUser(Name),
}

#[derive(Args)]
pub struct Name {
    /// Name of the entry.
    name: String,
}

#[derive(Args)]
pub struct Embedded {
    /// Name of the entry.
    name: String,
    /// Embed the files' content in the kubeconfig.
    #[arg(long)]
    embed_certs: bool,
}

/// Runs one of them.
///
/// # Errors
/// For a file that cannot be read or written, and for names that are not in it.
pub fn run(command: Command, global: &Global) -> Result<()> {
    match command {
        Command::View(flags) => view::run(global, &flags)?,
        Command::CurrentContext => view::current_context(global)?,
        Command::GetContexts(flags) => view::contexts(global, &flags)?,
        Command::GetClusters => view::names(global, "clusters")?,
        Command::GetUsers => view::names(global, "users")?,
        Command::UseContext(Name { name }) => {
            change::use_context(global, &name)?;
            println!("Switched to context \"{name}\".");
        }
        Command::SetContext { name, current } => {
            let (name, done) = change::set_context(global, name, current)?;
            println!("Context \"{name}\" {}.", if done == Changed::Created { "created" } else { "modified" });
        }
        Command::SetCluster(Embedded { name, embed_certs }) => {
            let mut fields = vec![
                ("server", global.server.clone().map(Into::into)),
                ("tls-server-name", global.tls_server_name.clone().map(Into::into)),
                ("insecure-skip-tls-verify", global.insecure_skip_tls_verify.then_some(json!(true))),
            ];
            fields.extend(change::file("certificate-authority", global.certificate_authority.as_deref(), embed_certs)?);
            change::set(global, "clusters", &name, fields)?;
            println!("Cluster \"{name}\" set.");
        }
        Command::SetCredentials(Embedded { name, embed_certs }) => {
            let mut fields = vec![("token", global.token.clone().map(Into::into))];
            fields.extend(change::file("client-certificate", global.client_certificate.as_deref(), embed_certs)?);
            fields.extend(change::file("client-key", global.client_key.as_deref(), embed_certs)?);
            change::set(global, "users", &name, fields)?;
            println!("User \"{name}\" set.");
        }
        Command::RenameContext { old, new } => {
            change::rename_context(global, &old, &new)?;
            println!("Context \"{old}\" renamed to \"{new}\".");
        }
        Command::DeleteContext(Name { name }) => change::delete(global, "context", &name)?,
        Command::DeleteCluster(Name { name }) => change::delete(global, "cluster", &name)?,
        Command::DeleteUser(Name { name }) => change::delete(global, "user", &name)?,
    }
    Ok(())
}
