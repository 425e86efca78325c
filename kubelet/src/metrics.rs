//! The crate's metrics, under upstream's names.

use std::sync::LazyLock;

use corvette_component::metrics::{
    Histogram, HistogramVec, IntGauge, IntGaugeVec, gauge, gauge_vec, histogram, histogram_vec,
};

/// Seconds, from a fast call to a slow one.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $make:expr;)*) => {
        $($(#[$doc])* pub static $name: LazyLock<$kind> = LazyLock::new(|| $make);)*
    };
}

table! {
    /// Sandboxes that can take containers.
    RUNNING_PODS: IntGauge = gauge("kubelet_running_pods", "Number of pods that have a running pod sandbox");
    /// Containers by state: created, running, exited, unknown.
    RUNNING_CONTAINERS: IntGaugeVec =
        gauge_vec("kubelet_running_containers", "Number of containers currently running", &["container_state"]);
    /// Seconds that asking the runtime for everything takes.
    RELIST: Histogram = histogram(
        "kubelet_pleg_relist_duration_seconds",
        "Duration in seconds for relisting pods in PLEG.",
        BUCKETS,
    );
    /// Seconds that calls to the runtime take, by call.
    RUNTIME_OPERATIONS: HistogramVec = histogram_vec(
        "kubelet_runtime_operations_duration_seconds",
        "Duration in seconds of runtime operations. Broken down by operation type.",
        &["operation_type"],
        BUCKETS,
    );
    /// Seconds that one sync of a pod takes, by what the pod should do: sync, terminating.
    POD_WORKER: HistogramVec = histogram_vec(
        "kubelet_pod_worker_duration_seconds",
        "Duration in seconds to sync a single pod. Broken down by operation type: sync or terminating",
        &["operation_type"],
        BUCKETS,
    );
}
