//! What readers and handlers of an informer see while its stream delivers.

use std::collections::BTreeMap;
use std::sync::Arc;

use corvette_client::NamespacedName;
use corvette_client::informer::{Change, Informer};
use futures::stream;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::api::ObjectMeta;
use kube::runtime::watcher::{Error, Event};
use parking_lot::Mutex;

fn object(namespace: &str, name: &str, version: u64, app: &str) -> ConfigMap {
    let metadata = ObjectMeta {
        namespace: Some(namespace.to_owned()),
        name: Some(name.to_owned()),
        uid: Some(format!("uid-{name}")),
        resource_version: Some(version.to_string()),
        labels: Some(BTreeMap::from([("app".to_owned(), app.to_owned())])),
        managed_fields: Some(vec![Default::default()]),
        ..ObjectMeta::default()
    };
    ConfigMap { metadata, ..ConfigMap::default() }
}

fn informer() -> (Informer<ConfigMap>, Arc<Mutex<Vec<String>>>) {
    let informer = Informer::<ConfigMap>::detached();
    informer.index("app", |object| object.labels().get("app").cloned().into_iter().collect());
    let (log, reader) = (Arc::new(Mutex::new(Vec::new())), informer.clone());
    let entries = log.clone();
    informer.on_change(move |change| {
        let key = NamespacedName::of(change.object().as_ref());
        let cached = reader.get(&key).is_some();
        let entry = match change {
            Change::Added(_) => format!("added {key} {cached}"),
            Change::Updated { old, new } => {
                let versions = (old.resource_version(), new.resource_version());
                format!("updated {key} {}->{}", versions.0.unwrap_or_default(), versions.1.unwrap_or_default())
            }
            Change::Deleted(_) => format!("deleted {key} {cached}"),
        };
        entries.lock().push(entry);
    });
    (informer, log)
}

async fn feed(informer: &Informer<ConfigMap>, events: Vec<Result<Event<ConfigMap>, Error>>) {
    informer.follow(stream::iter(events)).await;
}

fn names(objects: &[Arc<ConfigMap>]) -> Vec<String> {
    objects.iter().map(|object| object.name_any()).collect()
}

#[tokio::test]
async fn objects_appear_with_the_complete_list_and_follow_events() {
    let (informer, log) = informer();
    let start = vec![
        Ok(Event::Init),
        Ok(Event::InitApply(object("n", "b", 1, "x"))),
        Ok(Event::InitApply(object("n", "a", 2, "y"))),
    ];
    feed(&informer, start).await;
    assert!(!informer.has_synced() && informer.is_empty());
    let rest = vec![
        Ok(Event::Init),
        Ok(Event::InitApply(object("n", "b", 1, "x"))),
        Ok(Event::InitApply(object("n", "a", 2, "y"))),
        Ok(Event::InitDone),
        Err(Error::NoResourceVersion),
        Ok(Event::Apply(object("n", "a", 3, "x"))),
        Ok(Event::Apply(object("m", "c", 4, "x"))),
        Ok(Event::Delete(object("n", "b", 5, "x"))),
    ];
    feed(&informer, rest).await;
    informer.synced().await;
    assert_eq!(names(&informer.in_namespace("n")), ["a"]);
    assert_eq!(names(&informer.by_index("app", "x")), ["c", "a"]);
    assert!(informer.by_index("app", "y").is_empty() && informer.by_index("none", "x").is_empty());
    assert_eq!(
        *log.lock(),
        ["added n/b true", "added n/a true", "updated n/a 2->3", "added m/c true", "deleted n/b false"]
    );
    assert!(informer.list().iter().all(|object| object.managed_fields().is_empty()));
}

#[tokio::test]
async fn a_new_list_yields_only_the_differences() {
    let (informer, log) = informer();
    let list = |objects: Vec<ConfigMap>| {
        let mut events = vec![Ok(Event::Init)];
        events.extend(objects.into_iter().map(|object| Ok(Event::InitApply(object))));
        events.push(Ok(Event::InitDone));
        events
    };
    feed(&informer, list(vec![object("n", "same", 1, "x"), object("n", "gone", 2, "x"), object("n", "new", 3, "x")]))
        .await;
    log.lock().clear();
    feed(&informer, list(vec![object("n", "same", 1, "x"), object("n", "new", 7, "z"), object("n", "more", 8, "x")]))
        .await;
    assert_eq!(*log.lock(), ["updated n/new 3->7", "added n/more true", "deleted n/gone false"]);
    assert_eq!(names(&informer.by_index("app", "x")), ["more", "same"]);
    assert_eq!(informer.len(), 3);
}

#[tokio::test]
async fn a_late_handler_and_a_late_index_see_what_is_cached() {
    let (informer, _) = informer();
    feed(&informer, vec![Ok(Event::Init), Ok(Event::InitApply(object("n", "a", 1, "x"))), Ok(Event::InitDone)]).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let entries = seen.clone();
    informer.on_change(move |change| entries.lock().push(change.object().name_any()));
    informer.index("name", |object| vec![object.name_any()]);
    assert_eq!(*seen.lock(), ["a"]);
    assert_eq!(names(&informer.by_index("name", "a")), ["a"]);
}
