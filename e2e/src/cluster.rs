//! A cluster as its users meet it: a `corvette up` process, a kubeconfig, `kubectl` and `cvctl`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{Output, run};
use crate::etcd::Etcd;
use crate::image::sample_image;
use crate::machine::Machine;
use crate::process::Process;

/// What a cluster keeps its data in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite in the data directory.
    Embedded,
    /// A real etcd.
    Etcd,
}

/// A running cluster; taken down and its data removed when dropped.
pub struct Cluster {
    machine: Machine,
    etcd: Option<Etcd>,
    data: tempfile::TempDir,
    process: Option<Process>,
}

impl Cluster {
    /// Starts a cluster on a machine of its own and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready, with what it said.
    pub fn start(backend: Backend) -> Result<Self> {
        Self::start_in(backend, &std::env::temp_dir())
    }

    /// As [`Cluster::start`], with everything it keeps in a new directory below `parent`.
    ///
    /// # Errors
    /// When it does not become ready, with what it said.
    pub fn start_in(backend: Backend, parent: &Path) -> Result<Self> {
        let machine = Machine::new()?;
        let etcd = match backend {
            Backend::Embedded => None,
            Backend::Etcd => Some(Etcd::start(&machine)?),
        };
        let mut cluster = Self { machine, etcd, data: tempfile::tempdir_in(parent)?, process: None };
        cluster.up()?;
        Ok(cluster)
    }

    /// Starts `corvette up` on the data directory, as the first time or again.
    ///
    /// # Errors
    /// When it does not become ready, with what it said.
    pub fn up(&mut self) -> Result<()> {
        let mut command = self.corvette("up");
        command
            .args(["--node-name", "node-1", "--node-ip", Machine::ADDRESS, "--write-kubeconfig"])
            .arg(self.kubeconfig());
        command.arg("--image").arg(sample_image());
        if let Some(etcd) = &self.etcd {
            command.args(etcd.flags());
        }
        self.process = Some(Process::start(&mut command, &self.data.path().join("up.log"))?);
        Ok(())
    }

    /// Kills the `corvette` process as `kill -9` does, and nothing else.
    ///
    /// # Panics
    /// When it is not running.
    pub fn kill(&mut self) {
        self.process.take().expect("the cluster is up").kill();
    }

    /// Process id of `corvette`.
    ///
    /// # Panics
    /// When it is not running.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the cluster is up").id()
    }

    /// The lines `corvette up` printed before `ready`.
    pub fn said(&self) -> &[String] {
        self.process.as_ref().map_or(&[], Process::said)
    }

    /// What `corvette` wrote to its standard error since it was started.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("up.log")).unwrap_or_default()
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// The machine it runs on.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.data.path().join("kubeconfig")
    }

    /// A `corvette` command on this cluster's data directory.
    pub fn corvette(&self, command: &str) -> Command {
        let mut built = self.machine.command(program("corvette"));
        built.args(command.split(' ')).arg("--data-dir").arg(self.data_dir());
        built
    }

    /// Runs `kubectl`. Words are separated by blanks; use [`Cluster::kubectl_words`] where a word holds one.
    pub fn kubectl(&self, words: &str) -> Output {
        self.kubectl_words(&words.split_whitespace().collect::<Vec<_>>(), None)
    }

    /// Runs `kubectl` and gives it `input` to read.
    pub fn kubectl_input(&self, words: &str, input: &str) -> Output {
        self.kubectl_words(&words.split_whitespace().collect::<Vec<_>>(), Some(input))
    }

    /// Runs `kubectl` with exactly these words.
    ///
    /// # Panics
    /// When it does not start or takes longer than two minutes.
    #[track_caller]
    pub fn kubectl_words(&self, words: &[&str], input: Option<&str>) -> Output {
        self.client(Path::new("kubectl"), words, input)
    }

    /// Runs `cvctl` with exactly these words.
    ///
    /// # Panics
    /// When it does not start or takes longer than two minutes.
    #[track_caller]
    pub fn cvctl(&self, words: &[&str], input: Option<&str>) -> Output {
        self.client(&program("cvctl"), words, input)
    }

    #[track_caller]
    fn client(&self, program: &Path, words: &[&str], input: Option<&str>) -> Output {
        let mut command = self.machine.command(program);
        command.args(words).env("KUBECONFIG", self.kubeconfig()).env("HOME", self.data.path());
        run(&mut command, input).expect("the client runs")
    }

    /// Takes the cluster down.
    ///
    /// # Errors
    /// When `corvette down` fails.
    pub fn down(&mut self) -> Result<()> {
        let output = run(&mut self.corvette("down"), None)?;
        self.process.take();
        if output.ok { Ok(()) } else { bail!("corvette down: {}", output.err) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.data_dir().exists() {
            return;
        }
        if let Err(error) = self.down() {
            eprintln!("{error:#}");
        }
    }
}

/// A program of this workspace, built by `cargo xtask test`, beside the test's own executable.
///
/// # Panics
/// When the test does not run from a target directory.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("tests run from target/<profile>/deps");
    profile.join(name)
}
