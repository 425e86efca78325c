//! The etcd backend when its server goes away and comes back, and beside other users of it.

use std::time::Duration;

use corvette_component::tasks::Tasks;
use corvette_store::etcd::{Etcd, Options};
use corvette_store::{Error, Expect, ListOptions, Store};
use futures::StreamExt;

use crate::common::{EtcdServer, done, in_time, put, read_through};

async fn connect(server: &EtcdServer, change: impl FnOnce(&mut Options)) -> Etcd {
    let mut options = Options::new(vec![server.url.clone()]);
    change(&mut options);
    Etcd::connect(options, &Tasks::new("test")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_resumes_after_the_server_was_away() {
    let mut server = EtcdServer::start();
    let store = connect(&server, |options| options.timeout = Duration::from_secs(2)).await;
    let (start, _) = done(&store, "/r/a", Expect::Absent, put("1")).await;
    let mut watch = store.watch("/r/", start).await.unwrap();
    let (before, _) = done(&store, "/r/a", Expect::Any, put("2")).await;
    assert_eq!(read_through(&mut watch, start, before).await.len(), 1);
    server.kill();
    let error = in_time(store.txn("/r/a", Expect::Any, put("lost"))).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. } | Error::Timeout { .. }), "{error}");
    assert!(in_time(store.get("/r/a")).await.is_err());
    server.restart();
    // Connections come back by themselves.
    let other = connect(&server, |_| {}).await;
    let (first, _) = done(&other, "/r/a", Expect::Any, put("3")).await;
    let (last, _) = done(&other, "/r/b", Expect::Any, put("4")).await;
    let events = read_through(&mut watch, before, last).await;
    assert_eq!(events.iter().map(|event| event.kv.mod_revision).collect::<Vec<_>>(), [first, last]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_resumes_too_late_ends() {
    let mut server = EtcdServer::start();
    let store = connect(&server, |_| {}).await;
    let (start, _) = done(&store, "/r/a", Expect::Absent, put("1")).await;
    let mut watch = store.watch("/r/", start).await.unwrap();
    server.kill();
    server.restart();
    let other = connect(&server, |_| {}).await;
    for _ in 0..10 {
        done(&other, "/r/a", Expect::Any, put("x")).await;
    }
    let now = other.current_revision().await.unwrap();
    other.compact(now).await.unwrap();
    // Nobody polled the watch meanwhile, so it finds out only now.
    let error = loop {
        match in_time(watch.next()).await.unwrap() {
            Ok(batch) => assert!(batch.revision <= now),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Compacted { oldest, .. } if oldest == now), "{error}");
}

#[tokio::test]
async fn an_etcd_that_is_not_there_is_named() {
    let mut options = Options::new(vec!["http://127.0.0.1:1".into()]);
    options.connect_timeout = Duration::from_secs(1);
    let error = in_time(Etcd::connect(options, &Tasks::new("test"))).await.err().unwrap();
    assert!(matches!(error, Error::Unavailable { .. } | Error::Timeout { .. }), "{error}");
    let error = Etcd::connect(Options::new(vec!["http://[bad".into()]), &Tasks::new("test")).await.err().unwrap();
    assert!(matches!(&error, Error::Configuration { .. }) && error.to_string().contains("[bad"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_prefixes_do_not_see_each_other() {
    let server = EtcdServer::start();
    let (one, two) = (
        connect(&server, |options| options.prefix = "/one".into()).await,
        connect(&server, |options| options.prefix = "/two".into()).await,
    );
    let (start, _) = done(&one, "/r/a", Expect::Absent, put("1")).await;
    let mut watch = two.watch("/r/", start).await.unwrap();
    let (other, _) = done(&two, "/r/a", Expect::Absent, put("2")).await;
    assert_eq!(read_through(&mut watch, start, other).await[0].kv.value, "2");
    done(&one, "/r/b", Expect::Absent, put("3")).await;
    watch.progress().request();
    let now = one.current_revision().await.unwrap();
    assert_eq!(read_through(&mut watch, other, now).await, []);
    let page = two.list(ListOptions { prefix: "/".into(), ..ListOptions::default() }).await.unwrap();
    assert_eq!(page.items.iter().map(|kv| &*kv.key).collect::<Vec<_>>(), ["/r/a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_is_compacted_now_and_then() {
    let server = EtcdServer::start();
    let tasks = Tasks::new("test");
    let mut options = Options::new(vec![server.url.clone()]);
    options.compaction_interval = Duration::from_millis(200);
    let store = Etcd::connect(options, &tasks).await.unwrap();
    let (first, _) = done(&store, "/r/a", Expect::Absent, put("1")).await;
    let (second, _) = done(&store, "/r/a", Expect::Any, put("2")).await;
    let mut rounds = store.watch("compact_rev_key", second).await.unwrap();
    let error = loop {
        in_time(rounds.next()).await.unwrap().unwrap();
        let options = ListOptions { prefix: "/r/".into(), revision: Some(first), ..ListOptions::default() };
        match store.list(options).await {
            Ok(page) => assert_eq!(page.items[0].value, "1"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Compacted { .. }), "{error}");
    assert_eq!(store.get("/r/a").await.unwrap().0.unwrap().value, "2");
}
