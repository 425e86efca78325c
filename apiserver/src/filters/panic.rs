//! A panic in one request is a 500 for that request and nothing else.

use std::{future::Future, panic::AssertUnwindSafe};

use corvette_api::status::{self, Status};
use futures::FutureExt;

/// Runs `work`; a panic becomes an internal error. In builds that abort on panic this never returns one.
///
/// # Errors
/// What the work fails with, or 500.
pub async fn guarded<T>(work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let text = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            tracing::error!(panic = %text, "request panicked");
            Err(status::internal("This request caused apiserver to panic. Look in the logs for details."))
        }
    }
}
