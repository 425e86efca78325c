//! How errors read.

use std::fmt;

use corvette_client::kube;
use corvette_client::kube::core::Status;

/// A request that got no answer.
#[derive(Debug)]
pub struct Unreachable {
    /// Host and port of the server.
    pub host: String,
    /// What happened instead.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first: &(dyn std::error::Error + 'static) = self.source.as_ref();
        let causes = || std::iter::successors(Some(first), |error| error.source());
        let refused = |error: &(dyn std::error::Error + 'static)| {
            error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
        };
        if causes().any(refused) {
            let host = &self.host;
            return write!(
                f,
                "The connection to the server {host} was refused - did you specify the right host or port?"
            );
        }
        // The innermost cause says what happened, those around it only where.
        let innermost = causes().last().map(ToString::to_string).unwrap_or_default();
        write!(f, "Unable to connect to the server: {innermost}")
    }
}

impl std::error::Error for Unreachable {}

/// Errors of a command that goes on after the first.
#[derive(Debug, Default)]
pub struct Errors(Vec<anyhow::Error>);

impl Errors {
    /// Adds one.
    pub fn push(&mut self, error: anyhow::Error) {
        self.0.push(error);
    }

    /// One error, worded as one of several.
    pub fn only(error: anyhow::Error) -> anyhow::Error {
        Self(vec![error]).into()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ok when there are none, a single one as it is, else all of them.
    pub fn into_result(mut self) -> anyhow::Result<()> {
        match self.0.len() {
            0 => Ok(()),
            1 => self.0.pop().map_or(Ok(()), Err),
            _ => Err(anyhow::Error::new(self)),
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(one_of_many).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Errors {}

/// The lines kubectl would print: `Error from server (NotFound): …` for an answer of the server, `error: …` for the rest.
pub fn in_kubectls_words(error: &anyhow::Error) -> String {
    if let Some(many) = error.downcast_ref::<Errors>() {
        return many.to_string();
    }
    if let Some(status) = status_of(error) {
        return invalid(status).unwrap_or_else(|| from_server(status, &message(error)));
    }
    let message = message(error);
    // Some messages bring their own beginning.
    let spoken = ["error: ", "Error in configuration: "];
    if is_unreachable(error) || message.contains("\n\nerror: ") || spoken.iter().any(|start| message.starts_with(start))
    {
        return message;
    }
    format!("error: {message}")
}

/// The error and its context, without what kubectl puts in front.
pub fn message(error: &anyhow::Error) -> String {
    let mut parts = Vec::new();
    for cause in error.chain() {
        if let Some(status) = as_status(cause) {
            parts.push(status.message.trim_end().to_owned());
            break;
        }
        parts.push(cause.to_string());
    }
    parts.dedup();
    parts.join(": ")
}

/// The status behind an error.
pub fn status_of(error: &anyhow::Error) -> Option<&Status> {
    error.chain().find_map(as_status)
}

/// Whether the server said that the object is not there.
pub fn is_not_found(error: &anyhow::Error) -> bool {
    status_of(error).is_some_and(|status| status.code == 404)
}

/// Whether there was no answer at all.
pub fn is_unreachable(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<Unreachable>().is_some())
}

fn as_status<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Status> {
    match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) => Some(status),
        _ => None,
    }
}

fn one_of_many(error: &anyhow::Error) -> String {
    status_of(error).map_or_else(|| message(error), |status| from_server(status, &message(error)))
}

fn from_server(status: &Status, message: &str) -> String {
    match status.reason.as_str() {
        "Unauthorized" => format!("error: You must be logged in to the server ({message})"),
        "" | "Unknown" => format!("Error from server: {message}"),
        reason => format!("Error from server ({reason}): {message}"),
    }
}

/// `The Deployment "web" is invalid: …`, one line for each cause when there are several.
fn invalid(status: &Status) -> Option<String> {
    let details = status.details.as_ref().filter(|_| status.reason == "Invalid")?;
    let named = match (details.kind.as_str(), details.name.as_str()) {
        ("", "") => "The request is invalid".to_owned(),
        (kind, name) => format!("The {kind} \"{name}\" is invalid"),
    };
    let mut causes: Vec<String> = Vec::new();
    for cause in &details.causes {
        let line = format!("{}: {}", cause.field, cause.message);
        if !causes.contains(&line) {
            causes.push(line);
        }
    }
    Some(match causes.as_slice() {
        [] => named,
        [only] => format!("{named}: {only}"),
        several => format!("{named}: \n* {}", several.join("\n* ")),
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use corvette_client::kube;
    use serde_json::json;

    use super::{Errors, Unreachable, in_kubectls_words};

    fn answer(status: serde_json::Value) -> anyhow::Error {
        kube::Error::Api(Box::new(serde_json::from_value(status).unwrap())).into()
    }

    fn not_found() -> anyhow::Error {
        answer(json!({ "code": 404, "reason": "NotFound", "message": "pods \"a\" not found" }))
    }

    fn invalid(causes: serde_json::Value) -> anyhow::Error {
        let details = json!({ "name": "w", "group": "apps", "kind": "Deployment", "causes": causes });
        answer(
            json!({ "code": 422, "reason": "Invalid", "message": "Deployment.apps \"w\" is invalid: x", "details": details }),
        )
    }

    #[test]
    fn errors_read_as_kubectls() {
        let one = json!([{ "reason": "FieldValueInvalid", "message": "Invalid value: 1", "field": "spec.a" }]);
        let two = json!([{ "reason": "FieldValueInvalid", "message": "Invalid value: 1", "field": "spec.a" },
            { "reason": "FieldValueRequired", "message": "Required value", "field": "spec.b" }]);
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let unreachable = Unreachable { host: "127.0.0.1:1".to_owned(), source: refused.into() };
        let mut many = Errors::default();
        many.push(not_found());
        many.push(invalid(two.clone()).context("error when creating \"f\""));
        many.push(anyhow::anyhow!("plain"));
        let rows = [
            (not_found(), "Error from server (NotFound): pods \"a\" not found"),
            (
                not_found().context("error when deleting \"f\""),
                "Error from server (NotFound): error when deleting \"f\": pods \"a\" not found",
            ),
            (anyhow::anyhow!("plain"), "error: plain"),
            (anyhow::anyhow!("error: said"), "error: said"),
            (invalid(one).context("error when creating"), "The Deployment \"w\" is invalid: spec.a: Invalid value: 1"),
            (invalid(two), "The Deployment \"w\" is invalid: \n* spec.a: Invalid value: 1\n* spec.b: Required value"),
            (
                unreachable.into(),
                "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?",
            ),
            (
                many.into_result().unwrap_err(),
                "Error from server (NotFound): pods \"a\" not found\n\
                 Error from server (Invalid): error when creating \"f\": Deployment.apps \"w\" is invalid: x\nplain",
            ),
        ];
        for (error, expected) in rows {
            assert_eq!(in_kubectls_words(&error), expected);
        }
        let context: anyhow::Result<()> = Err(anyhow::anyhow!("inner")).context("outer");
        assert_eq!(in_kubectls_words(&context.unwrap_err()), "error: outer: inner");
    }
}
