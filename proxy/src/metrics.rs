//! The proxy's metrics, with upstream's names (`pkg/proxy/metrics/metrics.go`).

use std::sync::LazyLock;

use corvette_component::metrics::{self, Histogram, IntCounter, LATENCY_BUCKETS};

/// Seconds from the first look at the objects to the rules being in the kernel.
pub(crate) static SYNC_SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    metrics::histogram(
        "kubeproxy_sync_proxy_rules_duration_seconds",
        "SyncProxyRules latency in seconds.",
        LATENCY_BUCKETS,
    )
});

/// Attempts that nft refused.
pub(crate) static FAILURES: LazyLock<IntCounter> = LazyLock::new(|| {
    metrics::counter(
        "kubeproxy_sync_proxy_rules_nftables_sync_failures_total",
        "Cumulative proxy nftables sync failures.",
    )
});
