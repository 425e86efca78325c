//! Where things lie under the data directory.

use std::path::{Path, PathBuf};

/// The data directory and what is in it.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// A layout below `root`, which is made absolute because children run elsewhere.
    pub fn new(root: &Path) -> std::io::Result<Self> {
        Ok(Self { root: std::path::absolute(root)? })
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Certificates and keys.
    pub fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    /// The embedded store's database.
    pub fn database(&self) -> PathBuf {
        self.root.join("db").join("state.db")
    }

    /// The kubelet's own files: volumes of pods.
    pub fn kubelet(&self) -> PathBuf {
        self.root.join("kubelet")
    }

    /// The container runtime's files.
    pub fn runtime(&self) -> PathBuf {
        self.root.join("containerd")
    }

    /// Logs of pods.
    pub fn pod_logs(&self) -> PathBuf {
        self.root.join("log").join("pods")
    }

    /// Taken by the running process.
    pub fn lock(&self) -> PathBuf {
        self.root.join("corvette.pid")
    }

    /// The kubeconfig of a client of the API server, such as `admin` or `scheduler`.
    pub fn kubeconfig(&self, client: &str) -> PathBuf {
        self.root.join(format!("{client}.kubeconfig"))
    }
}
