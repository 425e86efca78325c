//! The recorder's queue and the task that writes Events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use corvette_component::backoff::Backoff;
use corvette_component::clock::{self, SharedClock};
use corvette_component::tasks::Tasks;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;

use super::correlate::{Correlator, Occurrence, Record};
use crate::metrics;

/// Events that wait to be written; when full the oldest is dropped.
const CAPACITY: usize = 1000;

/// Tries to write one event before it is given up, as upstream.
const ATTEMPTS: usize = 12;

/// The deadline of one write.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// How grave an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// As it should be.
    Normal,
    /// Something may need attention.
    Warning,
}

impl EventType {
    /// Returns the value of an Event's `type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Records events about objects on behalf of one component. Clones share the queue and the memory.
#[derive(Clone)]
pub struct Recorder {
    queue: Arc<Queue>,
    clock: SharedClock,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<Occurrence>>,
    added: Notify,
}

/// Writes what the queue holds.
struct Writer {
    client: Client,
    component: String,
    host: Option<String>,
    correlator: Correlator,
}

impl Recorder {
    /// Makes a recorder for `component` (on `host`, for a component that runs on every node) that writes in a task of `tasks`.
    #[must_use]
    pub fn new(client: Client, component: &str, host: Option<&str>, tasks: &Tasks) -> Self {
        let queue = Arc::new(Queue::default());
        let mut writer = Writer {
            client,
            component: component.to_owned(),
            host: host.map(str::to_owned),
            correlator: Correlator::default(),
        };
        let source = queue.clone();
        tasks.spawn_until_cancelled(format!("event recorder {component}"), async move {
            loop {
                let event = source.next().await;
                writer.write(event).await;
            }
        });
        Self { queue, clock: clock::system() }
    }

    /// Records an event about `object`. Returns at once.
    pub fn event(
        &self,
        object: &ObjectReference,
        kind: EventType,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) {
        let event = Occurrence {
            object: object.clone(),
            kind,
            reason: reason.into(),
            message: message.into(),
            at: self.clock.now(),
        };
        self.queue.push(event);
    }
}

impl Queue {
    fn push(&self, event: Occurrence) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= CAPACITY {
            waiting.pop_front();
            metrics::EVENTS_DROPPED.inc();
        }
        waiting.push_back(event);
        drop(waiting);
        self.added.notify_one();
    }

    /// Waits for the oldest event. There is one reader.
    async fn next(&self) -> Occurrence {
        loop {
            if let Some(event) = self.waiting.lock().pop_front() {
                return event;
            }
            self.added.notified().await;
        }
    }
}

impl Writer {
    async fn write(&mut self, event: Occurrence) {
        let Some(record) = self.correlator.observe(&event) else {
            metrics::EVENTS_SPAM.inc();
            return;
        };
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        for _ in 0..ATTEMPTS {
            let sent = tokio::time::timeout(CALL_DEADLINE, self.send(&event, &record)).await;
            match sent {
                Ok(Ok(())) => return,
                // Refused for good: its namespace is going away, or the event is invalid.
                Ok(Err(kube::Error::Api(status))) if status.code < 500 && status.code != 429 => {
                    tracing::debug!(event = %record.name, %status, "event refused");
                    return;
                }
                Ok(Err(error)) => tracing::debug!(event = %record.name, %error, "event not written; trying again"),
                Err(_) => tracing::debug!(event = %record.name, "writing an event timed out; trying again"),
            }
            tokio::time::sleep(backoff.next()).await;
        }
        tracing::warn!(event = %record.name, reason = %event.reason, "event given up");
    }

    async fn send(&self, event: &Occurrence, record: &Record) -> Result<(), kube::Error> {
        let namespace = event.object.namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or("default");
        let api = Api::<Event>::namespaced(self.client.clone(), namespace);
        if record.count > 1 {
            let patch = json!({
                "count": record.count,
                "lastTimestamp": Time(record.last),
                "message": record.message,
            });
            match api.patch(&record.name, &PatchParams::default(), &Patch::Strategic(patch)).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                result => return result.map(drop),
            }
        }
        api.create(&PostParams::default(), &self.object(namespace, event, record)).await.map(drop)
    }

    fn object(&self, namespace: &str, event: &Occurrence, record: &Record) -> Event {
        Event {
            metadata: ObjectMeta {
                name: Some(record.name.clone()),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            involved_object: event.object.clone(),
            type_: Some(event.kind.as_str().to_owned()),
            reason: Some(event.reason.clone()),
            message: Some(record.message.clone()),
            count: Some(record.count),
            first_timestamp: Some(Time(record.first)),
            last_timestamp: Some(Time(record.last)),
            source: Some(EventSource { component: Some(self.component.clone()), host: self.host.clone() }),
            reporting_component: Some(self.component.clone()),
            reporting_instance: Some(self.host.clone().unwrap_or_default()),
            ..Event::default()
        }
    }
}
