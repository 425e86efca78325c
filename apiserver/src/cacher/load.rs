//! Reading the store: lists of all objects, and batches of changes turned into entries.

use std::collections::HashMap;
use std::sync::Arc;

use corvette_store::{Event, EventKind, KeyValue, ListOptions, Revision, Store};

use super::cache::Routes;
use super::entry::Entry;
use super::error::{Error, Result};
use super::event::{Change, EventType};
use super::resource::{Objects, Prepared, ResourceCache};
use super::spec::ResourceSpec;

/// Objects in one page of a list.
const PAGE: usize = 1000;
/// Work on more bytes than this goes to the blocking pool (about half a millisecond).
const INLINE_BYTES: usize = 32 * 1024;

/// A list of all keys of a prefix as they were at one moment, page by page.
struct Pages<'a> {
    store: &'a Arc<dyn Store>,
    /// What to ask for next; its revision is known after the first page.
    options: Option<ListOptions>,
    revision: Revision,
}

impl<'a> Pages<'a> {
    fn new(store: &'a Arc<dyn Store>, prefix: &str) -> Self {
        let options = ListOptions { prefix: prefix.to_owned(), limit: PAGE, ..ListOptions::default() };
        Self { store, options: Some(options), revision: Revision(0) }
    }

    async fn next(&mut self) -> Result<Option<Vec<KeyValue>>> {
        let Some(options) = self.options.take() else { return Ok(None) };
        let page = self.store.list(options.clone()).await?;
        self.revision = page.revision;
        if page.more {
            let start_after = page.items.last().map(|kv| kv.key.to_string());
            self.options = Some(ListOptions { start_after, revision: Some(page.revision), ..options });
        }
        Ok(Some(page.items))
    }
}

/// Lists the objects of one resource.
pub(super) async fn objects(store: &Arc<dyn Store>, spec: &Arc<ResourceSpec>) -> Result<(Revision, Objects)> {
    let mut objects = Objects::new();
    let mut pages = Pages::new(store, &spec.prefix);
    while let Some(items) = pages.next().await? {
        let spec = spec.clone();
        let entries =
            blocking(move || items.iter().map(|kv| Entry::of(&spec, kv, EventType::Added)).collect::<Vec<_>>()).await?;
        objects.extend(entries.into_iter().map(|entry| (entry.key.clone(), Arc::new(entry))));
    }
    Ok((pages.revision, objects))
}

/// Lists the objects of many resources that have a common prefix; those of others are passed over.
pub(super) async fn all(
    store: &Arc<dyn Store>,
    prefix: &str,
    specs: Arc<HashMap<Arc<str>, Arc<ResourceSpec>>>,
) -> Result<(Revision, HashMap<Arc<str>, Objects>)> {
    let mut all: HashMap<Arc<str>, Objects> = specs.keys().map(|prefix| (prefix.clone(), Objects::new())).collect();
    let mut pages = Pages::new(store, prefix);
    while let Some(items) = pages.next().await? {
        let specs = specs.clone();
        let entries = blocking(move || {
            let entry = |kv: &KeyValue| {
                let spec = find(&specs, &kv.key)?;
                Some((spec.prefix.clone(), Entry::of(spec, kv, EventType::Added)))
            };
            items.iter().filter_map(entry).collect::<Vec<_>>()
        })
        .await?;
        for (prefix, entry) in entries {
            if let Some(objects) = all.get_mut(&prefix) {
                objects.insert(entry.key.clone(), Arc::new(entry));
            }
        }
    }
    Ok((pages.revision, all))
}

/// Finds what a key belongs to: the value under the key's start, up to one of its slashes.
pub(super) fn find<'a, T>(routes: &'a HashMap<Arc<str>, T>, key: &str) -> Option<&'a T> {
    memchr::memchr_iter(b'/', key.as_bytes()).filter_map(|slash| key.get(..=slash)).find_map(|start| routes.get(start))
}

/// Turns events into what the resources' caches take, by resource, in order.
pub(super) async fn prepare(
    routes: &Arc<Routes>,
    events: Vec<Event>,
) -> Result<Vec<(Arc<ResourceCache>, Vec<Prepared>)>> {
    let bytes: usize = events.iter().map(|event| event.kv.value.len()).sum();
    let routes = routes.clone();
    let work = move || {
        let mut batches: Vec<(Arc<ResourceCache>, Vec<Prepared>)> = Vec::new();
        for event in events {
            let Some(resource) = find(&routes, &event.kv.key) else { continue };
            let prepared = Prepared { kind: event.kind, entry: Entry::of(&resource.spec, &event.kv, kind_of(&event)) };
            match batches.iter_mut().find(|(have, _)| Arc::ptr_eq(have, resource)) {
                Some((_, batch)) => batch.push(prepared),
                None => batches.push((resource.clone(), vec![prepared])),
            }
        }
        batches
    };
    if bytes > INLINE_BYTES { blocking(work).await } else { Ok(work()) }
}

/// Turns events of one resource into changes by themselves, without the cache's objects.
pub(super) async fn changes(spec: &Arc<ResourceSpec>, events: Vec<Event>) -> Result<Vec<Change>> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let spec = spec.clone();
    blocking(move || {
        let change = |event: &Event| {
            let entry = Arc::new(Entry::of(&spec, &event.kv, kind_of(event)));
            let previous = event.previous.as_ref().map(|kv| Arc::new(Entry::of(&spec, kv, EventType::Added)));
            Change::new(entry, previous, event.kind == EventKind::Delete)
        };
        events.iter().map(change).collect()
    })
    .await
}

/// Says as what most who watch see an event.
fn kind_of(event: &Event) -> EventType {
    match event.kind {
        EventKind::Delete => EventType::Deleted,
        EventKind::Put if event.is_create => EventType::Added,
        EventKind::Put => EventType::Modified,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    // The only failure is a runtime that shuts down.
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Closed)
}
