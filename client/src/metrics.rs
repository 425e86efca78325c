//! The crate's metrics, under upstream's names.

use std::sync::LazyLock;

use corvette_component::metrics::{
    HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, counter, counter_vec, gauge_vec, histogram_vec,
};

/// Upstream's buckets for queues, 10 ns to 10 s.
const QUEUE_BUCKETS: &[f64] = &[1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0];

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $make:expr;)*) => {
        $($(#[$doc])* pub static $name: LazyLock<$kind> = LazyLock::new(|| $make);)*
    };
}

table! {
    /// Items waiting in a queue.
    WORKQUEUE_DEPTH: IntGaugeVec = gauge_vec("workqueue_depth", "Current depth of workqueue", &["name"]);
    /// Items added to a queue.
    WORKQUEUE_ADDS: IntCounterVec =
        counter_vec("workqueue_adds_total", "Total number of adds handled by workqueue", &["name"]);
    /// Items added with a rate-limited delay.
    WORKQUEUE_RETRIES: IntCounterVec =
        counter_vec("workqueue_retries_total", "Total number of retries handled by workqueue", &["name"]);
    /// Seconds an item waits before it is taken.
    WORKQUEUE_WAIT: HistogramVec = histogram_vec(
        "workqueue_queue_duration_seconds",
        "How long in seconds an item stays in workqueue before being requested.",
        &["name"],
        QUEUE_BUCKETS,
    );
    /// Seconds an item is worked on.
    WORKQUEUE_WORK: HistogramVec = histogram_vec(
        "workqueue_work_duration_seconds",
        "How long in seconds processing an item from workqueue takes.",
        &["name"],
        QUEUE_BUCKETS,
    );
    /// 1 for the leader of an election, 0 for the others.
    LEADER: IntGaugeVec = gauge_vec(
        "leader_election_master_status",
        "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. 'name' is the string used to identify the lease.",
        &["name"],
    );
    /// Events dropped because the recorder's queue was full.
    EVENTS_DROPPED: IntCounter =
        counter("event_recorder_dropped_total", "Events dropped because the recorder's queue was full");
    /// Events suppressed by the spam filter.
    EVENTS_SPAM: IntCounter =
        counter("event_recorder_spam_total", "Events suppressed because their source sends too many about one object");
}
