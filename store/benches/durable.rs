//! Durable writes per second of the embedded store: one writer, and many at once that share commits.
//! Run with `cargo bench -p corvette-store --bench durable`; the ratio says what group commit gains.

use std::sync::Arc;
use std::time::{Duration, Instant};

use corvette_component::tasks::Tasks;
use corvette_store::sqlite::{Options, Sqlite};
use corvette_store::{Change, Expect, Store};

const SIZE: usize = 3 * 1024;
const TIME: Duration = Duration::from_secs(3);

async fn write(store: Arc<Sqlite>, writer: usize, until: Instant) -> u64 {
    let value = bytes::Bytes::from(vec![b'x'; SIZE]);
    let mut count = 0;
    while Instant::now() < until {
        let key = format!("/registry/pods/default/{writer}-{}", count % 100);
        let change = Change::Put { value: value.clone(), ttl: None };
        store.txn(&key, Expect::Any, change).await.expect("the write succeeds");
        count += 1;
    }
    count
}

async fn measure(writers: usize) -> f64 {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state.db");
    let store = Arc::new(Sqlite::open(path, Options::default(), &Tasks::new("bench")).await.expect("the store opens"));
    let start = Instant::now();
    let tasks: Vec<_> = (0..writers).map(|writer| tokio::spawn(write(store.clone(), writer, start + TIME))).collect();
    let mut writes = 0;
    for task in tasks {
        writes += task.await.expect("the writer ends");
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = writes as f64 / start.elapsed().as_secs_f64();
    store.close().await;
    rate
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let alone = measure(1).await;
    println!("store/durable 3 KiB, 1 writer:   {alone:>8.0} writes/s");
    let together = measure(64).await;
    println!("store/durable 3 KiB, 64 writers: {together:>8.0} writes/s");
    println!("store/durable ratio 64 to 1:     {:>8.1}", together / alone);
}
