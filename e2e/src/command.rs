//! Running programs and waiting for what they bring about.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

/// How long one program may run.
const PROGRAM_DEADLINE: Duration = Duration::from_secs(120);
/// Pause between two looks at something that takes time.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What a program said.
#[derive(Debug, Clone)]
pub struct Output {
    /// Whether it exited with 0.
    pub ok: bool,
    /// Its exit code, -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Output {
    /// Standard output of a program that must have succeeded.
    ///
    /// # Panics
    /// When it failed, with everything it said.
    #[track_caller]
    pub fn success(self) -> String {
        assert!(self.ok, "exit {}\n{}{}", self.code, self.out, self.err);
        self.out
    }

    /// Standard error of a program that must have failed with exit code 1.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn failure(self) -> String {
        assert_eq!(self.code, 1, "{}{}", self.out, self.err);
        self.err
    }
}

/// Runs a program to its end, giving it `input`.
///
/// # Errors
/// When it does not start, or runs longer than two minutes.
pub fn run(command: &mut Command, input: Option<&str>) -> Result<Output> {
    let name = format!("{command:?}");
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} does not start"))?;
    if let (Some(text), Some(mut pipe)) = (input, child.stdin.take()) {
        use std::io::Write as _;
        pipe.write_all(text.as_bytes()).with_context(|| name.clone())?;
    }
    let pid = child.id();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(PROGRAM_DEADLINE) else {
        kill(pid);
        bail!("{name} ran longer than {PROGRAM_DEADLINE:?}");
    };
    let output = output.with_context(|| name.clone())?;
    Ok(Output {
        ok: output.status.success(),
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Ends a process of ours at once.
pub(crate) fn kill(pid: u32) {
    signal(pid, Signal::SIGKILL);
}

/// Sends a signal to a process of ours.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may have ended by itself.
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).ok();
    }
}

/// Looks at something again and again until it is as expected, for at most `limit`; a state that a person would wait for too.
///
/// # Panics
/// When it never was, with what the last look found.
#[track_caller]
pub fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let looks = limit.as_millis() / LOOK_AGAIN.as_millis();
    let mut last = String::new();
    for _ in 0..=looks {
        match look() {
            Ok(found) => return found,
            Err(seen) => last = seen,
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
    panic!("{what}: not within {limit:?}; last: {last}");
}
