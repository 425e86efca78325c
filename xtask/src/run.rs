//! Running commands and reporting.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The folder of the workspace.
///
/// # Errors
/// When the crate does not stand in a workspace.
pub fn root() -> Result<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask stands in a workspace")?.to_owned())
}

/// Prints offences, one a line.
///
/// # Errors
/// When there is one.
pub fn report(offences: &[String]) -> Result<()> {
    for offence in offences {
        println!("{offence}");
    }
    if offences.is_empty() {
        return Ok(());
    }
    bail!("{} offence(s)", offences.len())
}

/// Runs cargo in the workspace.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    println!("+ cargo {}", args.join(" "));
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(args)
        .current_dir(root()?)
        .status()
        .context("cargo does not start")?;
    if status.success() { Ok(()) } else { bail!("cargo {} failed", args.join(" ")) }
}
