//! `/healthz`, `/livez`, `/readyz` and their single checks.

use http::{Response, StatusCode};

use super::text;
use crate::{App, body::Body, filters::query::Query};

const PLAIN: &str = "text/plain; charset=utf-8";

/// Tells whether a path (without trailing slash) is about health.
pub fn is_health(path: &str) -> bool {
    split(path).is_some()
}

/// Splits `/readyz/ping` into endpoint and check.
fn split(path: &str) -> Option<(&str, &str)> {
    let (endpoint, check) = path.strip_prefix('/')?.split_once('/').unwrap_or((path.strip_prefix('/')?, ""));
    matches!(endpoint, "healthz" | "livez" | "readyz").then_some((endpoint, check))
}

/// Answers for one path.
pub fn serve(app: &App, path: &str, query: &Query) -> Response<Body> {
    let Some((endpoint, check)) = split(path) else {
        return text(StatusCode::NOT_FOUND, "404 page not found\n", PLAIN);
    };
    if !check.is_empty() {
        return match app.checks.run(check) {
            None => text(StatusCode::NOT_FOUND, "404 page not found\n", PLAIN),
            Some(Ok(())) => text(StatusCode::OK, "ok", PLAIN),
            Some(Err(reason)) => {
                tracing::debug!(check, %reason, "health check failed");
                text(StatusCode::INTERNAL_SERVER_ERROR, "internal server error: not ok\n", PLAIN)
            }
        };
    }
    let exclude: Vec<&str> = query.all("exclude").collect();
    let report = app.checks.report(endpoint, &exclude);
    match (report.healthy, query.get("verbose").is_some()) {
        (true, false) => text(StatusCode::OK, "ok", PLAIN),
        (true, true) => text(StatusCode::OK, report.text, PLAIN),
        (false, _) => text(StatusCode::INTERNAL_SERVER_ERROR, report.text, PLAIN),
    }
}
