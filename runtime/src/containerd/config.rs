//! Where the runtime of one data directory keeps its things.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Error;

/// Longest path of a unix socket (`sockaddr_un.sun_path` less its terminator).
const SOCKET_PATH_MAX: usize = 107;

/// Everything that tells one runtime from another. Build it with [`Config::new`]; the fields may be changed before use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Directory that holds everything of this runtime but its log: `DATA/containerd`.
    pub dir: PathBuf,
    /// The cluster's data directory; mounts below it are removed by `clean`.
    pub data_dir: PathBuf,
    /// CRI and containerd API: `DATA/containerd/containerd.sock`.
    pub socket: PathBuf,
    /// containerd's own log: `DATA/log/containerd.log`.
    pub log: PathBuf,
    /// IPv4 range of the pods of this node, such as `10.244.0.0/24`.
    pub pod_cidr: String,
    /// Linux bridge of the pods; at most 15 bytes, unique to the data directory.
    pub bridge: String,
    /// CNI network name, unique to the data directory.
    pub network: String,
    /// Rewrite the source address of pod traffic that leaves the bridge (CNI `ipMasq`). Off: the proxy decides.
    pub masquerade: bool,
    /// Longest line of a container log before it is split into partial lines, in bytes.
    pub max_log_line: u32,
}

impl Config {
    /// Places a runtime under a data directory (made absolute, need not exist yet).
    ///
    /// # Errors
    /// [`Error::DataDir`] when the path cannot be made absolute, is not UTF-8 or too long for a unix socket below it.
    pub fn new(data_dir: &Path, pod_cidr: &str) -> Result<Self, Error> {
        let data_dir = std::path::absolute(data_dir).map_err(Error::io("resolve", data_dir))?;
        let refuse = |reason: &str| Error::DataDir { path: data_dir.clone(), reason: reason.to_owned() };
        let text = data_dir.to_str().ok_or_else(|| refuse("the path must be UTF-8"))?;
        if text.contains(['"', '\\', '\n']) {
            return Err(refuse("the path must not contain quotes, backslashes or line breaks"));
        }
        let tag: String = Sha256::digest(text).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let dir = data_dir.join("containerd");
        let socket = dir.join("containerd.sock");
        // containerd derives a second socket from the first.
        if socket.as_os_str().len() + ".ttrpc".len() > SOCKET_PATH_MAX {
            return Err(refuse("the path is too long for a unix socket below it; choose one under 75 bytes"));
        }
        Ok(Self {
            log: data_dir.join("log").join("containerd.log"),
            dir,
            socket,
            data_dir,
            pod_cidr: pod_cidr.to_owned(),
            bridge: format!("cvt{tag}"),
            network: format!("corvette-{tag}"),
            masquerade: false,
            max_log_line: 16 * 1024,
        })
    }

    /// Images, snapshots and metadata; survive a reboot.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// Running state: task bundles, mounts, network namespaces.
    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// The directory of the tasks that containerd knows, each a directory by its container's id.
    pub(crate) fn tasks(&self) -> PathBuf {
        self.state().join("io.containerd.runtime.v2.task").join("k8s.io")
    }

    /// The directory of the files on which the network namespaces of pods are mounted.
    pub(crate) fn namespaces(&self) -> PathBuf {
        self.state().join("io.containerd.grpc.v1.cri").join("netns")
    }

    /// The directory in which runc keeps its state of containers.
    pub(crate) fn runc_root(&self) -> PathBuf {
        self.state().join("runc")
    }

    /// containerd's configuration file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.dir.join("config.toml")
    }

    /// Process id and start time of the running containerd.
    pub(crate) fn pid_file(&self) -> PathBuf {
        self.dir.join("containerd.pid")
    }

    /// The directory from which CNI network lists are read.
    pub(crate) fn cni_dir(&self) -> PathBuf {
        self.dir.join("cni").join("net.d")
    }

    /// Where host-local remembers the addresses it gave away.
    pub(crate) fn ipam_dir(&self) -> PathBuf {
        self.dir.join("cni").join("networks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_named_after_the_data_directory() {
        let one = Config::new(Path::new("/data/one"), "10.244.0.0/24").unwrap();
        let two = Config::new(Path::new("/data/two"), "10.244.0.0/24").unwrap();
        assert_eq!(one.socket, Path::new("/data/one/containerd/containerd.sock"));
        assert_ne!(one.bridge, two.bridge);
        assert_ne!(one.network, two.network);
        assert!(one.bridge.len() <= 15, "{}", one.bridge);
        assert_eq!(one, Config::new(Path::new("/data/one"), "10.244.0.0/24").unwrap());
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused_in_words() {
        let error = Config::new(&Path::new("/").join("x".repeat(90)), "10.244.0.0/24").expect_err("too long");
        assert!(error.to_string().contains("too long for a unix socket"), "{error}");
    }
}
