//! The process's metrics: one registry, filled by statics that each crate keeps in one table.
//!
//! ```
//! use std::sync::LazyLock;
//! use corvette_component::metrics::{self, IntCounterVec};
//! static REQUESTS: LazyLock<IntCounterVec> =
//!     LazyLock::new(|| metrics::counter_vec("doc_requests_total", "Requests.", &["verb"]));
//! REQUESTS.with_label_values(&["get"]).inc();
//! assert!(metrics::encode().contains("doc_requests_total{verb=\"get\"} 1"));
//! ```

use std::sync::LazyLock;

use prometheus::core::Collector;
use prometheus::{Encoder as _, HistogramOpts, Opts, Registry, TextEncoder};
pub use prometheus::{Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

/// Why the constructors cannot fail: names are literals, checked by the first test that touches them.
const VALID: &str = "metric names and labels are valid literals";

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// Upstream's buckets for latencies, 1 ms to 15 s.
pub const LATENCY_BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];

/// Registers `metric` unless one of its name is there already, which is logged.
pub fn register<C: Collector + Clone + 'static>(metric: C) -> C {
    if let Err(error) = REGISTRY.register(Box::new(metric.clone())) {
        tracing::error!(%error, "metric is not registered");
    }
    metric
}

/// Declares a counter.
///
/// # Panics
/// When the name is not a valid metric name.
#[must_use]
pub fn counter(name: &str, help: &str) -> IntCounter {
    register(IntCounter::new(name, help).expect(VALID))
}

/// Declares a counter with labels.
///
/// # Panics
/// When the name or a label is not valid.
#[must_use]
pub fn counter_vec(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    register(IntCounterVec::new(Opts::new(name, help), labels).expect(VALID))
}

/// Declares a gauge of integers.
///
/// # Panics
/// When the name is not a valid metric name.
#[must_use]
pub fn gauge(name: &str, help: &str) -> IntGauge {
    register(IntGauge::new(name, help).expect(VALID))
}

/// Declares a gauge of integers with labels.
///
/// # Panics
/// When the name or a label is not valid.
#[must_use]
pub fn gauge_vec(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    register(IntGaugeVec::new(Opts::new(name, help), labels).expect(VALID))
}

/// Declares a histogram with upper bounds `buckets`.
///
/// # Panics
/// When the name is not valid or the buckets do not grow.
#[must_use]
pub fn histogram(name: &str, help: &str, buckets: &[f64]) -> Histogram {
    register(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())).expect(VALID))
}

/// Declares a histogram with labels and upper bounds `buckets`.
///
/// # Panics
/// When the name or a label is not valid or the buckets do not grow.
#[must_use]
pub fn histogram_vec(name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
    register(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels).expect(VALID))
}

/// Writes all metrics in the Prometheus text format 0.0.4.
#[must_use]
pub fn encode() -> String {
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&REGISTRY.gather(), &mut text) {
        tracing::error!(%error, "metrics do not encode");
    }
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_encoded() {
        counter("test_total", "Test.").inc();
        gauge_vec("test_depth", "Test.", &["name"]).with_label_values(&["q"]).set(3);
        histogram("test_seconds", "Test.", LATENCY_BUCKETS).observe(0.2);
        let text = encode();
        for line in ["test_total 1", "test_depth{name=\"q\"} 3", "test_seconds_bucket{le=\"0.25\"} 1"] {
            assert!(text.contains(line), "{line} not in {text}");
        }
    }
}
