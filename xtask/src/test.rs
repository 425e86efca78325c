//! Everything that must hold before a change lands.

use anyhow::Result;

use crate::run::cargo;

/// Formatting, lints, the binaries end-to-end tests drive, then all tests.
///
/// # Errors
/// When a step fails.
pub fn run(filters: &[String]) -> Result<()> {
    if filters.is_empty() {
        cargo(&["fmt", "--all", "--check"])?;
        cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])?;
        cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    }
    cargo(&["build", "--quiet", "--package", "corvette", "--package", "corvette-ctl"])?;
    let mut args = vec!["nextest", "run", "--workspace", "--no-fail-fast"];
    args.extend(filters.iter().map(String::as_str));
    cargo(&args)
}
