//! A real etcd on a machine of the tests, which asks its clients for certificates.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use corvette_component::pki::{self, Ca, Request, Usage};

use crate::command::eventually;
use crate::machine::Machine;

/// An etcd process, ended when dropped.
pub struct Etcd {
    process: Child,
    data: tempfile::TempDir,
}

impl Etcd {
    /// Where clients on the same machine reach it.
    pub const ENDPOINT: &str = "https://127.0.0.1:2379";

    /// Starts etcd on `machine` and waits until it answers.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(machine: &Machine) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let ca = Ca::load_or_create(data.path(), "ca")?;
        for (name, usage) in [("server", Usage::Both), ("client", Usage::Client)] {
            pki::load_or_issue(data.path(), name, &ca, &request(name, usage)?)?;
        }
        let file = |name| data.path().join(name);
        let peer = "http://127.0.0.1:2380";
        let process = machine
            .command("etcd")
            .args(["--listen-client-urls", Self::ENDPOINT, "--advertise-client-urls", Self::ENDPOINT])
            .args(["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer])
            .args(["--initial-cluster", &format!("default={peer}"), "--client-cert-auth", "--trusted-ca-file"])
            .arg(file("ca.crt"))
            .arg("--cert-file")
            .arg(file("server.crt"))
            .arg("--key-file")
            .arg(file("server.key"))
            .arg("--data-dir")
            .arg(file("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("etcd does not start; is etcd-server installed?")?;
        let etcd = Self { process, data };
        eventually("etcd answers", Duration::from_secs(30), || {
            let mut probe = machine.command("etcdctl");
            probe.env("ETCDCTL_API", "3").args(["--endpoints", Self::ENDPOINT, "endpoint", "health", "--cacert"]);
            probe.arg(etcd.ca()).arg("--cert").arg(etcd.file("client.crt")).arg("--key").arg(etcd.file("client.key"));
            match crate::command::run(&mut probe, None) {
                Ok(output) if output.ok => Ok(()),
                Ok(output) => Err(output.err),
                Err(error) => Err(error.to_string()),
            }
        });
        Ok(etcd)
    }

    /// The flags with which `corvette` reaches it.
    pub fn flags(&self) -> Vec<String> {
        let file = |name| self.file(name).display().to_string();
        let values = [Self::ENDPOINT.to_owned(), file("ca.crt"), file("client.crt"), file("client.key")];
        let names = ["--etcd-servers", "--etcd-cafile", "--etcd-certfile", "--etcd-keyfile"];
        names.into_iter().zip(values).flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    /// Certificate of the authority that signed the server's.
    pub fn ca(&self) -> PathBuf {
        self.file("ca.crt")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }
}

fn request(name: &str, usage: Usage) -> Result<Request> {
    Ok(Request {
        common_name: name.to_owned(),
        organizations: Vec::new(),
        dns_names: Vec::new(),
        ips: vec!["127.0.0.1".parse()?],
        usage,
        lifetime: Duration::from_secs(24 * 3600),
    })
}

impl Drop for Etcd {
    fn drop(&mut self) {
        crate::command::kill(self.process.id());
        self.process.wait().ok();
    }
}
