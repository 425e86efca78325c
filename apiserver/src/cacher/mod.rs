//! The watch cache: every object ready to be sent, and every change to whoever watches.
//!
//! One watch of the store feeds all resources, so the cache has one revision, the store's. GET and LIST read an
//! immutable map ([`Snapshot`], O(1) to take); consistent ones first wait until the cache has reached the store's
//! revision ([`Cacher::consistent`]). A change is encoded once, however many watch it, and reaches its watchers by an
//! index (namespace, object, node), not by asking each. A slow watcher blocks nobody: its queue is bounded, when it is
//! full the watcher is detached and catches up from the resource's history, from the store's log, or is told 410.
//!
//! It must not know HTTP, admission or any kind: keys are `<prefix>[<namespace>/]<name>`, objects are JSON with
//! `metadata`, selectable fields come from [`ResourceSpec::extract`].
//!
//! Order within the feed: maps of all resources, then histories and watchers, then the revision. So who sees revision
//! `r` sees everything up to `r`. Lock order: a resource's `live` is the only lock; nothing is locked or awaited under it.

mod cache;
mod encode;
mod entry;
mod error;
mod event;
mod feed;
mod filter;
mod flight;
mod frame;
mod head;
mod history;
mod load;
mod pairs;
mod resource;
mod spec;
mod watch;
mod watchers;

pub use cache::Cacher;
pub use encode::encode_for_store;
pub use entry::Entry;
pub use error::{Error, Result};
pub use event::{Change, EventType, WatchEvent};
pub use filter::WatchFilter;
pub use pairs::Pairs;
pub use resource::{ResourceCache, Snapshot};
pub use spec::{Extract, Fields, ResourceSpec};
pub use watch::{Start, Watch, WatchOptions};
