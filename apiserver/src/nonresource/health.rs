//! `/healthz`, `/livez`, `/readyz` and their single checks.

use corvette_component::health;
use http::Response;

use super::text;
use crate::{App, body::Body, filters::query::Query};

/// Tells whether a path (without trailing slash) is about health.
pub fn is_health(path: &str) -> bool {
    health::split(path).is_some()
}

/// Answers for one path.
pub fn serve(app: &App, path: &str, query: &Query) -> Response<Body> {
    let exclude: Vec<&str> = query.all("exclude").collect();
    let (code, report) = app.checks.answer(path, query.get("verbose").is_some(), &exclude);
    text(code, report, "text/plain; charset=utf-8")
}
