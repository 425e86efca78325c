use corvette_store::{Change, Error, Expect, ListOptions, Page, Revision, Store};

use crate::common::{Fixture, done, put};

fn keys(page: &Page) -> Vec<&str> {
    page.items.iter().map(|kv| &*kv.key).collect()
}

fn of(prefix: &str) -> ListOptions {
    ListOptions { prefix: prefix.into(), ..ListOptions::default() }
}

async fn fill(store: &dyn Store, names: &[&str]) -> Revision {
    let mut last = Revision(0);
    for name in names {
        (last, _) = done(store, &format!("/r/{name}"), Expect::Absent, put(*name)).await;
    }
    last
}

pub async fn lists_by_prefix_in_key_order(fixture: &Fixture) {
    let store = &*fixture.store;
    let empty = store.list(of("/r/")).await.unwrap();
    assert_eq!((empty.items.len(), empty.more, empty.remaining), (0, false, 0));
    fill(store, &["pods/b/x", "pods/a/y", "pods/a/x", "podsecrets/a"]).await;
    let last = fill(store, &["services/a"]).await;
    let page = store.list(of("/r/pods/")).await.unwrap();
    assert_eq!(keys(&page), ["/r/pods/a/x", "/r/pods/a/y", "/r/pods/b/x"]);
    assert_eq!((page.revision, page.more), (last, false));
    assert_eq!(page.items[1].value, "pods/a/y");
    assert_eq!(keys(&store.list(of("/r/pods/a/")).await.unwrap()).len(), 2);
    assert_eq!(keys(&store.list(of("/r/")).await.unwrap()).len(), 5);
    assert_eq!(keys(&store.list(of("")).await.unwrap()).len(), 5);
}

pub async fn lists_as_it_was_at_a_revision(fixture: &Fixture) {
    let store = &*fixture.store;
    let first = fill(store, &["a", "b"]).await;
    done(store, "/r/a", Expect::Any, put("changed")).await;
    done(store, "/r/b", Expect::Any, Change::Delete).await;
    let second = fill(store, &["c"]).await;
    let at = |revision| ListOptions { revision: Some(revision), ..of("/r/") };
    let old = store.list(at(first)).await.unwrap();
    assert_eq!(keys(&old), ["/r/a", "/r/b"]);
    assert_eq!((old.items[0].value.clone(), old.revision), ("a".into(), first));
    let new = store.list(at(second)).await.unwrap();
    assert_eq!(keys(&new), ["/r/a", "/r/c"]);
    assert_eq!(new, store.list(of("/r/")).await.unwrap());
}

pub async fn pages_show_one_revision(fixture: &Fixture) {
    let store = &*fixture.store;
    fill(store, &["a", "b", "c", "d", "e"]).await;
    let mut options = ListOptions { limit: 2, ..of("/r/") };
    let mut seen = Vec::new();
    let mut remaining = Vec::new();
    loop {
        let page = store.list(options.clone()).await.unwrap();
        assert_eq!(page.revision, *options.revision.get_or_insert(page.revision));
        seen.extend(page.items.iter().map(|kv| kv.key.to_string()));
        remaining.push(page.remaining);
        assert_eq!(page.more, page.remaining > 0);
        if !page.more {
            break;
        }
        options.start_after = seen.last().cloned();
        // Neither shows on later pages.
        done(store, "/r/c1", Expect::Any, put("new")).await;
        done(store, "/r/e", Expect::Any, put("changed")).await;
    }
    assert_eq!(seen, ["/r/a", "/r/b", "/r/c", "/r/d", "/r/e"]);
    assert_eq!(remaining, [3, 1, 0]);
}

pub async fn a_long_list_comes_whole(fixture: &Fixture) {
    let store = &*fixture.store;
    // More than one request's worth for etcd, and more bytes than its client takes by default.
    let value = vec![b'x'; 6_000];
    let writes = (0..1200).map(|n| {
        let value = value.clone();
        async move { done(store, &format!("/r/{n:05}"), Expect::Absent, put(value)).await }
    });
    futures::future::join_all(writes).await;
    let page = store.list(of("/r/")).await.unwrap();
    assert_eq!((page.items.len(), page.more), (1200, false));
    assert!(page.items.iter().enumerate().all(|(n, kv)| *kv.key == *format!("/r/{n:05}")));
}

pub async fn compacted_and_future_revisions_are_refused(fixture: &Fixture) {
    let store = &*fixture.store;
    let first = fill(store, &["a", "b"]).await;
    done(store, "/r/b", Expect::Any, Change::Delete).await;
    let (middle, _) = done(store, "/r/a", Expect::Any, put("middle")).await;
    let (last, _) = done(store, "/r/a", Expect::Any, put("last")).await;
    store.compact(middle).await.unwrap();
    store.compact(middle).await.unwrap();
    store.compact(first).await.unwrap();
    let at = |revision| ListOptions { revision: Some(revision), ..of("/r/") };
    for (revision, value) in [(middle, "middle"), (last, "last")] {
        let page = store.list(at(revision)).await.unwrap();
        assert_eq!((page.items.len(), &page.items[0].value[..]), (1, value.as_bytes()));
    }
    let error = store.list(at(first)).await.unwrap_err();
    assert!(
        matches!(error, Error::Compacted { requested, oldest } if requested == first && oldest >= middle),
        "{error}"
    );
    let future = Revision(last.0 + 100);
    let error = store.list(at(future)).await.unwrap_err();
    assert!(matches!(error, Error::FutureRevision { current, .. } if current == last), "{error}");
    assert!(matches!(store.compact(future).await, Err(Error::FutureRevision { .. })));
    assert_eq!(store.current_revision().await.unwrap(), last);
}
