//! Why a reconcile failed, and questions about answers of the API.

use corvette_client::kube;
use corvette_client::kube::core::Status;

/// Why a reconcile failed; every variant is retried with back-off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API refused or could not be reached.
    #[error("{}", api_message(.0))]
    Api(#[from] kube::Error),
    /// The cache lags behind what this process has written.
    #[error("the cache is behind: {0}")]
    Stale(String),
    /// An object cannot be acted upon as it is.
    #[error("{0}")]
    Invalid(String),
    /// It took longer than the runner allows.
    #[error("timed out")]
    Timeout,
}

impl Error {
    /// Says whether it will pass by itself as soon as the caches catch up.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Stale(_) => true,
            Self::Api(error) => is_conflict(error) || is_not_found(error),
            Self::Invalid(_) | Self::Timeout => false,
        }
    }
}

/// Returns the API's own message, or the client's for errors of transport.
#[must_use]
pub fn api_message(error: &kube::Error) -> String {
    status(error).map_or_else(|| error.to_string(), |status| status.message.clone())
}

/// Says whether the object is not there.
#[must_use]
pub fn is_not_found(error: &kube::Error) -> bool {
    is_status(error, 404, "NotFound")
}

/// Says whether the object was changed since it was read.
#[must_use]
pub fn is_conflict(error: &kube::Error) -> bool {
    is_status(error, 409, "Conflict")
}

/// Says whether the API answered with this code and reason.
#[must_use]
pub fn is_status(error: &kube::Error, code: u16, reason: &str) -> bool {
    status(error).is_some_and(|status| status.code == code && status.reason == reason)
}

/// Says whether the API names `cause` among the causes of a failure, such as `NamespaceTerminating`.
#[must_use]
pub fn has_cause(error: &kube::Error, cause: &str) -> bool {
    let details = status(error).and_then(|status| status.details.as_ref());
    details.is_some_and(|details| details.causes.iter().any(|c| c.reason == cause))
}

fn status(error: &kube::Error) -> Option<&Status> {
    match error {
        kube::Error::Api(status) => Some(status),
        _ => None,
    }
}
