//! How errors read.

use corvette_client::kube;
use corvette_client::kube::core::Status;

/// The line kubectl would print: `Error from server (NotFound): …` for an answer of the server, `error: …` for the rest.
pub fn in_kubectls_words(error: &anyhow::Error) -> String {
    if let Some(status) = error.chain().find_map(status_of) {
        return from_server(status);
    }
    if let Some(kube::Error::HyperError(_) | kube::Error::Service(_)) = error.chain().find_map(|e| e.downcast_ref()) {
        return format!("error: the server cannot be reached: {error:#}");
    }
    format!("error: {error:#}")
}

/// The status behind an error of the client.
pub fn status_of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Status> {
    match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) => Some(status),
        _ => None,
    }
}

/// Whether the server said that the object is not there.
pub fn is_not_found(error: &anyhow::Error) -> bool {
    error.chain().find_map(status_of).is_some_and(|status| status.code == 404)
}

fn from_server(status: &Status) -> String {
    let message = status.message.trim_end();
    match status.reason.as_str() {
        "" | "Unknown" => format!("Error from server: {message}"),
        "Invalid" if status.details.is_some() => message.to_owned(),
        reason => format!("Error from server ({reason}): {message}"),
    }
}
