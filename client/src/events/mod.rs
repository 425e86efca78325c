//! The event recorder: core/v1 Events, aggregated, filtered and sent in the background.
//!
//! Follows client-go/tools/record @ v1.36. Recording never waits: the queue is bounded, and when it is full the oldest
//! event is dropped and counted. Repeated events raise a count instead of making new objects.

mod correlate;
mod recorder;

pub use recorder::{EventType, Recorder};
