//! Audit: one structured line for every request, at debug level.

use std::time::Duration;

use super::request_info::RequestInfo;
use crate::{UserInfo, metrics};

/// Records a finished request in the log and in the metrics. `elapsed` ends when the response head is ready.
pub fn record(info: &RequestInfo, user: Option<&UserInfo>, code: u16, elapsed: Duration) {
    tracing::debug!(
        target: "corvette_apiserver::audit",
        verb = info.verb.as_str(),
        method = %info.method,
        path = %info.path,
        user = user.map(|u| u.name.as_str()).unwrap_or_default(),
        code,
        micros = elapsed.as_micros(),
        "request"
    );
    let verb = if info.is_resource { info.verb.as_str().to_ascii_uppercase() } else { info.method.as_str().to_owned() };
    let dry_run = info.query.text("dryRun");
    let code = code.to_string();
    let labels = [verb.as_str(), &info.group, &info.version, &info.resource, &info.subresource, info.scope()];
    metrics::REQUESTS
        .with_label_values(&[
            labels[0],
            labels[1],
            labels[2],
            labels[3],
            labels[4],
            labels[5],
            dry_run,
            &code,
            "apiserver",
        ])
        .inc();
    if !info.is_long_running() {
        metrics::DURATION
            .with_label_values(&[
                labels[0],
                labels[1],
                labels[2],
                labels[3],
                labels[4],
                labels[5],
                dry_run,
                "apiserver",
            ])
            .observe(elapsed.as_secs_f64());
    }
}
