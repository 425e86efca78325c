//! `/pods` and `/metrics`.

use http::StatusCode;
use k8s_openapi::List;
use k8s_openapi::api::core::v1::Pod;

use super::reply::{self, Reply};
use super::routes::Call;

/// Lists the pods of this node, as a `PodList`.
pub(super) fn pods(call: &Call) -> Reply {
    let items: Vec<Pod> = call.server.lookup.pods().iter().map(|pod| Pod::clone(pod)).collect();
    reply::json(&List::<Pod> { items, ..Default::default() })
}

/// The process's metrics in Prometheus' text format.
pub(super) fn metrics() -> Reply {
    reply::content(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", corvette_component::metrics::encode())
}
