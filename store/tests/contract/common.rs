//! What the store's tests share: a real etcd of their own, and short ways to write.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use corvette_component::tasks::Tasks;
use corvette_store::etcd::{self, Etcd};
use corvette_store::sqlite::{self, Sqlite};
use corvette_store::{Change, Event, Expect, KeyValue, Revision, Store, TxnOutcome, Watch};
use futures::StreamExt;
use tempfile::TempDir;

/// Far more than anything takes; a test that hangs ends with a message.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A store that removes its data (and its server) when dropped.
pub struct Fixture {
    pub store: Arc<dyn Store>,
    _server: Option<EtcdServer>,
    _directory: Option<TempDir>,
}

impl Fixture {
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let tasks = Tasks::new("test");
        let store = Sqlite::open(directory.path().join("state.db"), sqlite::Options::default(), &tasks).await.unwrap();
        Self { store: Arc::new(store), _server: None, _directory: Some(directory) }
    }

    pub async fn etcd() -> Self {
        let server = EtcdServer::start();
        let tasks = Tasks::new("test");
        let mut options = etcd::Options::new(vec![server.url.clone()]);
        options.prefix = "/tenant".into();
        let store = Etcd::connect(options, &tasks).await.unwrap();
        Self { store: Arc::new(store), _server: Some(server), _directory: None }
    }
}

/// A real etcd with its data in a temporary directory, on loopback.
pub struct EtcdServer {
    child: Child,
    pub url: String,
    arguments: Vec<String>,
    _directory: TempDir,
}

impl EtcdServer {
    pub fn start() -> Self {
        // Another process may take a port between its choice and its use; then etcd ends at once.
        for _ in 0..5 {
            let directory = tempfile::tempdir().unwrap();
            let [client, peer] = free_ports();
            let (url, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
            let arguments = [
                ("name", "test"),
                ("data-dir", directory.path().to_str().unwrap()),
                ("listen-client-urls", &url),
                ("advertise-client-urls", &url),
                ("listen-peer-urls", &peer),
                ("initial-advertise-peer-urls", &peer),
                ("initial-cluster", &format!("test={peer}")),
            ]
            .iter()
            .map(|(name, value)| format!("--{name}={value}"))
            .collect::<Vec<_>>();
            if let Some(child) = spawn(&arguments) {
                return Self { child, url, arguments, _directory: directory };
            }
        }
        panic!("etcd does not start; run `etcd` by hand to see why");
    }

    /// Kills the server; its data stay.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again with the same data on the same port.
    pub fn restart(&mut self) {
        self.child = spawn(&self.arguments).expect("etcd starts again");
    }
}

impl Drop for EtcdServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Starts etcd and waits until it says that it serves; `None` when it ends before.
fn spawn(arguments: &[String]) -> Option<Child> {
    let mut child = Command::new("etcd")
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/usr/local/bin:/bin")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("etcd is needed for this test: install it (Debian: apt-get install etcd-server)");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let serves = lines.by_ref().map_while(Result::ok).any(|line| line.contains("serving") && line.contains("client"));
    if !serves {
        child.wait().unwrap();
        return None;
    }
    // Nobody reads on, but a full pipe would stop it.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Some(child)
}

fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Ends a future that hangs.
pub async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future).await.expect("it hangs")
}

pub fn put(value: impl Into<Vec<u8>>) -> Change {
    Change::Put { value: Bytes::from(value.into()), ttl: None }
}

/// Does a change that must succeed.
pub async fn done(store: &dyn Store, key: &str, expect: Expect, change: Change) -> (Revision, Option<KeyValue>) {
    match in_time(store.txn(key, expect, change)).await.unwrap() {
        TxnOutcome::Done { revision, previous } => (revision, previous),
        TxnOutcome::Conflict { current, .. } => panic!("{key}: conflict with {current:?}"),
    }
}

/// Does a change that must not succeed; returns what is there.
pub async fn conflict(store: &dyn Store, key: &str, expect: Expect, change: Change) -> Option<KeyValue> {
    match in_time(store.txn(key, expect, change)).await.unwrap() {
        TxnOutcome::Conflict { current, revision } => {
            assert!(current.as_ref().is_none_or(|current| current.mod_revision <= revision));
            current
        }
        done => panic!("{key}: {done:?}"),
    }
}

/// Reads a watch until `enough`, checking its promises on the way.
pub async fn read_until(
    watch: &mut Watch,
    after: Revision,
    mut enough: impl FnMut(&[Event], Revision) -> bool,
) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut reached = after;
    while !enough(&events, reached) {
        let batch = in_time(watch.next()).await.expect("a watch ends only with an error").unwrap();
        assert!(batch.revision >= reached, "revision {} after {reached}", batch.revision);
        for event in batch.events {
            let last = events.last().map_or(after, |event| event.kv.mod_revision);
            assert!(event.kv.mod_revision > last, "{} after {last}", event.kv.mod_revision);
            assert!(event.kv.mod_revision > reached && event.kv.mod_revision <= batch.revision);
            events.push(event);
        }
        reached = batch.revision;
    }
    events
}

/// Reads a watch up to a revision.
pub async fn read_through(watch: &mut Watch, after: Revision, through: Revision) -> Vec<Event> {
    read_until(watch, after, |_, reached| reached >= through).await
}
