//! Durable writes of the embedded store, per second and in CPU: one writer, and many at once that share commits.
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

/// Writes per second, and CPU time of the process for each, microseconds.
async fn measure(writers: usize) -> (f64, f64) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state.db");
    let store = Arc::new(Sqlite::open(path, Options::default(), &Tasks::new("bench")).await.expect("the store opens"));
    let (start, before) = (Instant::now(), cpu());
    let tasks: Vec<_> = (0..writers).map(|writer| tokio::spawn(write(store.clone(), writer, start + TIME))).collect();
    let mut writes = 0;
    for task in tasks {
        writes += task.await.expect("the writer ends");
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let writes = writes as f64;
    let measured = (writes / start.elapsed().as_secs_f64(), (cpu() - before).as_secs_f64() * 1e6 / writes);
    store.close().await;
    measured
}

/// CPU time of the process so far, to a hundredth of a second.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets: utime and stime are the 12th and 13th field, in ticks.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let (alone, cpu_alone) = measure(1).await;
    println!("store/durable 3 KiB, 1 writer:   {alone:>8.0} writes/s, {cpu_alone:>4.0} µs of CPU each");
    let (together, cpu_together) = measure(64).await;
    println!("store/durable 3 KiB, 64 writers: {together:>8.0} writes/s, {cpu_together:>4.0} µs of CPU each");
    println!("store/durable ratio 64 to 1:     {:>8.1}", together / alone);
}
