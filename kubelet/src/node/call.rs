//! Calls to the API about the node.

use std::time::Duration;

/// Deadline of one call.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A call to the API that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{0}")]
    Api(#[from] kube::Error),
    #[error("timed out waiting for the API server")]
    Timeout,
}

/// Makes a call with a deadline.
///
/// # Errors
/// The call's, or that it took too long.
pub(super) async fn timely<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Error> {
    match tokio::time::timeout(TIMEOUT, call).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Error::Timeout),
    }
}

/// Whether the API answered with this code.
pub(super) fn is_code(error: &Error, code: u16) -> bool {
    matches!(error, Error::Api(kube::Error::Api(status)) if status.code == code)
}
