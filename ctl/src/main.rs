//! `cvctl`: Corvette's command line. Everything is in the library, so that tests drive it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(corvette_ctl::run(std::env::args_os()));
    // A thread may still wait for standard input, which nobody will type into.
    runtime.shutdown_background();
    code
}
