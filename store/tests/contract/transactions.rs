use corvette_store::{Change, Error, Expect, Revision};

use crate::common::{Fixture, conflict, done, put};

pub async fn creates_updates_and_deletes(fixture: &Fixture) {
    let store = &*fixture.store;
    let (created, previous) = done(store, "/r/a", Expect::Absent, put("1")).await;
    assert_eq!(previous, None);
    let (updated, previous) = done(store, "/r/a", Expect::Revision(created), put("2")).await;
    assert!(updated > created);
    assert_eq!(previous.unwrap().value, "1");
    let (found, revision) = store.get("/r/a").await.unwrap();
    let found = found.unwrap();
    assert_eq!((found.create_revision, found.mod_revision, revision), (created, updated, updated));
    let (deleted, previous) = done(store, "/r/a", Expect::Revision(updated), Change::Delete).await;
    assert!(deleted > updated);
    assert_eq!(previous.unwrap(), found);
    assert_eq!(store.get("/r/a").await.unwrap(), (None, deleted));
    let (again, _) = done(store, "/r/a", Expect::Absent, put("3")).await;
    let (found, _) = store.get("/r/a").await.unwrap();
    assert_eq!(found.unwrap().create_revision, again);
    let (any, _) = done(store, "/r/a", Expect::Any, put("4")).await;
    done(store, "/r/new", Expect::Any, put("5")).await;
    done(store, "/r/a", Expect::Any, Change::Delete).await;
    assert!(store.current_revision().await.unwrap() > any);
}

pub async fn a_stale_expectation_conflicts_and_changes_nothing(fixture: &Fixture) {
    let store = &*fixture.store;
    assert_eq!(conflict(store, "/r/a", Expect::Revision(Revision(1)), put("x")).await, None);
    assert_eq!(conflict(store, "/r/a", Expect::Any, Change::Delete).await, None);
    let (created, _) = done(store, "/r/a", Expect::Absent, put("1")).await;
    let (updated, _) = done(store, "/r/a", Expect::Any, put("2")).await;
    let before = store.get("/r/a").await.unwrap();
    for (expect, change) in [
        (Expect::Absent, put("x")),
        (Expect::Revision(created), put("x")),
        (Expect::Revision(created), Change::Delete),
        (Expect::Revision(updated.next()), put("x")),
    ] {
        assert_eq!(conflict(store, "/r/a", expect, change).await, before.0);
    }
    assert_eq!(store.get("/r/a").await.unwrap(), before);
}

pub async fn keys_and_values_come_back_as_they_were(fixture: &Fixture) {
    let store = &*fixture.store;
    let all: Vec<u8> = (0..=255).collect();
    for (key, value) in [("/r/é/ключ", all.as_slice()), ("/r/empty", b""), ("/r/with space\n", b"x")] {
        done(store, key, Expect::Absent, put(value)).await;
        let found = store.get(key).await.unwrap().0.unwrap();
        assert_eq!((&*found.key, &found.value[..]), (key, value));
    }
}

pub async fn a_value_that_is_too_large_is_refused(fixture: &Fixture) {
    let store = &*fixture.store;
    let error = store.txn("/r/a", Expect::Any, put(vec![b'x'; 2 << 20])).await.unwrap_err();
    assert!(matches!(&error, Error::TooLarge { key, size, .. } if key == "/r/a" && *size == 2 << 20), "{error}");
    done(store, "/r/a", Expect::Absent, put(vec![b'x'; 1 << 20])).await;
    assert_eq!(store.get("/r/a").await.unwrap().0.unwrap().value.len(), 1 << 20);
}
