//! What can go wrong with the runtime, each in one line that says what to do.

use std::path::PathBuf;

/// A failure to start, stop or clean the runtime.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Programs that the runtime needs are not installed.
    #[error("missing {}: install the packages `containerd`, `runc` and `containernetworking-plugins` (apt-get install containerd runc containernetworking-plugins)", .0.join(", "))]
    Missing(Vec<String>),
    /// runc cannot work here.
    #[error(
        "no control groups are mounted in /sys/fs/cgroup: mount them, or enter the network namespace by `nsenter --net=/run/netns/NAME`, not `ip netns exec`"
    )]
    NoControlGroups,
    /// The data directory's path is unusable.
    #[error("data directory {}: {reason}", path.display())]
    DataDir {
        /// The data directory.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// Verb, such as "write".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// containerd ended or did not answer while it was awaited.
    #[error("containerd {what}; its log {} ends with: {tail}", log.display())]
    NotReady {
        /// "exited with …" or "did not answer within …".
        what: String,
        /// The log file.
        log: PathBuf,
        /// Its last error, or last line.
        tail: String,
    },
    /// containerd could not be stopped.
    #[error("containerd (process {pid}) does not end")]
    Stuck {
        /// Its process id.
        pid: i32,
    },
    /// A helper program failed.
    #[error("{0}")]
    Command(#[from] corvette_component::command::Error),
    /// The runtime refused a request.
    #[error("container runtime: {0}")]
    Cri(#[from] tonic::Status),
}

impl Error {
    /// Wraps an IO error with what was tried on which path; for `map_err`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
