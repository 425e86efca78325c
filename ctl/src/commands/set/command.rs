//! The table of what can be set.

use anyhow::Result;
use clap::Subcommand;

use super::{env, image, resources};
use crate::session::Session;

/// What can be set.
#[derive(Subcommand)]
pub enum Command {
    /// Update the image of a pod template
    Image(image::Flags),
    /// Update environment variables on a pod template
    Env(env::Flags),
    /// Update resource requests/limits on objects with pod templates
    Resources(resources::Flags),
}

/// Runs one of them.
///
/// # Errors
/// For objects without a template, and what the server refuses.
pub async fn run(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Image(flags) => image::run(session, flags).await,
        Command::Env(flags) => env::run(session, flags).await,
        Command::Resources(flags) => resources::run(session, flags).await,
    }
}
