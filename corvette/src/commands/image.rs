//! `corvette image`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Subcommand;

use super::DataDir;
use crate::cluster;
use crate::layout::Layout;
use crate::progress::say;

/// What can be done with images.
#[derive(Subcommand)]
pub enum Command {
    /// Load an image archive (docker save or OCI layout, as a tar file) into this node.
    Load {
        /// The archive.
        file: PathBuf,
        #[command(flatten)]
        data: DataDir,
    },
}

/// Runs one of them.
pub async fn run(command: Command) -> Result<()> {
    let Command::Load { file, data } = command;
    let layout = Layout::new(&data.data_dir).context("data directory")?;
    for name in cluster::load_image(&layout, &file).await? {
        say(&format!("loaded {name}"));
    }
    Ok(())
}
