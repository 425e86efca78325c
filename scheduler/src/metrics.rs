//! The scheduler's metrics, with upstream's names (`pkg/scheduler/metrics/metrics.go`).

use std::sync::LazyLock;

use corvette_component::metrics::{self, Histogram, HistogramVec, IntCounterVec, IntGaugeVec, LATENCY_BUCKETS};

/// Tries by result: `scheduled`, `unschedulable` or `error`.
pub static ATTEMPTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Number of attempts to schedule pods, by the result.";
    metrics::counter_vec("scheduler_schedule_attempts_total", help, &["result"])
});

/// Seconds from taking a pod from the queue to its binding, by result.
pub static ATTEMPT_SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let help = "Scheduling attempt latency in seconds (scheduling algorithm + binding).";
    metrics::histogram_vec("scheduler_scheduling_attempt_duration_seconds", help, &["result"], LATENCY_BUCKETS)
});

/// Seconds of the decision alone.
pub static ALGORITHM_SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    let buckets = &[0.000_01, 0.000_1, 0.001, 0.01, 0.1, 1.0];
    metrics::histogram(
        "scheduler_scheduling_algorithm_duration_seconds",
        "Scheduling algorithm latency in seconds.",
        buckets,
    )
});

/// Waiting pods by queue.
pub static PENDING: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    metrics::gauge_vec("scheduler_pending_pods", "Number of pending pods, by the queue type.", &["queue"])
});
