//! How many events a second reach how many watches.
//! Run with `cargo bench -p corvette-apiserver --bench fanout`; the ratio says what a hundred times the watches cost.

use std::sync::Arc;
use std::time::Instant;

use corvette_apiserver::cacher::{Cacher, ResourceSpec, WatchFilter, WatchOptions, encode_for_store};
use corvette_component::tasks::Tasks;
use corvette_store::sqlite::{Options, Sqlite};
use corvette_store::{Change, Expect, Revision, Store};
use futures::StreamExt;
use serde_json::json;

const EVENTS: usize = 5_000;
const PREFIX: &str = "/registry/configmaps/";

async fn write(store: Arc<Sqlite>, writer: usize, writers: usize) {
    for number in (writer..EVENTS).step_by(writers) {
        let name = format!("{}", number % 500);
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "default", "labels": {"app": "bench"}},
            "data": {"number": number.to_string(), "text": "x".repeat(3000)},
        });
        let value = encode_for_store(&object).expect("it encodes");
        let key = format!("{PREFIX}default/{name}");
        store.txn(&key, Expect::Any, Change::Put { value, ttl: None }).await.expect("the write succeeds");
    }
}

/// Returns deliveries (events times watches) per second, all frames encoded.
async fn measure(watches: usize) -> f64 {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tasks = Tasks::new("bench");
    let store = Sqlite::open(directory.path().join("db"), Options::default(), &tasks).await.expect("the store opens");
    let store = Arc::new(store);
    let spec =
        ResourceSpec { prefix: PREFIX.into(), api_version: "v1".into(), kind: "ConfigMap".into(), extract: None };
    let cacher = Cacher::start(store.clone(), vec![spec], &tasks).await.expect("the cache starts");
    let cache = cacher.resource(PREFIX).expect("the resource");
    let start = Instant::now();
    let readers: Vec<_> = (0..watches)
        .map(|_| {
            let watch = cache.watch(WatchFilter::default(), WatchOptions::after(Revision(0)));
            tokio::spawn(
                watch
                    .take(EVENTS)
                    .fold(0, async |bytes, event| bytes + event.expect("the watch goes on").frame().len()),
            )
        })
        .collect();
    let writers: Vec<_> = (0..64).map(|writer| tokio::spawn(write(store.clone(), writer, 64))).collect();
    for writer in writers {
        writer.await.expect("the writer ends");
    }
    for reader in readers {
        assert!(reader.await.expect("the reader ends") > EVENTS * 3000);
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = (EVENTS * watches) as f64 / start.elapsed().as_secs_f64();
    store.close().await;
    rate
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let few = measure(10).await;
    println!("watch-cache/fanout 10 watches:    {few:>10.0} deliveries/s");
    let many = measure(1000).await;
    println!("watch-cache/fanout 1,000 watches: {many:>10.0} deliveries/s");
    println!("watch-cache/fanout ratio:         {:>10.1}", many / few);
}
