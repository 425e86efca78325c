//! `cvctl`, the command line: talks to any Kubernetes API server, words and output as kubectl has them.
//!
//! [`commands`] holds one file and one row for each command. [`session`] knows the flags all of them share, [`resources`] finds out
//! what the server serves, [`target`] what the words after a command name mean, [`output`] prints.

mod commands;
mod error;
mod files;
mod output;
mod request;
mod resources;
mod session;
mod target;
mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

/// Runs one command; its exit code is 0, 1 for an error (printed), or that of the remote command for `exec`.
pub async fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = match commands::Cvctl::try_parse_from(args) {
        Ok(parsed) => parsed,
        Err(usage) => {
            // Help and version go to standard output with exit code 0, mistakes to standard error with 1, as kubectl has it.
            let mistaken = usage.use_stderr();
            return match usage.print() {
                Ok(()) if !mistaken => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            };
        }
    };
    match parsed.run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{}", error::in_kubectls_words(&error));
            ExitCode::FAILURE
        }
    }
}
