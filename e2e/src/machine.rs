//! A machine for a cluster: a network namespace with an address of its own and no route outside.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

use crate::command::run;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A network namespace. Removed when dropped.
pub struct Machine {
    name: String,
}

impl Machine {
    /// Makes a namespace with loopback and one bridge that carries [`Machine::ADDRESS`].
    ///
    /// # Errors
    /// When `ip` fails, for example without root.
    pub fn new() -> Result<Self> {
        let name = format!("cv-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let machine = Self { name };
        ip(&["netns", "add", &machine.name])?;
        let address = format!("{}/24", Self::ADDRESS);
        for setup in [
            &["link", "set", "lo", "up"][..],
            &["link", "add", "node0", "type", "bridge"],
            &["addr", "add", &address, "dev", "node0"],
            &["link", "set", "node0", "up"],
        ] {
            let words: Vec<&str> = ["-n", &machine.name].into_iter().chain(setup.iter().copied()).collect();
            ip(&words)?;
        }
        Ok(machine)
    }

    /// Address of the machine, the same in every namespace.
    pub const ADDRESS: &str = "172.30.0.1";

    /// Gives the machine another address.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn add_address(&self, address: &str) -> Result<()> {
        ip(&["-n", &self.name, "addr", "add", &format!("{address}/24"), "dev", "node0"])
    }

    /// A command that runs on this machine.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg("--").arg(program.as_ref());
        command
    }

    /// Moves this thread, and threads it starts from now on, onto this machine.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    pub fn enter(&self) -> Result<()> {
        let namespace = std::fs::File::open(format!("/run/netns/{}", self.name))?;
        nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET)?;
        Ok(())
    }

    /// Name of the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Err(error) = ip(&["netns", "delete", &self.name]) {
            eprintln!("{error:#}");
        }
    }
}

fn ip(words: &[&str]) -> Result<()> {
    let output = run(Command::new("ip").args(words), None)?;
    if !output.ok {
        bail!("ip {}: {}", words.join(" "), output.err.trim());
    }
    Ok(())
}
