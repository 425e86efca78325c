use std::collections::HashMap;

use corvette_store::{Change, Error, Event, EventKind, Expect, KeyValue, Revision, Store};
use futures::StreamExt;

use crate::common::{Fixture, done, in_time, put, read_through, read_until};

pub async fn a_watch_replays_what_was_and_follows(fixture: &Fixture) {
    let store = &*fixture.store;
    let start = store.current_revision().await.unwrap();
    let (first, _) = done(store, "/r/a", Expect::Absent, put("1")).await;
    done(store, "/r/b", Expect::Absent, put("2")).await;
    let mut whole = store.watch("/r/", start).await.unwrap();
    let mut rest = store.watch("/r/", first).await.unwrap();
    let (last, _) = done(store, "/r/a", Expect::Any, put("3")).await;
    let events = read_through(&mut whole, start, last).await;
    assert_eq!(events.iter().map(|event| &event.kv.value[..]).collect::<Vec<_>>(), [b"1", b"2", b"3"]);
    assert_eq!(events.iter().map(|event| event.is_create).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(events[2].previous.as_ref(), Some(&events[0].kv));
    assert_eq!(events[2].kv.create_revision, first);
    assert_eq!(read_through(&mut rest, first, last).await, events[1..]);
}

pub async fn a_delete_carries_the_last_value(fixture: &Fixture) {
    let store = &*fixture.store;
    let (created, _) = done(store, "/r/a", Expect::Absent, put("last words")).await;
    let mut live = store.watch("/r/", created).await.unwrap();
    let (deleted, _) = done(store, "/r/a", Expect::Any, Change::Delete).await;
    let mut replay = store.watch("/r/", created).await.unwrap();
    let kv = |mod_revision| KeyValue {
        key: "/r/a".into(),
        value: "last words".into(),
        create_revision: created,
        mod_revision,
    };
    let expected = Event { kind: EventKind::Delete, kv: kv(deleted), previous: Some(kv(created)), is_create: false };
    assert_eq!(read_through(&mut live, created, deleted).await, std::slice::from_ref(&expected));
    assert_eq!(read_through(&mut replay, created, deleted).await, [expected]);
}

pub async fn a_watch_sees_only_its_prefix_and_tells_progress(fixture: &Fixture) {
    let store = &*fixture.store;
    let start = store.current_revision().await.unwrap();
    let mut watch = store.watch("/r/pods/", start).await.unwrap();
    let (mine, _) = done(store, "/r/pods/a", Expect::Absent, put("1")).await;
    let seen = read_through(&mut watch, start, mine).await;
    assert_eq!(seen.len(), 1);
    done(store, "/r/podsecrets/a", Expect::Absent, put("2")).await;
    let (others, _) = done(store, "/r/zzz", Expect::Absent, put("3")).await;
    // Without another event of the prefix, the watch tells that it has everything up to a revision.
    watch.progress().request();
    assert_eq!(read_through(&mut watch, mine, others).await, []);
    let (next, _) = done(store, "/r/pods/a", Expect::Any, put("4")).await;
    let after = Revision(next.0 - 1);
    let events = read_until(&mut watch, after, |events, _| !events.is_empty()).await;
    assert_eq!(events[0].kv.mod_revision, next);
}

pub async fn a_watch_from_a_compacted_revision_is_refused(fixture: &Fixture) {
    let store = &*fixture.store;
    let (first, _) = done(store, "/r/a", Expect::Absent, put("1")).await;
    done(store, "/r/a", Expect::Any, put("2")).await;
    let (through, _) = done(store, "/r/a", Expect::Any, put("3")).await;
    let (last, _) = done(store, "/r/a", Expect::Any, put("4")).await;
    store.compact(through).await.unwrap();
    let refused = match store.watch("/r/", first).await {
        Err(error) => error,
        Ok(mut watch) => in_time(watch.next()).await.unwrap().unwrap_err(),
    };
    assert!(matches!(refused, Error::Compacted { oldest, .. } if oldest >= through), "{refused}");
    let mut watch = store.watch("/r/", through).await.unwrap();
    let events = read_through(&mut watch, through, last).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].previous.as_ref().unwrap().value, "3");
}

/// Writers on few keys, so that they conflict, create and delete. Returns how many writes were acknowledged.
async fn churn(store: &dyn Store, writer: u64, rounds: u64) -> u64 {
    let mut acknowledged = 0;
    for round in 0..rounds {
        let key = format!("/r/{}", (writer * 7 + round * 3) % 10);
        let change = if (writer + round).is_multiple_of(5) { Change::Delete } else { put(format!("{writer}.{round}")) };
        let outcome = in_time(store.txn(&key, Expect::Any, change)).await.unwrap();
        acknowledged += u64::from(matches!(outcome, corvette_store::TxnOutcome::Done { .. }));
    }
    acknowledged
}

/// Every event continues from the state that the ones before it left.
fn check_chain(events: &[Event]) {
    let mut state: HashMap<&str, &KeyValue> = HashMap::new();
    for event in events {
        let before = state.get(&*event.kv.key).copied();
        assert_eq!(event.previous.as_ref(), before, "{event:?}");
        assert_eq!(event.is_create, before.is_none());
        match event.kind {
            EventKind::Put => state.insert(&event.kv.key, &event.kv),
            EventKind::Delete => state.remove(&*event.kv.key),
        };
    }
}

pub async fn watches_have_no_gap_and_no_duplicate_under_concurrent_writers(fixture: &Fixture) {
    let store = &*fixture.store;
    let start = store.current_revision().await.unwrap();
    let mut early = store.watch("/r/", start).await.unwrap();
    let writers = futures::future::join_all((0..8).map(|writer| churn(store, writer, 60)));
    // More watches begin while the writers are at it, at a revision in the past.
    let late = async {
        let mut watches = Vec::new();
        for _ in 0..8 {
            let now = read_until(&mut early, start, |events, _| !events.is_empty()).await;
            watches.push(store.watch("/r/", start).await.unwrap());
            drop(now);
            early = store.watch("/r/", start).await.unwrap();
        }
        watches
    };
    let (acknowledged, watches) = tokio::join!(writers, late);
    let end = store.current_revision().await.unwrap();
    let mut all: Option<Vec<Event>> = None;
    for mut watch in watches.into_iter().chain([early]) {
        let events = read_through(&mut watch, start, end).await;
        check_chain(&events);
        assert_eq!(events.len() as u64, acknowledged.iter().sum::<u64>());
        assert!(all.get_or_insert_with(|| events.clone()) == &events, "two watches differ");
    }
}

pub async fn a_slow_watch_blocks_nobody_and_misses_nothing(fixture: &Fixture) {
    let store = &*fixture.store;
    let start = store.current_revision().await.unwrap();
    let mut slow = store.watch("/r/", start).await.unwrap();
    let mut quick = store.watch("/r/", start).await.unwrap();
    let mut last = start;
    for round in 0..1500 {
        (last, _) = done(store, "/r/a", Expect::Any, put(format!("{round}"))).await;
    }
    let seen = read_through(&mut quick, start, last).await;
    assert_eq!(seen.len(), 1500);
    let (more, _) = done(store, "/r/a", Expect::Any, put("more")).await;
    let caught_up = read_through(&mut slow, start, more).await;
    assert_eq!(caught_up[..1500], seen);
    assert_eq!(caught_up.len(), 1501);
    check_chain(&caught_up);
}
