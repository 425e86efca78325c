//! `cvctl`, the command line: talks to any Kubernetes API server, words and output as kubectl has them.
//!
//! [`commands`] holds one file and one row for each command. [`session`] knows the flags all of them share, [`resources`] finds out
//! what the server serves, [`target`] what the words after a command name mean, [`output`] prints, [`error`] and [`usage`] word
//! what went wrong.

mod commands;
mod error;
mod files;
mod kubeconfig;
mod output;
mod request;
mod resources;
mod session;
mod target;
mod terminal;
mod usage;
mod value;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgAction, Command, CommandFactory as _, FromArgMatches as _};

/// Runs one command; its exit code is 0, 1 for an error (printed), or that of the remote command for `exec`.
pub async fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed = match parse(&args) {
        Ok(parsed) => parsed,
        Err(help) if !help.use_stderr() => {
            return if help.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(mistake) => {
            let args: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
            eprintln!("{}", usage::in_kubectls_words(&mistake, &args));
            return ExitCode::FAILURE;
        }
    };
    match parsed.run().await {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}", error::in_kubectls_words(&error));
            ExitCode::FAILURE
        }
    }
}

fn parse(args: &[OsString]) -> clap::error::Result<commands::Cvctl> {
    let matches = flags_take_values(commands::Cvctl::command()).try_get_matches_from(args)?;
    commands::Cvctl::from_arg_matches(&matches)
}

/// What is on or off can also be said to be: `--watch=false`.
fn flags_take_values(command: Command) -> Command {
    let mut command = command.mut_args(|arg| match arg.get_action() {
        ArgAction::SetTrue => {
            let off = arg.get_default_values().is_empty();
            let arg = arg.action(ArgAction::Set).num_args(0..=1).require_equals(true).default_missing_value("true");
            let arg = if off { arg.default_value("false") } else { arg };
            arg.hide_default_value(off).hide_possible_values(true)
        }
        _ => arg,
    });
    for inner in command.get_subcommands_mut() {
        *inner = flags_take_values(std::mem::take(inner));
    }
    command
}

/// Whether the reader of our output has gone, as `head` does; there is nobody to tell.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
