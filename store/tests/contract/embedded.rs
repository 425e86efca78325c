//! The embedded backend against crashes, full and damaged disks, and a second process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use corvette_component::clock::FakeClock;
use corvette_component::tasks::Tasks;
use corvette_store::sqlite::{Options, Sqlite};
use corvette_store::{Change, Error, Expect, ListOptions, Revision, Store, TxnOutcome};
use futures::StreamExt;

use crate::common::{done, in_time, put, read_until};

/// Tells a test that it runs as its own child, and where.
const CHILD: &str = "CORVETTE_TEST_STORE";

async fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, Options::default(), &Tasks::new("test")).await.unwrap()
}

/// Runs one test of this binary as a child that finds `directory` in [`CHILD`].
fn again(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, directory);
    command
}

/// Writes for ever, with many writers, and says on stdout what was acknowledged.
async fn write_and_tell(path: &Path) {
    let store = open(path).await;
    let write = |writer: usize| {
        let store = &store;
        async move {
            for round in 0_u64.. {
                let key = format!("/r/{writer}/{}", round % 50);
                let text = format!("{writer} {round} {}", "x".repeat(500));
                let (revision, _) = done(store, &key, Expect::Any, put(text)).await;
                let mut out = std::io::stdout().lock();
                writeln!(out, "acknowledged {revision} {key}").unwrap();
                out.flush().unwrap();
            }
        }
    };
    futures::future::join_all((0..16).map(write)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_while_writing_loses_no_acknowledged_write() {
    if let Some(directory) = std::env::var_os(CHILD) {
        return write_and_tell(&Path::new(&directory).join("state.db")).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut highest = Revision(0);
    for round in 0..5 {
        let mut child = again("embedded::kill_9_while_writing_loses_no_acknowledged_write", directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut acknowledged = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            // The test's own line has no end before the first of ours.
            let Some((_, told)) = line.split_once("acknowledged ") else { continue };
            let (revision, key) = told.split_once(' ').unwrap();
            acknowledged.push((Revision(revision.parse().unwrap()), key.to_owned()));
            if acknowledged.len() == 100 + round * 170 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(acknowledged.iter().all(|(revision, _)| *revision > highest), "a revision was given twice");
        let store = open(&path).await;
        let now = store.current_revision().await.unwrap();
        for (revision, key) in &acknowledged {
            let page = store
                .list(ListOptions { prefix: key.clone(), revision: Some(*revision), ..ListOptions::default() })
                .await
                .unwrap();
            assert!(page.items.iter().any(|kv| *kv.key == **key && kv.mod_revision == *revision), "{key}@{revision}");
        }
        highest = acknowledged.iter().map(|(revision, _)| *revision).max().unwrap().max(highest);
        assert!(now >= highest);
        highest = done(&store, "/r/after", Expect::Any, put("x")).await.0;
        store.close().await;
    }
}

#[tokio::test]
async fn the_revision_never_goes_back_when_all_was_deleted_and_compacted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = open(&path).await;
    done(&store, "/r/a", Expect::Absent, put("1")).await;
    let (last, _) = done(&store, "/r/a", Expect::Any, Change::Delete).await;
    store.compact(last).await.unwrap();
    store.close().await;
    let store = open(&path).await;
    assert_eq!(store.current_revision().await.unwrap(), last);
    assert!(matches!(store.watch("/", Revision(0)).await, Err(Error::Compacted { oldest, .. }) if oldest == last));
    assert_eq!(done(&store, "/r/a", Expect::Absent, put("2")).await.0, last.next());
}

#[tokio::test]
async fn a_second_process_is_told_who_has_the_data() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = open(&path).await;
    let error = Sqlite::open(&path, Options::default(), &Tasks::new("test")).await.unwrap_err();
    assert!(matches!(&error, Error::Locked { pid, .. } if *pid == Some(std::process::id())), "{error}");
    assert!(error.to_string().contains("is in use by another process (pid "), "{error}");
    store.close().await;
    let error = store.txn("/r/a", Expect::Any, put("x")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(store.get("/r/a").await.is_err());
    open(&path).await.close().await;
}

#[tokio::test]
async fn a_watch_ends_with_an_error_when_the_store_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("state.db")).await;
    let mut watch = store.watch("/", Revision(0)).await.unwrap();
    store.close().await;
    assert!(matches!(in_time(watch.next()).await, Some(Err(Error::Unavailable { .. }))));
    assert!(in_time(watch.next()).await.is_none());
}

#[tokio::test]
async fn what_is_not_ours_or_damaged_is_refused_with_a_clear_message() {
    let directory = tempfile::tempdir().unwrap();
    let refused = async |name: &str| {
        Sqlite::open(directory.path().join(name), Options::default(), &Tasks::new("test")).await.unwrap_err()
    };
    std::fs::write(directory.path().join("garbage.db"), "x".repeat(10_000)).unwrap();
    let error = refused("garbage.db").await;
    assert!(matches!(error, Error::Corrupt { .. }) && error.to_string().contains("garbage.db"), "{error}");
    let foreign = rusqlite::Connection::open(directory.path().join("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE t (x)").unwrap();
    let error = refused("foreign.db").await;
    assert!(error.to_string().contains("another program's database"), "{error}");
    open(&directory.path().join("newer.db")).await.close().await;
    let newer = rusqlite::Connection::open(directory.path().join("newer.db")).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    let error = refused("newer.db").await;
    assert!(error.to_string().contains("newer version"), "{error}");
    std::fs::write(directory.path().join("file"), "").unwrap();
    let error = refused("file/state.db").await;
    assert!(matches!(error, Error::Configuration { .. }), "{error}");
}

#[tokio::test]
async fn damage_in_the_middle_is_told_from_an_outage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = open(&path).await;
    for n in 0..200 {
        done(&store, &format!("/r/{n:03}"), Expect::Absent, put(vec![b'x'; 3000])).await;
    }
    store.close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[8192..length - 8192].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let error = match Sqlite::open(&path, Options::default(), &Tasks::new("test")).await {
        Err(error) => error,
        Ok(store) => store.list(ListOptions { prefix: "/".into(), ..ListOptions::default() }).await.unwrap_err(),
    };
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

/// Fills the small disk; says that it is full, that reads work, and that writes work again when there is room.
async fn fill_the_disk(directory: &Path) {
    let store = open(&directory.join("db/state.db")).await;
    let ballast = directory.join("ballast");
    std::fs::write(&ballast, vec![0; 256 * 1024]).unwrap();
    let mut written = 0_u32;
    let error = loop {
        match store.txn(&format!("/r/{written}"), Expect::Absent, put(vec![b'x'; 20_000])).await {
            Ok(TxnOutcome::Done { .. }) => written += 1,
            Ok(conflict) => panic!("{conflict:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, Error::Full { place } if place.ends_with("state.db")), "{error}");
    assert!(error.to_string().contains("is full: free some space"), "{error}");
    assert!(store.get("/r/0").await.unwrap().0.is_some());
    let before = store.current_revision().await.unwrap();
    assert_eq!(before, Revision(u64::from(written)));
    std::fs::remove_file(ballast).unwrap();
    assert_eq!(done(&store, "/r/after", Expect::Absent, put("x")).await.0, before.next());
    store.close().await;
    let store = open(&directory.join("db/state.db")).await;
    assert_eq!(store.current_revision().await.unwrap(), before.next());
}

#[tokio::test]
async fn a_full_disk_is_named_and_writes_go_on_when_there_is_room() {
    if let Some(directory) = std::env::var_os(CHILD) {
        return fill_the_disk(Path::new(&directory)).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let test = again("embedded::a_full_disk_is_named_and_writes_go_on_when_there_is_room", directory.path());
    // A disk of its own, in a mount namespace of its own.
    let script = r#"mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script]).arg(directory.path());
    command.arg(test.get_program()).args(test.get_args()).env(CHILD, directory.path());
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

#[tokio::test]
async fn leases_survive_a_restart_and_go_by_the_clock() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let clock = FakeClock::new("2026-01-01T00:00:00Z".parse().unwrap());
    let options = || Options { clock: std::sync::Arc::new(clock.clone()), ..Options::default() };
    let tasks = Tasks::new("test");
    let store = Sqlite::open(&path, options(), &tasks).await.unwrap();
    let lease = |seconds| Change::Put { value: "x".into(), ttl: Some(Duration::from_secs(seconds)) };
    done(&store, "/r/day", Expect::Absent, lease(86_400)).await;
    let (start, _) = done(&store, "/r/hour", Expect::Absent, lease(3_600)).await;
    store.close().await;
    clock.advance(Duration::from_secs(3_700));
    let store = Sqlite::open(&path, options(), &tasks).await.unwrap();
    let mut watch = store.watch("/", start).await.unwrap();
    let events = read_until(&mut watch, start, |events, _| !events.is_empty()).await;
    assert_eq!((events.len(), &*events[0].kv.key), (1, "/r/hour"));
    assert!(store.get("/r/day").await.unwrap().0.is_some());
}

#[tokio::test]
async fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db/state.db");
    let store = open(&path).await;
    done(&store, "/r/a", Expect::Absent, put("secret")).await;
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", file.path());
    }
    assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o077, 0);
}
