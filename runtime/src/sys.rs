//! The one place with `unsafe`: what the standard library cannot ask of the kernel.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes the command the leader of a session of its own, so that signals to our terminal or process group (Ctrl-C, a
/// closed connection) do not reach it and it survives us.
#[expect(unsafe_code, reason = "CommandExt::setsid is not stable yet")]
pub(crate) fn own_session(command: &mut Command) {
    // SAFETY: the closure runs between fork and exec and makes a single system call, which is async-signal-safe; it
    // allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(|| nix::unistd::setsid().map(drop).map_err(std::io::Error::from));
    }
}
