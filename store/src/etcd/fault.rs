use std::error::Error as _;

use tonic::Code;

use crate::Error;

/// What etcd's answer means. Its error texts are part of its protocol
/// (etcd api/v3rpc/rpctypes/error.go: the Go client maps them back in the same way); codes alone are ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Compacted,
    Future,
    Full,
    TooLarge,
    LeaseGone,
    /// The answer is larger than we decode: ask for less.
    AnswerTooLarge,
    Timeout,
    Other,
}

pub(super) fn meaning(error: &etcd_client::Error) -> Meaning {
    match error {
        // Not the server's word: the connection broke, or was refused after its handshake.
        etcd_client::Error::GRpcStatus(status) if status.code() == Code::Cancelled && status.source().is_some() => {
            Meaning::Other
        }
        etcd_client::Error::GRpcStatus(status) => of_status(status.code(), status.message()),
        _ => Meaning::Other,
    }
}

fn of_status(code: Code, message: &str) -> Meaning {
    match message {
        "etcdserver: mvcc: required revision has been compacted" => Meaning::Compacted,
        "etcdserver: mvcc: required revision is a future revision" => Meaning::Future,
        "etcdserver: mvcc: database space exceeded" => Meaning::Full,
        "etcdserver: request is too large" => Meaning::TooLarge,
        "etcdserver: requested lease not found" => Meaning::LeaseGone,
        "etcdserver: request timed out"
        | "etcdserver: request timed out, possibly due to previous leader failure"
        | "etcdserver: request timed out, possibly due to connection lost" => Meaning::Timeout,
        _ => match code {
            Code::OutOfRange => Meaning::AnswerTooLarge,
            Code::DeadlineExceeded | Code::Cancelled => Meaning::Timeout,
            _ => Meaning::Other,
        },
    }
}

/// Turns what needs no more knowledge into the crate's error.
pub(super) fn error(error: etcd_client::Error, operation: &'static str, place: &str) -> Error {
    match meaning(&error) {
        Meaning::Timeout => Error::Timeout { operation },
        Meaning::Full => Error::Full { place: place.to_owned() },
        _ => Error::unavailable(format!("etcd at {place}, {operation}"), Reason(reason(&error))),
    }
}

/// What is behind a failed call.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Reason(String);

/// Says why a call failed. When there is no connection, only the last in a chain of causes says more than "transport error":
/// a refused connection, a certificate that is not trusted.
fn reason(error: &etcd_client::Error) -> String {
    let etcd_client::Error::GRpcStatus(status) = error else { return error.to_string() };
    let mut last: Option<&dyn std::error::Error> = None;
    while let Some(next) = last.map_or_else(|| status.source(), |cause| cause.source()) {
        last = Some(next);
    }
    last.map_or_else(|| status.message().to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_meanings_of_one_code_are_told_apart() {
        let of = |message| of_status(Code::OutOfRange, message);
        assert_eq!(of("etcdserver: mvcc: required revision has been compacted"), Meaning::Compacted);
        assert_eq!(of("etcdserver: mvcc: required revision is a future revision"), Meaning::Future);
        assert_eq!(of("decoded message length too large"), Meaning::AnswerTooLarge);
        assert_eq!(of_status(Code::Unavailable, "etcdserver: request timed out"), Meaning::Timeout);
        assert_eq!(of_status(Code::Unavailable, "etcdserver: no leader"), Meaning::Other);
    }
}
