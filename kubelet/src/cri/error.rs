//! What can go wrong in a call to the runtime.

use std::fmt;

/// The call, the gRPC code and the runtime's words; shown as gRPC for Go shows a status, which is how upstream's events
/// quote runtimes (`rpc error: code = NotFound desc = …`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// CRI method, for example `PullImage`.
    pub call: &'static str,
    /// The status code.
    pub code: tonic::Code,
    /// The runtime's message, or the transport's when there was no answer.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rpc error: code = {:?} desc = {}", self.code, self.message)
    }
}

/// A failed call, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The sandbox, container or image is not there.
    #[error("{0}")]
    NotFound(Failure),
    /// A sandbox or container of that name and attempt is there already.
    #[error("{0}")]
    AlreadyExists(Failure),
    /// The request itself is wrong; repeating it will not help.
    #[error("{0}")]
    InvalidArgument(Failure),
    /// No answer in time. For `ExecSync` with a timeout: the command ran too long.
    #[error("{0}")]
    DeadlineExceeded(Failure),
    /// The runtime does not answer on its socket; try again later.
    #[error("{0}")]
    Unavailable(Failure),
    /// The runtime is too old for this call.
    #[error("{0}")]
    Unimplemented(Failure),
    /// The runtime tried and could not; retry with backoff.
    #[error("{0}")]
    Failed(Failure),
}

impl Error {
    /// Sorts a gRPC status of the named CRI method.
    pub(super) fn from_status(call: &'static str, status: &tonic::Status) -> Self {
        let failure = Failure { call, code: status.code(), message: message(status) };
        match status.code() {
            tonic::Code::NotFound => Self::NotFound(failure),
            tonic::Code::AlreadyExists => Self::AlreadyExists(failure),
            tonic::Code::InvalidArgument | tonic::Code::FailedPrecondition | tonic::Code::OutOfRange => {
                Self::InvalidArgument(failure)
            }
            tonic::Code::DeadlineExceeded => Self::DeadlineExceeded(failure),
            tonic::Code::Unavailable => Self::Unavailable(failure),
            tonic::Code::Unimplemented => Self::Unimplemented(failure),
            _ => Self::Failed(failure),
        }
    }

    /// An answer that lacks what the protocol promises.
    pub(super) fn incomplete(call: &'static str, what: &str) -> Self {
        let message = format!("the runtime's answer has no {what}");
        Self::Failed(Failure { call, code: tonic::Code::Internal, message })
    }

    /// The details, whatever the variant.
    pub fn failure(&self) -> &Failure {
        match self {
            Self::NotFound(failure)
            | Self::AlreadyExists(failure)
            | Self::InvalidArgument(failure)
            | Self::DeadlineExceeded(failure)
            | Self::Unavailable(failure)
            | Self::Unimplemented(failure)
            | Self::Failed(failure) => failure,
        }
    }

    /// The runtime's own words, without the gRPC frame.
    pub fn message(&self) -> &str {
        &self.failure().message
    }

    /// Whether the thing asked for is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }
}

/// The status' message with the causes below it where the transport failed (tonic's own text is "transport error").
fn message(status: &tonic::Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let words = error.to_string();
        if !words.is_empty() && !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_variants_and_display_quotes_like_upstream() {
        let error = Error::from_status("PullImage", &tonic::Status::not_found("no such image"));
        assert!(error.is_not_found());
        assert_eq!(error.to_string(), "rpc error: code = NotFound desc = no such image");
        assert_eq!(error.message(), "no such image");
        for (status, variant) in [
            (tonic::Status::deadline_exceeded("x"), "DeadlineExceeded"),
            (tonic::Status::unavailable("x"), "Unavailable"),
            (tonic::Status::already_exists("x"), "AlreadyExists"),
            (tonic::Status::failed_precondition("x"), "InvalidArgument"),
            (tonic::Status::unimplemented("x"), "Unimplemented"),
            (tonic::Status::unknown("x"), "Failed"),
        ] {
            assert!(format!("{:?}", Error::from_status("X", &status)).starts_with(variant));
        }
    }
}
