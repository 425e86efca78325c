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
    check(&layout)?;
    let instance = Instance::take_over(&layout.lock())?;
    cluster::clean(&layout).await?;
    if keep == Keep::Nothing {
        std::fs::remove_dir_all(layout.root()).with_context(|| format!("cannot remove {}", layout.root().display()))?;
    }
    drop(instance);
    Ok(())
}

/// Refuses what is no data directory, before anything below it is unmounted or removed.
fn check(layout: &Layout) -> Result<()> {
    let root = layout.root().display();
    if !layout.root().is_dir() || std::fs::read_dir(layout.root())?.next().is_none() {
        bail!("{root}: there is no cluster here");
    }
    // The lock is the first thing a cluster makes; certificates or the runtime's files come next.
    let only_lock = || std::fs::read_dir(layout.root()).is_ok_and(|entries| entries.count() == 1);
    let begun = layout.pki().is_dir() || layout.runtime().is_dir();
    if !layout.lock().is_file() || !(begun || only_lock()) {
        bail!("{root}: not the data directory of a cluster; nothing is removed");
    }
    Ok(())
}
