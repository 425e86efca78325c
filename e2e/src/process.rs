//! A `corvette` process that serves: started, ready, killed.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

use crate::command::{kill, signal};

/// How long it may take to say `ready` on a busy machine.
const READY_DEADLINE: Duration = Duration::from_secs(90);

/// A process that said `ready`; killed when dropped, with its log shown when the test fails.
pub struct Process {
    child: Child,
    said: Vec<String>,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, which writes its standard error to `log`, and waits until it says `ready`.
    ///
    /// # Errors
    /// When it does not become ready, with what it said.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let errors = std::fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let (say, said) = mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).all(|line| say.send(line).is_ok()));
        let mut process = Self { child, said: Vec::new(), log: log.to_owned() };
        loop {
            match said.recv_timeout(READY_DEADLINE) {
                Ok(line) if line == "ready" => return Ok(process),
                Ok(line) => process.said.push(line),
                Err(_) => bail!("not ready\n{}\n{}", process.said.join("\n"), process.log()),
            }
        }
    }

    /// Its process id: `nsenter` replaces itself by the program.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it printed before `ready`.
    pub fn said(&self) -> &[String] {
        &self.said
    }

    /// What it wrote to its standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// When it failed.
    pub fn stop(mut self) -> Result<()> {
        signal(self.child.id(), Signal::SIGTERM);
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { bail!("{status}\n{}", self.log()) }
    }

    /// Kills it as `kill -9` does, and nothing else.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {} says:\n{}", self.log.display(), self.log());
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            kill(self.child.id());
        }
        self.child.wait().ok();
    }
}
