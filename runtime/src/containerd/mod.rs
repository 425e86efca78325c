//! containerd as a child with its own root, state, socket and bridge network.
//!
//! Files: [`Config`] says where things are and is turned into `config.toml` and the CNI list by pure functions
//! (`files`); `programs` finds what must be installed; `daemon` spawns, adopts and supervises; `clean` takes all away
//! with `rules`; `forgotten` takes away what containerd forgot (`shims`, `namespaces`); `command` runs helper
//! programs.
//!
//! Guarantees: at most one containerd per data directory; containers survive the end of the calling process and of
//! containerd itself; what `clean` removes belongs to this data directory only.

mod clean;
mod config;
mod cri;
mod daemon;
mod error;
mod files;
mod forgotten;
mod namespaces;
mod process;
mod programs;
mod rules;
mod shims;

pub use clean::{clean, reset, stop};
pub use config::Config;
pub use daemon::{Handle, start};
pub use error::Error;
pub use programs::Programs;

/// Reference of the sandbox image, imported from our own program at start.
pub const SANDBOX_IMAGE: &str = "corvette.local/pause:1";
