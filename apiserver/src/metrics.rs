//! The table of this crate's metrics; names are upstream's.

use std::sync::LazyLock;

use corvette_component::metrics::{self, HistogramVec, IntCounterVec, IntGaugeVec};

/// Buckets of request durations, in seconds (upstream's).
const DURATIONS: &[f64] = &[
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0,
    45.0, 60.0,
];

/// Requests answered.
pub static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    metrics::counter_vec(
        "apiserver_request_total",
        "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.",
        &["verb", "group", "version", "resource", "subresource", "scope", "dry_run", "code", "component"],
    )
});

/// Time to the response head of requests that are not long-running, in seconds.
pub static DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    metrics::histogram_vec(
        "apiserver_request_duration_seconds",
        "Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.",
        &["verb", "group", "version", "resource", "subresource", "scope", "dry_run", "component"],
        DURATIONS,
    )
});

/// Requests in flight, by kind (`readOnly`, `mutating`).
pub static IN_FLIGHT: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    metrics::gauge_vec(
        "apiserver_current_inflight_requests",
        "Maximal number of currently used inflight request limit of this apiserver per request kind in last second.",
        &["request_kind"],
    )
});

/// Watches being served.
pub static WATCHES: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    metrics::gauge_vec(
        "apiserver_registered_watchers",
        "Number of currently registered watchers for a given resource.",
        &["group", "version", "kind"],
    )
});
