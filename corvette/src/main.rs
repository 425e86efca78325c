//! `corvette`: a Kubernetes cluster, or one component of it, in one process.

mod apiserver;
mod cluster;
mod commands;
mod dns;
mod identity;
mod instance;
mod kubeconfig;
mod layout;
mod machine;
mod node;
mod plane;
mod process;
mod progress;
mod secure_port;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = commands::Corvette::parse();
    // Before there are threads: `ip netns exec` hides the control groups that containers need.
    let joined = corvette_runtime::mounts::join_machine().context("cannot join the machine's mount namespace");
    match joined.and_then(|_| commands::run(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("corvette: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes on one line, each cause once.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.contains(&cause) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&cause.replace('\n', " "));
    }
    let full = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::StorageFull;
    if error.chain().filter_map(|cause| cause.downcast_ref()).any(full) {
        line.push_str(": free some space on that disk and start again");
    }
    line
}
