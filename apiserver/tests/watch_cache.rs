//! The watch cache on the real embedded store: freshness, order, selectors, slow watches, restarts, losses.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use corvette_api::{fields, labels};
use corvette_apiserver::cacher::{
    Cacher, Error, EventType, Extract, ResourceCache, ResourceSpec, Start, Watch, WatchEvent, WatchFilter,
    WatchOptions, encode_for_store,
};
use corvette_component::tasks::Tasks;
use corvette_store::sqlite::{Options, Sqlite};
use corvette_store::{Change, Expect, KeyValue, ListOptions, Page, Revision, Store, TxnOutcome, Watch as StoreWatch};
use futures::StreamExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Far more than anything takes.
const DEADLINE: Duration = Duration::from_secs(60);
const PODS: &str = "/registry/pods/";
const CONFIG_MAPS: &str = "/registry/configmaps/";

fn specs() -> Vec<ResourceSpec> {
    let extract: Extract = Arc::new(|pod| {
        let text = |pointer| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        vec![("spec.nodeName".into(), text("/spec/nodeName")), ("status.phase".into(), text("/status/phase"))]
    });
    vec![
        ResourceSpec { prefix: PODS.into(), api_version: "v1".into(), kind: "Pod".into(), extract: Some(extract) },
        spec(CONFIG_MAPS, "ConfigMap"),
    ]
}

fn spec(prefix: &str, kind: &'static str) -> ResourceSpec {
    ResourceSpec { prefix: prefix.into(), api_version: "v1".into(), kind: kind.into(), extract: None }
}

struct Fixture {
    directory: tempfile::TempDir,
    sqlite: Arc<Sqlite>,
    store: Arc<dyn Store>,
    cacher: Cacher,
}

impl Fixture {
    async fn new() -> Self {
        Self::around(|store| store).await
    }

    async fn around(wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        Self::open(tempfile::tempdir().unwrap(), wrap).await
    }

    async fn open(directory: tempfile::TempDir, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        let tasks = Tasks::new("test");
        let sqlite = Arc::new(Sqlite::open(directory.path().join("db"), Options::default(), &tasks).await.unwrap());
        let store = wrap(sqlite.clone());
        let cacher = Cacher::start(store.clone(), specs(), &tasks).await.unwrap();
        Self { directory, sqlite, store, cacher }
    }

    async fn restart(self) -> Self {
        self.sqlite.close().await;
        let Self { directory, .. } = self;
        Self::open(directory, |store| store).await
    }

    fn pods(&self) -> Arc<ResourceCache> {
        self.cacher.resource(PODS).unwrap()
    }

    fn watch_pods(&self, filter: WatchFilter, start: Start) -> Watch {
        self.pods().watch(filter, WatchOptions { start, bookmarks: None })
    }

    /// Writes a pod whatever there is.
    async fn put(&self, name: &str, change: Value) -> Revision {
        put(&*self.store, &format!("{PODS}{name}"), pod(name, change)).await
    }

    async fn delete(&self, name: &str) -> Revision {
        match self.store.txn(&format!("{PODS}{name}"), Expect::Any, Change::Delete).await.unwrap() {
            TxnOutcome::Done { revision, .. } => revision,
            conflict => panic!("{conflict:?}"),
        }
    }

    async fn consistent(&self) -> Revision {
        self.cacher.consistent(Instant::now() + DEADLINE).await.unwrap()
    }
}

async fn put(store: &dyn Store, key: &str, object: Value) -> Revision {
    let value = encode_for_store(&object).unwrap();
    match store.txn(key, Expect::Any, Change::Put { value, ttl: None }).await.unwrap() {
        TxnOutcome::Done { revision, .. } => revision,
        conflict => panic!("{conflict:?}"),
    }
}

fn pod(path: &str, change: Value) -> Value {
    let (namespace, name) = path.split_once('/').unwrap();
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {}},
        "spec": {"nodeName": ""}, "status": {},
    });
    for (pointer, value) in change.as_object().unwrap() {
        *pod.pointer_mut(pointer).unwrap() = value.clone();
    }
    pod
}

fn labelled(selector: &str) -> WatchFilter {
    WatchFilter { labels: Some(labels::Selector::parse(selector).unwrap()), ..WatchFilter::default() }
}

fn fielded(selector: &str) -> WatchFilter {
    WatchFilter { fields: Some(fields::Selector::parse(selector).unwrap()), ..WatchFilter::default() }
}

fn namespaced(namespace: &str) -> WatchFilter {
    WatchFilter { namespace: Some(namespace.into()), ..WatchFilter::default() }
}

async fn next(watch: &mut Watch) -> WatchEvent {
    ended(watch).await.expect("the watch goes on").unwrap()
}

async fn ended(watch: &mut Watch) -> Option<Result<WatchEvent, Error>> {
    tokio::time::timeout(DEADLINE, watch.next()).await.expect("it hangs")
}

async fn take(watch: &mut Watch, count: usize) -> Vec<WatchEvent> {
    let mut events = Vec::new();
    while events.len() < count {
        events.push(next(watch).await);
    }
    events
}

/// Reads up to the event of a revision.
async fn until(watch: &mut Watch, revision: Revision) -> Vec<WatchEvent> {
    let mut events: Vec<WatchEvent> = Vec::new();
    while events.last().is_none_or(|event| event.revision() < revision) {
        events.push(next(watch).await);
    }
    events
}

fn frame(event: &WatchEvent) -> Value {
    let frame = event.frame();
    assert_eq!(frame.last(), Some(&b'\n'));
    serde_json::from_slice(&frame).unwrap()
}

fn told(events: &[WatchEvent]) -> Vec<(EventType, String, u64)> {
    let one = |event: &WatchEvent| {
        let name = event.entry().map_or_else(String::new, |entry| entry.name().to_owned());
        (event.kind(), name, event.revision().0)
    };
    events.iter().map(one).collect()
}

#[tokio::test]
async fn a_consistent_read_sees_every_acknowledged_write() {
    let fixture = Fixture::new().await;
    for round in 0..100 {
        let revision = fixture.put("default/a", json!({"/status": {"phase": round.to_string()}})).await;
        assert!(fixture.consistent().await >= revision);
        let entry = fixture.pods().get("default", "a").unwrap();
        assert_eq!(entry.revision, revision);
        assert_eq!(entry.field("status.phase"), round.to_string());
        let json: Value = serde_json::from_slice(&entry.json()).unwrap();
        assert_eq!(json["metadata"]["resourceVersion"], revision.to_string());
        assert!(fixture.pods().snapshot().revision >= revision);
    }
}

#[tokio::test]
async fn waiting_for_the_future_ends_at_the_deadline() {
    let fixture = Fixture::new().await;
    let now = fixture.put("default/a", json!({})).await;
    let error = fixture.cacher.wait_until(now.next(), Instant::now() + Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { requested, current } if requested == now.next() && current == now));
}

#[tokio::test]
async fn snapshots_stay_as_they_were() {
    let fixture = Fixture::new().await;
    for name in ["b/2", "a/1", "b/1", "c/1"] {
        fixture.put(name, json!({})).await;
    }
    let revision = fixture.consistent().await;
    let snapshot = fixture.pods().snapshot();
    fixture.delete("b/1").await;
    fixture.put("b/3", json!({})).await;
    fixture.consistent().await;
    let names = |prefix: &str, after: Option<&str>| {
        let range = snapshot.range(prefix, after).map(|entry| entry.key.strip_prefix(PODS).unwrap().to_owned());
        range.collect::<Vec<_>>()
    };
    assert_eq!(snapshot.revision, revision);
    assert_eq!(names(PODS, None), ["a/1", "b/1", "b/2", "c/1"]);
    assert_eq!(names("/registry/pods/b/", None), ["b/1", "b/2"]);
    assert_eq!(names("/registry/pods/b/", Some("/registry/pods/b/1")), ["b/2"]);
    assert_eq!((snapshot.len(), fixture.pods().snapshot().len()), (4, 4));
    assert!(snapshot.get("/registry/pods/b/1").is_some());
}

#[tokio::test]
async fn an_object_that_comes_to_match_is_added_and_one_that_no_longer_does_is_deleted() {
    let fixture = Fixture::new().await;
    let start = fixture.consistent().await;
    let mut red = fixture.watch_pods(labelled("colour=red"), Start::After(start));
    let mut running = fixture.watch_pods(fielded("status.phase=Running"), Start::After(start));
    let labels =
        |colour: &str, phase: &str| json!({"/metadata/labels": {"colour": colour}, "/status": {"phase": phase}});
    let blue = fixture.put("default/a", labels("blue", "Pending")).await;
    let added = fixture.put("default/a", labels("red", "Running")).await;
    let modified = fixture.put("default/a", labels("red", "Failed")).await;
    let left = fixture.put("default/a", labels("green", "Running")).await;
    let again = fixture.put("default/a", labels("red", "Running")).await;
    let gone = fixture.delete("default/a").await;
    let red = take(&mut red, 5).await;
    let kinds: Vec<_> = red.iter().map(|event| (event.kind(), event.revision())).collect();
    let expected = [
        (EventType::Added, added),
        (EventType::Modified, modified),
        (EventType::Deleted, left),
        (EventType::Added, again),
        (EventType::Deleted, gone),
    ];
    assert_eq!(kinds, expected);
    assert!(blue < added);
    // Who may no longer see it gets the last state that it may see, with the new resourceVersion.
    let departed = frame(&red[2]);
    assert_eq!(departed["type"], "DELETED");
    assert_eq!(departed["object"]["metadata"]["labels"]["colour"], "red");
    assert_eq!(departed["object"]["status"]["phase"], "Failed");
    assert_eq!(departed["object"]["metadata"]["resourceVersion"], left.to_string());
    let deleted = frame(&red[4]);
    assert_eq!(deleted["object"]["metadata"]["resourceVersion"], gone.to_string());
    assert_eq!(deleted["object"]["metadata"]["labels"]["colour"], "red");
    let kinds: Vec<_> = take(&mut running, 5).await.iter().map(|event| (event.kind(), event.revision())).collect();
    let expected = [
        (EventType::Added, added),
        (EventType::Deleted, modified),
        (EventType::Added, left),
        (EventType::Modified, again),
        (EventType::Deleted, gone),
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn watches_by_namespace_object_and_node_see_what_is_theirs() {
    let fixture = Fixture::new().await;
    let start = fixture.consistent().await;
    let watch = |filter| fixture.watch_pods(filter, Start::After(start));
    let mut all = watch(WatchFilter::default());
    let mut namespace = watch(namespaced("a"));
    let mut object = watch(WatchFilter { name: Some("x".into()), ..namespaced("a") });
    let mut by_name = watch(fielded("metadata.name=x"));
    let mut by_field = watch(WatchFilter { namespace: Some("a".into()), ..fielded("metadata.name=x") });
    let mut node = watch(fielded("spec.nodeName=n1"));
    let mut node_in_b = watch(WatchFilter { namespace: Some("b".into()), ..fielded("spec.nodeName=n1") });
    let on = |node: &str| json!({"/spec": {"nodeName": node}});
    fixture.put("a/x", on("")).await;
    fixture.put("a/y", on("n1")).await;
    fixture.put("b/x", on("n2")).await;
    fixture.put("b/x", on("n1")).await;
    fixture.put("a/y", on("n2")).await;
    fixture.put("a/x", on("n1")).await;
    let last = fixture.delete("b/x").await;
    assert_eq!(until(&mut all, last).await.len(), 7);
    let names = |events: &[WatchEvent]| {
        let name = |event: &WatchEvent| {
            let entry = event.entry().unwrap();
            format!("{} {}/{}", event.kind(), entry.namespace(), entry.name())
        };
        events.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&take(&mut namespace, 4).await), ["ADDED a/x", "ADDED a/y", "MODIFIED a/y", "MODIFIED a/x"]);
    assert_eq!(names(&take(&mut object, 2).await), ["ADDED a/x", "MODIFIED a/x"]);
    assert_eq!(names(&take(&mut by_field, 2).await), ["ADDED a/x", "MODIFIED a/x"]);
    let both = ["ADDED a/x", "ADDED b/x", "MODIFIED b/x", "MODIFIED a/x", "DELETED b/x"];
    assert_eq!(names(&take(&mut by_name, 5).await), both);
    let on_node = ["ADDED a/y", "ADDED b/x", "DELETED a/y", "ADDED a/x", "DELETED b/x"];
    assert_eq!(names(&take(&mut node, 5).await), on_node);
    assert_eq!(names(&take(&mut node_in_b, 2).await), ["ADDED b/x", "DELETED b/x"]);
    assert_eq!(fixture.pods().watcher_count(), 7);
    drop((all, namespace, object, by_name, by_field, node, node_in_b));
    assert_eq!(fixture.pods().watcher_count(), 0);
}

#[tokio::test]
async fn a_change_is_encoded_once_for_all_watches() {
    let fixture = Fixture::new().await;
    let start = fixture.consistent().await;
    let mut watches: Vec<Watch> =
        (0..3).map(|_| fixture.watch_pods(WatchFilter::default(), Start::After(start))).collect();
    fixture.put("default/a", json!({})).await;
    let mut frames = Vec::new();
    for watch in &mut watches {
        frames.push(next(watch).await.frame());
    }
    assert!(frames.iter().all(|frame| frame.as_ptr() == frames[0].as_ptr()));
}

#[tokio::test]
async fn a_streamed_list_ends_with_a_marked_bookmark_and_goes_on() {
    let fixture = Fixture::new().await;
    fixture.put("b/1", json!({})).await;
    fixture.put("a/1", json!({})).await;
    let start = fixture.consistent().await;
    let mut watch = fixture.watch_pods(WatchFilter::default(), Start::Initial { bookmark: true });
    let mut plain = fixture.watch_pods(namespaced("b"), Start::Initial { bookmark: false });
    let last = fixture.put("b/1", json!({"/status": {"phase": "Running"}})).await;
    let events = take(&mut watch, 4).await;
    let kinds: Vec<_> = events.iter().map(WatchEvent::kind).collect();
    assert_eq!(kinds, [EventType::Added, EventType::Added, EventType::Bookmark, EventType::Modified]);
    assert_eq!(events[0].entry().unwrap().namespace(), "a");
    assert!(events[2].is_initial_events_end() && events[2].entry().is_none());
    let bookmark = frame(&events[2]);
    let expected = json!({
        "type": "BOOKMARK",
        "object": {
            "kind": "Pod", "apiVersion": "v1",
            "metadata": {
                "resourceVersion": start.to_string(), "creationTimestamp": null,
                "annotations": {"k8s.io/initial-events-end": "true"},
            },
        },
    });
    assert_eq!(bookmark, expected);
    assert_eq!(events[3].revision(), last);
    let added = frame(&take(&mut plain, 1).await[0]);
    assert_eq!((added["type"].as_str(), &added["object"]["metadata"]["namespace"]), (Some("ADDED"), &json!("b")));
    assert_eq!(next(&mut plain).await.revision(), last);
}

#[tokio::test]
async fn a_quiet_watch_is_told_about_once_a_minute_how_far_it_is() {
    let fixture = Fixture::new().await;
    let start = fixture.consistent().await;
    let options =
        WatchOptions { start: Start::After(start), bookmarks: Some(Instant::now() + Duration::from_secs(3600)) };
    let mut watch = fixture.pods().watch(namespaced("quiet"), options);
    let first = fixture.put("quiet/a", json!({})).await;
    assert_eq!(next(&mut watch).await.revision(), first);
    fixture.put("busy/a", json!({})).await;
    put(&*fixture.store, "/registry/configmaps/busy/a", json!({"metadata": {}})).await;
    let now = fixture.consistent().await;
    tokio::time::pause();
    let before = Instant::now();
    let event = watch.next().await.unwrap().unwrap();
    let waited = before.elapsed();
    assert!(waited > Duration::from_secs(50) && waited < Duration::from_secs(70), "{waited:?}");
    assert_eq!((event.kind(), event.revision()), (EventType::Bookmark, now));
    assert_eq!(frame(&event)["object"]["metadata"].get("annotations"), None);
    let event = watch.next().await.unwrap().unwrap();
    assert_eq!(event.kind(), EventType::Bookmark);
    tokio::time::resume();
    let last = fixture.put("quiet/a", json!({"/status": {"phase": "x"}})).await;
    assert_eq!(next(&mut watch).await.revision(), last);
}

/// Every revision of pods after `start` up to `end`, as the store's log has them.
async fn log(store: &dyn Store, start: Revision, end: Revision) -> Vec<Revision> {
    let mut watch = store.watch(PODS, start).await.unwrap();
    let mut revisions = Vec::new();
    loop {
        let batch = watch.next().await.unwrap().unwrap();
        revisions.extend(batch.events.iter().map(|event| event.kv.mod_revision));
        if batch.revision >= end {
            return revisions;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_watch_has_a_gap_or_a_duplicate_however_slow_it_is() {
    let fixture = Fixture::new().await;
    let start = fixture.consistent().await;
    let watch = |filter| fixture.watch_pods(filter, Start::After(start));
    // One reads all the time, one after more than its queue holds, one after more than the history holds.
    let (mut quick, mut slow, mut slowest) =
        (watch(WatchFilter::default()), watch(WatchFilter::default()), watch(WatchFilter::default()));
    fixture.put("default/first", json!({})).await;
    next(&mut slow).await;
    next(&mut slowest).await;
    let write = |round: usize, size: usize| {
        let fixture = &fixture;
        async move {
            let writers = (0..8).map(|writer| async move {
                for number in 0..round {
                    let name = format!("default/{writer}-{}", number % 5);
                    let text = "x".repeat(size);
                    fixture
                        .put(&name, json!({"/metadata/labels": {"n": number.to_string()}, "/status": {"m": text}}))
                        .await;
                }
            });
            futures::future::join_all(writers).await;
        }
    };
    write(100, 10).await;
    let middle = fixture.consistent().await;
    let mut seen_slow = until(&mut slow, middle).await;
    // 16 MB in all: more than the history of a resource.
    write(100, 20_000).await;
    let end = fixture.put("default/last", json!({})).await;
    let expected = log(&*fixture.store, start, end).await;
    assert_eq!(expected.len(), 1602);
    let seen_quick = until(&mut quick, end).await;
    seen_slow.extend(until(&mut slow, end).await);
    let seen_slowest = until(&mut slowest, end).await;
    let revisions = |events: &[WatchEvent]| events.iter().map(WatchEvent::revision).collect::<Vec<_>>();
    assert_eq!(revisions(&seen_quick), expected);
    assert_eq!(revisions(&seen_slow), expected[1..]);
    assert_eq!(revisions(&seen_slowest), expected[1..]);
    // A late one gets all from the store's log, and says the same.
    let late = until(&mut watch(WatchFilter::default()), end).await;
    assert_eq!(told(&late), told(&seen_quick));
    let frames = |events: &[WatchEvent]| events.iter().map(WatchEvent::frame).collect::<Vec<_>>();
    assert!(frames(&late) == frames(&seen_quick));
    // Caught up, it follows live.
    let more = fixture.put("default/more", json!({})).await;
    assert_eq!(next(&mut slowest).await.revision(), more);
}

#[tokio::test]
async fn after_a_restart_a_watch_resumes_where_it_was() {
    let fixture = Fixture::new().await;
    let first = fixture.put("default/a", json!({})).await;
    let second = fixture.put("default/b", json!({})).await;
    let third = fixture.delete("default/a").await;
    let fixture = fixture.restart().await;
    assert_eq!(fixture.cacher.revision(), third);
    assert_eq!(fixture.pods().snapshot().iter().map(|entry| entry.name()).collect::<Vec<_>>(), ["b"]);
    let mut watch = fixture.watch_pods(WatchFilter::default(), Start::After(first));
    let fourth = fixture.put("default/c", json!({})).await;
    let expected = [
        (EventType::Added, "b".to_owned(), second.0),
        (EventType::Deleted, "a".to_owned(), third.0),
        (EventType::Added, "c".to_owned(), fourth.0),
    ];
    assert_eq!(told(&take(&mut watch, 3).await), expected);
}

#[tokio::test]
async fn a_revision_that_is_gone_is_expired() {
    let fixture = Fixture::new().await;
    let first = fixture.put("default/a", json!({})).await;
    let last = fixture.put("default/b", json!({})).await;
    fixture.store.compact(last).await.unwrap();
    let fixture = fixture.restart().await;
    let mut watch = fixture.watch_pods(WatchFilter::default(), Start::After(first));
    let error = ended(&mut watch).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Expired { requested, oldest } if requested == first && oldest == last), "{error}");
    assert!(ended(&mut watch).await.is_none());
}

#[tokio::test]
async fn resources_come_and_go_at_run_time() {
    let fixture = Fixture::new().await;
    let key = |name: &str| format!("/registry/widgets.example.com/default/{name}");
    let widget = |name: &str| json!({"apiVersion": "v1", "kind": "Widget", "metadata": {"name": name}});
    let before = put(&*fixture.store, &key("a"), widget("a")).await;
    assert!(fixture.cacher.resource("/registry/widgets.example.com/").is_none());
    let add = || fixture.cacher.add(spec("/registry/widgets.example.com/", "Widget"));
    let widgets = add().await.unwrap();
    assert_eq!(widgets.get("default", "a").unwrap().revision, before);
    let mut watch = widgets.watch(WatchFilter::default(), WatchOptions::after(before));
    let after = put(&*fixture.store, &key("b"), widget("b")).await;
    assert_eq!(next(&mut watch).await.revision(), after);
    assert!(Arc::ptr_eq(&widgets, &add().await.unwrap()));
    fixture.cacher.remove("/registry/widgets.example.com/").await.unwrap();
    assert!(ended(&mut watch).await.is_none());
    assert!(fixture.cacher.resource("/registry/widgets.example.com/").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_added_while_its_objects_change_misses_nothing() {
    let fixture = Fixture::new().await;
    let prefix = "/registry/widgets.example.com/";
    let stop = AtomicBool::new(false);
    let write = async {
        let mut last = Revision(0);
        let mut number = 0;
        while !stop.load(Ordering::SeqCst) {
            last = put(&*fixture.store, &format!("{prefix}{}", number % 7), json!({"metadata": {}})).await;
            number += 1;
        }
        last
    };
    let add_and_remove = async {
        for _ in 0..20 {
            fixture.cacher.add(spec(prefix, "Widget")).await.unwrap();
            fixture.cacher.remove(prefix).await.unwrap();
        }
        let cache = fixture.cacher.add(spec(prefix, "Widget")).await.unwrap();
        stop.store(true, Ordering::SeqCst);
        cache
    };
    let (last, widgets) = tokio::join!(write, add_and_remove);
    fixture.cacher.wait_until(last, Instant::now() + DEADLINE).await.unwrap();
    let stored = fixture.store.list(ListOptions { prefix: prefix.into(), ..ListOptions::default() }).await.unwrap();
    let cached: Vec<_> = widgets.snapshot().iter().map(|entry| (entry.key.clone(), entry.revision)).collect();
    let stored: Vec<_> = stored.items.into_iter().map(|kv| (kv.key, kv.mod_revision)).collect();
    assert_eq!(cached, stored);
}

/// The real store, whose watches can be cut.
struct Cut {
    inner: Arc<dyn Store>,
    cut: Arc<Notify>,
    /// While set, no new watch begins.
    away: Arc<AtomicBool>,
    refused: Arc<Notify>,
}

#[async_trait]
impl Store for Cut {
    async fn get(&self, key: &str) -> corvette_store::Result<(Option<KeyValue>, Revision)> {
        self.inner.get(key).await
    }

    async fn list(&self, options: ListOptions) -> corvette_store::Result<Page> {
        self.inner.list(options).await
    }

    async fn txn(&self, key: &str, expect: Expect, change: Change) -> corvette_store::Result<TxnOutcome> {
        self.inner.txn(key, expect, change).await
    }

    async fn watch(&self, prefix: &str, after: Revision) -> corvette_store::Result<StoreWatch> {
        if self.away.load(Ordering::SeqCst) {
            self.refused.notify_one();
            return Err(corvette_store::Error::Timeout { operation: "watch" });
        }
        let watch = self.inner.watch(prefix, after).await?;
        let (progress, cut) = (watch.progress(), self.cut.clone());
        let stream = watch.take_until(async move { cut.notified().await });
        let lost = futures::stream::once(async { Err(corvette_store::Error::Timeout { operation: "watch" }) });
        Ok(StoreWatch::new(stream.chain(lost).boxed(), progress))
    }

    async fn compact(&self, through: Revision) -> corvette_store::Result<()> {
        self.inner.compact(through).await
    }

    async fn current_revision(&self) -> corvette_store::Result<Revision> {
        self.inner.current_revision().await
    }
}

struct Knife {
    cut: Arc<Notify>,
    away: Arc<AtomicBool>,
    refused: Arc<Notify>,
}

async fn with_knife() -> (Fixture, Knife) {
    let knife = Knife { cut: Arc::default(), away: Arc::default(), refused: Arc::default() };
    let (cut, away, refused) = (knife.cut.clone(), knife.away.clone(), knife.refused.clone());
    (Fixture::around(move |inner| Arc::new(Cut { inner, cut, away, refused })).await, knife)
}

#[tokio::test]
async fn a_lost_watch_on_the_store_is_resumed_without_a_gap() {
    let (fixture, knife) = with_knife().await;
    let start = fixture.consistent().await;
    let mut watch = fixture.watch_pods(WatchFilter::default(), Start::After(start));
    let mut expected = Vec::new();
    for round in 0..5 {
        expected.push(fixture.put("default/a", json!({"/status": {"phase": round.to_string()}})).await);
        knife.away.store(true, Ordering::SeqCst);
        knife.cut.notify_one();
        knife.refused.notified().await;
        expected.push(fixture.put("default/b", json!({"/status": {"phase": round.to_string()}})).await);
        knife.away.store(false, Ordering::SeqCst);
    }
    let seen: Vec<_> = take(&mut watch, 10).await.iter().map(WatchEvent::revision).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn when_the_store_forgot_what_came_next_all_is_loaded_anew_and_watches_expire() {
    let (fixture, knife) = with_knife().await;
    let start = fixture.put("default/a", json!({})).await;
    fixture.consistent().await;
    let mut watch = fixture.watch_pods(WatchFilter::default(), Start::After(start));
    fixture.put("default/a", json!({"/status": {"phase": "1"}})).await;
    next(&mut watch).await;
    knife.away.store(true, Ordering::SeqCst);
    knife.cut.notify_one();
    knife.refused.notified().await;
    fixture.put("default/b", json!({})).await;
    let gone = fixture.delete("default/a").await;
    fixture.store.compact(gone).await.unwrap();
    knife.away.store(false, Ordering::SeqCst);
    assert!(matches!(ended(&mut watch).await, Some(Err(Error::Expired { .. }))));
    assert_eq!(fixture.consistent().await, gone);
    assert_eq!(fixture.pods().snapshot().iter().map(|entry| entry.name()).collect::<Vec<_>>(), ["b"]);
    let mut watch = fixture.watch_pods(WatchFilter::default(), Start::After(gone));
    let last = fixture.put("default/c", json!({})).await;
    assert_eq!(next(&mut watch).await.revision(), last);
}

/// A step of the property test, on one of few objects.
#[derive(Debug, Clone)]
enum Step {
    Put {
        name: u8,
        label: u8,
        node: u8,
    },
    Delete {
        name: u8,
    },
    /// Lets the watches read for a while.
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6_u8, 0..3_u8, 0..3_u8).prop_map(|(name, label, node)| Step::Put { name, label, node }),
        2 => (0..6_u8).prop_map(|name| Step::Delete { name }),
        1 => Just(Step::Read),
    ]
}

/// What a client knows that does what it is told.
#[derive(Default)]
struct Client(BTreeMap<Arc<str>, Revision>);

impl Client {
    fn hear(&mut self, event: &WatchEvent) {
        let entry = event.entry().unwrap();
        let known = self.0.get(&entry.key).copied();
        match event.kind() {
            EventType::Added => assert_eq!(known, None, "{event:?}"),
            _ => assert!(known.is_some_and(|known| known < entry.revision), "{event:?}"),
        }
        let object: Value = serde_json::from_slice(&entry.json()).unwrap();
        assert_eq!(object["metadata"]["resourceVersion"], entry.revision.to_string());
        match event.kind() {
            EventType::Deleted => self.0.remove(&entry.key),
            _ => self.0.insert(entry.key.clone(), entry.revision),
        };
    }
}

async fn run_steps(steps: &[Step], initial: usize) {
    let fixture = Fixture::new().await;
    let filters = [
        WatchFilter::default(),
        namespaced("ns0"),
        labelled("l in (0,1)"),
        labelled("l!=1"),
        fielded("spec.nodeName=n1"),
        WatchFilter { namespace: Some("ns1".into()), ..fielded("spec.nodeName!=n1") },
        WatchFilter { name: Some("2".into()), ..namespaced("ns0") },
    ];
    let mut watches = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        if number == initial {
            fixture.consistent().await;
            let start = Start::Initial { bookmark: false };
            let watch =
                |filter: &WatchFilter| (filter.clone(), fixture.watch_pods(filter.clone(), start), Client::default());
            watches = filters.iter().map(watch).collect::<Vec<_>>();
        }
        let path = |name: u8| format!("ns{}/{name}", name % 2);
        match step {
            Step::Put { name, label, node } => {
                let change =
                    json!({"/metadata/labels": {"l": label.to_string()}, "/spec": {"nodeName": format!("n{node}")}});
                fixture.put(&path(*name), change).await;
            }
            Step::Delete { name } => {
                let key = format!("{PODS}{}", path(*name));
                fixture.store.txn(&key, Expect::Any, Change::Delete).await.unwrap();
            }
            Step::Read => {
                for (_, watch, client) in &mut watches {
                    while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, watch.next()).await {
                        client.hear(&event.unwrap());
                    }
                }
            }
        }
    }
    // A last object that all filters see ends the reading.
    fixture.consistent().await;
    let snapshot = fixture.pods().snapshot();
    for (filter, mut watch, mut client) in watches {
        let wanted: BTreeMap<_, _> = snapshot
            .iter()
            .filter(|entry| filter.matches(entry))
            .map(|entry| (entry.key.clone(), entry.revision))
            .collect();
        while client.0 != wanted {
            client.hear(&next(&mut watch).await);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_that_follows_any_watch_knows_what_the_snapshot_says(
        steps in proptest::collection::vec(step(), 1..80),
        initial in 0..40_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(run_steps(&steps, initial));
    }
}
