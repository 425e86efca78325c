//! A real etcd on a machine of the tests.

use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::command::eventually;
use crate::machine::Machine;

/// An etcd process, ended when dropped.
pub struct Etcd {
    process: Child,
    _data: tempfile::TempDir,
}

impl Etcd {
    /// Where clients on the same machine reach it.
    pub const ENDPOINT: &str = "http://127.0.0.1:2379";

    /// Starts etcd on `machine` and waits until it answers.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(machine: &Machine) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let peer = "http://127.0.0.1:2380";
        let process = machine
            .command("etcd")
            .args(["--listen-client-urls", Self::ENDPOINT, "--advertise-client-urls", Self::ENDPOINT])
            .args(["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            .arg("--data-dir")
            .arg(data.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("etcd does not start; is etcd-server installed?")?;
        let etcd = Self { process, _data: data };
        eventually("etcd answers", Duration::from_secs(30), || {
            let mut probe = machine.command("etcdctl");
            probe.env("ETCDCTL_API", "3").args(["--endpoints", Self::ENDPOINT, "endpoint", "health"]);
            match crate::command::run(&mut probe, None) {
                Ok(output) if output.ok => Ok(()),
                Ok(output) => Err(output.err),
                Err(error) => Err(error.to_string()),
            }
        });
        Ok(etcd)
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        crate::command::kill(self.process.id());
        self.process.wait().ok();
    }
}
