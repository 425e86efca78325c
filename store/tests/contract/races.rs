use std::collections::HashSet;

use corvette_store::{Expect, Revision, Store, TxnOutcome};

use crate::common::{Fixture, done, in_time, put, read_through};

/// Adds one to a counter until it succeeds; returns the revision it won.
async fn increment(store: &dyn Store) -> Revision {
    loop {
        let (current, _) = in_time(store.get("/r/counter")).await.unwrap();
        let (expect, count) = match &current {
            Some(kv) => (Expect::Revision(kv.mod_revision), std::str::from_utf8(&kv.value).unwrap().parse().unwrap()),
            None => (Expect::Absent, 0_u64),
        };
        let change = put((count + 1).to_string());
        if let TxnOutcome::Done { revision, .. } = in_time(store.txn("/r/counter", expect, change)).await.unwrap() {
            return revision;
        }
    }
}

pub async fn of_a_hundred_writers_one_wins_each_revision(fixture: &Fixture) {
    let store = &*fixture.store;
    let start = store.current_revision().await.unwrap();
    let mut watch = store.watch("/r/", start).await.unwrap();
    // Each writes a key of its own, too: all that was acknowledged is there.
    let writers = (0..100).map(|writer| async move {
        let (own, _) = done(store, &format!("/r/own/{writer}"), Expect::Absent, put(writer.to_string())).await;
        [own, increment(store).await]
    });
    let won: Vec<Revision> = futures::future::join_all(writers).await.concat();
    assert_eq!(won.iter().collect::<HashSet<_>>().len(), 200, "a revision was won twice");
    let counter = store.get("/r/counter").await.unwrap().0.unwrap();
    assert_eq!(counter.value, "100");
    for writer in 0..100 {
        let own = store.get(&format!("/r/own/{writer}")).await.unwrap().0.unwrap();
        assert_eq!(own.value, writer.to_string());
    }
    let end = won.iter().max().copied().unwrap();
    let events = read_through(&mut watch, start, end).await;
    let seen: Vec<Revision> = events.iter().map(|event| event.kv.mod_revision).collect();
    let mut expected = won;
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

pub async fn a_write_is_seen_by_every_later_read(fixture: &Fixture) {
    let store = &*fixture.store;
    let writers = (0..10).map(|writer| async move {
        let key = format!("/r/{writer}");
        for round in 0..20 {
            let (revision, _) = done(store, &key, Expect::Any, put(round.to_string())).await;
            let (found, at) = store.get(&key).await.unwrap();
            assert_eq!(found.unwrap().mod_revision, revision);
            assert!(at >= revision);
            assert!(store.current_revision().await.unwrap() >= revision);
        }
    });
    futures::future::join_all(writers).await;
}
