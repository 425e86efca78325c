//! `cargo xtask`: the project's own chores.

use anyhow::Result;
use clap::Parser;

/// Chores of the repository.
#[derive(Parser)]
enum Chore {
    /// Checks formatting and lints, then runs every test; extra words go to `cargo nextest run`.
    Test { filters: Vec<String> },
    /// Lists files that are too long and marks of unfinished work.
    Tidy,
    /// Checks that dependencies between crates point the right way.
    Layers,
    /// Measures: `api`, `up`, `store`, `fanout`, `request`.
    Bench { name: String, args: Vec<String> },
}

fn main() -> Result<()> {
    match Chore::parse() {
        Chore::Test { filters } => xtask::test::run(&filters),
        Chore::Tidy => xtask::report(&xtask::tidy::offences(&xtask::root()?)?),
        Chore::Layers => xtask::report(&xtask::layers::offences(&xtask::root()?)?),
        Chore::Bench { name, args } => xtask::bench::run(&name, &args),
    }
}
