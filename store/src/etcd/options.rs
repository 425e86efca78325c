use std::time::Duration;

/// How to reach etcd and what to keep there.
#[derive(Debug, Clone)]
pub struct Options {
    /// URLs of the members, as `--etcd-servers`.
    pub endpoints: Vec<String>,
    /// Certificates, for `https` endpoints.
    pub tls: Option<Tls>,
    /// Put before every key, so that several clusters can share an etcd. Default none.
    pub prefix: String,
    /// Deadline of finding a member that answers. Default 5 s.
    pub connect_timeout: Duration,
    /// Deadline of one call. Default 10 s.
    pub timeout: Duration,
    /// How often history is compacted, to what it was one interval before; zero never does.
    /// Default 5 min, as upstream's `--etcd-compaction-interval`.
    pub compaction_interval: Duration,
}

/// Certificates for etcd, PEM.
#[derive(Clone)]
pub struct Tls {
    /// Who signs the servers' certificates, as `--etcd-cafile`.
    pub ca: String,
    /// The client's certificate and key, as `--etcd-certfile` and `--etcd-keyfile`.
    pub client: Option<(String, String)>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Options {
    /// Returns the defaults for these endpoints.
    #[must_use]
    pub fn new(endpoints: Vec<String>) -> Self {
        Self {
            endpoints,
            tls: None,
            prefix: String::new(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            compaction_interval: Duration::from_secs(5 * 60),
        }
    }
}
