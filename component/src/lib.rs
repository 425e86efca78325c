//! The shell of a process: time, tasks, helper programs, networks, shutdown, logging, metrics, health, TLS and PKI, back-off.
//!
//! Owns what every component needs and nothing that knows Kubernetes: no API types, no HTTP routes.
//! A component receives [`tasks::Tasks`], spawns everything through it and returns when its token is
//! cancelled; the binary waits for the drain with a deadline.

pub mod backoff;
pub mod clock;
pub mod command;
pub mod files;
pub mod health;
pub mod http;
pub mod logging;
pub mod metrics;
pub mod network;
pub mod pki;
pub mod reload;
pub mod signal;
pub mod signing;
pub mod tasks;
pub mod tls;

pub use tokio_util::sync::CancellationToken;
