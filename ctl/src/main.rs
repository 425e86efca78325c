//! `cvctl`: Corvette's command line. Everything is in the library, so that tests drive it too.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    corvette_ctl::run(std::env::args_os()).await
}
