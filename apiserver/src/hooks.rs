//! What a few resources do beside being stored: reserve addresses, hold deletion, expire.
//!
//! A strategy is a pure function of values; a hook may look at other objects. [`find`] is the table, one row for each
//! resource that needs one.

use std::{any::Any, sync::Arc, time::Duration};

use async_trait::async_trait;
use corvette_api::{meta, status::Status};
use serde_json::Value;

use crate::{App, registry::Storage, services};

/// Lifetime of events (upstream's `--event-ttl`).
const EVENT_TTL: Duration = Duration::from_secs(3600);

/// Something taken for a write under way. Dropped when the write is visible or has failed.
#[derive(Default)]
pub struct Reservation {
    _guard: Option<Box<dyn Any + Send>>,
}

impl Reservation {
    /// Holds `guard`, whose drop ends the reservation.
    pub fn new(guard: impl Any + Send) -> Self {
        Self { _guard: Some(Box::new(guard)) }
    }
}

/// What a resource does beside being stored.
#[async_trait]
pub trait Hooks: Send + Sync + 'static {
    /// Completes a new object after validation of metadata and before that of the kind.
    ///
    /// # Errors
    /// The status the client sees.
    async fn begin_create(&self, _app: &Arc<App>, _object: &mut Value) -> Result<Reservation, Status> {
        Ok(Reservation::default())
    }

    /// Completes a changed object.
    ///
    /// # Errors
    /// The status the client sees.
    async fn begin_update(&self, _app: &Arc<App>, _new: &mut Value, _old: &Value) -> Result<Reservation, Status> {
        Ok(Reservation::default())
    }

    /// Lifetime of a stored object after its last write.
    fn ttl(&self) -> Option<Duration> {
        None
    }

    /// Whether something beside `metadata.finalizers` keeps a deleted object.
    fn holds(&self, _object: &Value) -> bool {
        false
    }

    /// Marks an object whose deletion has begun.
    fn mark_deleted(&self, _object: &mut Value) {}

    /// Whether DELETE answers with the object instead of a Status.
    fn answers_deleted_object(&self) -> bool {
        false
    }
}

/// Finds what a resource does; nothing for most.
pub fn find(storage: &Storage) -> &'static dyn Hooks {
    match &*storage.resource {
        "services" => &services::ServiceHooks,
        "namespaces" => &Namespaces,
        "events" => &Events,
        "pods"
        | "serviceaccounts"
        | "podtemplates"
        | "resourcequotas"
        | "persistentvolumes"
        | "persistentvolumeclaims"
        | "csidrivers"
        | "csinodes"
        | "storageclasses"
        | "volumeattachments" => &AnswersObject,
        _ => &Nothing,
    }
}

struct Nothing;

impl Hooks for Nothing {}

struct AnswersObject;

impl Hooks for AnswersObject {
    fn answers_deleted_object(&self) -> bool {
        true
    }
}

struct Events;

impl Hooks for Events {
    fn ttl(&self) -> Option<Duration> {
        Some(EVENT_TTL)
    }
}

/// A namespace stays until `spec.finalizers` is empty, and says so in its phase.
struct Namespaces;

impl Hooks for Namespaces {
    fn holds(&self, object: &Value) -> bool {
        object.pointer("/spec/finalizers").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    }

    fn mark_deleted(&self, object: &mut Value) {
        let status = meta::child_map(meta::as_map(object), "status");
        status.insert("phase".to_owned(), "Terminating".into());
    }
}
