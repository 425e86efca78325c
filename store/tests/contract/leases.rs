use std::time::Duration;

use corvette_store::{Change, EventKind, Expect};
use futures::StreamExt;

use crate::common::{Fixture, done, in_time, put};

pub async fn a_key_ends_when_its_time_is_over(fixture: &Fixture) {
    let store = &*fixture.store;
    let start = store.current_revision().await.unwrap();
    let mut watch = store.watch("/r/", start).await.unwrap();
    let short = || Change::Put { value: "short".into(), ttl: Some(Duration::from_secs(1)) };
    let long = Change::Put { value: "long".into(), ttl: Some(Duration::from_secs(3600)) };
    // Written again without, or with more time: these stay.
    done(store, "/r/kept", Expect::Absent, short()).await;
    done(store, "/r/kept", Expect::Any, put("kept")).await;
    done(store, "/r/longer", Expect::Absent, short()).await;
    done(store, "/r/longer", Expect::Any, long).await;
    // Deleted and made anew: the old time is not the new key's.
    done(store, "/r/anew", Expect::Absent, short()).await;
    done(store, "/r/anew", Expect::Any, Change::Delete).await;
    done(store, "/r/anew", Expect::Absent, put("anew")).await;
    done(store, "/r/one", Expect::Absent, short()).await;
    done(store, "/r/two", Expect::Absent, short()).await;
    let ended = |events: &[corvette_store::Event]| {
        let deletes = events.iter().filter(|event| event.kind == EventKind::Delete && event.kv.value == "short");
        deletes.map(|event| event.kv.key.to_string()).collect::<Vec<_>>()
    };
    let mut events = Vec::new();
    while ended(&events).len() < 3 {
        let batch = in_time(watch.next()).await.unwrap().unwrap();
        events.extend(batch.events);
    }
    let mut ended = ended(&events);
    ended.sort_unstable();
    assert_eq!(ended, ["/r/anew", "/r/one", "/r/two"]);
    for key in ["/r/kept", "/r/longer", "/r/anew"] {
        assert!(store.get(key).await.unwrap().0.is_some(), "{key} is gone");
    }
    for key in ["/r/one", "/r/two"] {
        assert_eq!(store.get(key).await.unwrap().0, None);
    }
}
