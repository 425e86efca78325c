//! `corvette down` and `corvette reset`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::cluster;
use crate::instance::Instance;
use crate::layout::Layout;

/// What stays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The store, certificates, images.
    Data,
    /// Nothing.
    Nothing,
}

/// Stops the cluster of this directory and removes what it made on the machine.
pub async fn run(data_dir: &Path, keep: Keep) -> Result<()> {
    let layout = Layout::new(data_dir).context("data directory")?;
    if !layout.root().is_dir() {
        bail!("{}: there is no cluster here", layout.root().display());
    }
    if keep == Keep::Nothing && !layout.pki().is_dir() && std::fs::read_dir(layout.root())?.next().is_some() {
        bail!("{}: not the data directory of a cluster; nothing is removed", layout.root().display());
    }
    let instance = Instance::take_over(&layout.lock())?;
    cluster::clean(&layout).await?;
    if keep == Keep::Nothing {
        std::fs::remove_dir_all(layout.root()).with_context(|| format!("cannot remove {}", layout.root().display()))?;
    }
    drop(instance);
    Ok(())
}
