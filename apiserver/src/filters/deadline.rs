//! Deadline of requests that are not long-running.

use std::{future::Future, time::Duration};

use corvette_api::status::{self, Status};

use super::request_info::RequestInfo;

/// Upstream's `--request-timeout`.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs `work` within the deadline of the request: its `timeout` option, at most [`REQUEST_TIMEOUT`]. Long-running
/// requests have none. Dropping the work at the deadline is safe: a store transaction in flight either happened or did not.
///
/// # Errors
/// What the work fails with, or 504 at the deadline.
pub async fn within<T>(info: &RequestInfo, work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    if info.is_long_running() {
        return work.await;
    }
    let limit =
        info.query.duration("timeout").filter(|asked| !asked.is_zero()).unwrap_or(REQUEST_TIMEOUT).min(REQUEST_TIMEOUT);
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(status::timeout("request did not complete within the allotted timeout", 0)),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_too_long_is_a_504() {
        let info = RequestInfo::parse(&Method::GET, &"/api/v1/pods?timeout=5s".parse().unwrap());
        let started = tokio::time::Instant::now();
        let status = within::<()>(&info, std::future::pending()).await.unwrap_err();
        assert_eq!((status.code, started.elapsed()), (504, Duration::from_secs(5)));
    }
}
