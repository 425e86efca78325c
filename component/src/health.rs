//! Named health checks behind `/healthz`, `/livez` and `/readyz`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// An ordered list of checks. Clones share it.
#[derive(Clone, Default)]
pub struct Checks(Arc<RwLock<Vec<Named>>>);

#[derive(Clone)]
struct Named {
    name: Arc<str>,
    check: Check,
}

/// A check that fails until it is opened.
#[derive(Debug, Clone)]
pub struct Gate(Arc<AtomicBool>);

/// The outcome of all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether every check that was not excluded passed.
    pub healthy: bool,
    /// One line per check and a verdict, as upstream words them.
    pub text: String,
}

impl Checks {
    /// Makes a list with the check `ping`, which always passes.
    #[must_use]
    pub fn new() -> Self {
        let checks = Self::default();
        checks.add("ping", || Ok(()));
        checks
    }

    /// Adds a check, which must be quick and must not block; its error is the reason, shown only in the log.
    pub fn add(&self, name: &str, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.0.write().push(Named { name: name.into(), check: Arc::new(check) });
    }

    /// Adds a check that fails until the returned gate is opened.
    #[must_use]
    pub fn gate(&self, name: &str) -> Gate {
        let gate = Gate(Arc::default());
        let open = gate.0.clone();
        self.add(name, move || if open.load(Ordering::Acquire) { Ok(()) } else { Err("not finished".to_owned()) });
        gate
    }

    /// Runs the checks for the endpoint `endpoint` (such as `readyz`), leaving out those named in `exclude`.
    #[must_use]
    pub fn report(&self, endpoint: &str, exclude: &[&str]) -> Report {
        let checks = self.0.read().clone();
        let (mut healthy, mut text) = (true, String::new());
        for Named { name, check } in &checks {
            let line = if exclude.contains(&&**name) {
                writeln!(text, "[+]{name} excluded: ok")
            } else if let Err(reason) = check() {
                tracing::debug!(endpoint, check = %name, %reason, "health check failed");
                healthy = false;
                writeln!(text, "[-]{name} failed: reason withheld")
            } else {
                writeln!(text, "[+]{name} ok")
            };
            line.expect("writing to a string cannot fail");
        }
        text.push_str(endpoint);
        text.push_str(if healthy { " check passed\n" } else { " check failed\n" });
        Report { healthy, text }
    }

    /// Runs the single check `name`, or returns `None` when there is none of that name.
    #[must_use]
    pub fn run(&self, name: &str) -> Option<Result<(), String>> {
        let check = self.0.read().iter().find(|named| *named.name == *name)?.check.clone();
        Some(check())
    }
}

/// Splits `/readyz/ping` into endpoint and check (empty for all of them); `None` when the path is not about health.
#[must_use]
pub fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    let (endpoint, check) = path.split_once('/').unwrap_or((path, ""));
    matches!(endpoint, "healthz" | "livez" | "readyz").then_some((endpoint, check))
}

/// The answer to a request about health: status code and text.
pub type Answer = (http::StatusCode, String);

impl Checks {
    /// Answers a request for `path` as upstream does (`staging/src/k8s.io/apiserver/pkg/server/healthz/healthz.go @ v1.36`).
    #[must_use]
    pub fn answer(&self, path: &str, verbose: bool, exclude: &[&str]) -> Answer {
        let not_found = || (http::StatusCode::NOT_FOUND, "404 page not found\n".to_owned());
        let Some((endpoint, check)) = split(path) else { return not_found() };
        if !check.is_empty() {
            return match self.run(check) {
                None => not_found(),
                Some(Ok(())) => (http::StatusCode::OK, "ok".to_owned()),
                Some(Err(reason)) => {
                    tracing::debug!(check, %reason, "health check failed");
                    (http::StatusCode::INTERNAL_SERVER_ERROR, "internal server error: not ok\n".to_owned())
                }
            };
        }
        match self.report(endpoint, exclude) {
            Report { healthy: true, .. } if !verbose => (http::StatusCode::OK, "ok".to_owned()),
            Report { healthy: true, text } => (http::StatusCode::OK, text),
            Report { text, .. } => (http::StatusCode::INTERNAL_SERVER_ERROR, text),
        }
    }
}

impl Gate {
    /// Lets the check pass from now on.
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_gate_fails_the_report_until_opened_or_excluded() {
        let checks = Checks::new();
        let gate = checks.gate("poststarthook/x");
        let report = checks.report("readyz", &[]);
        assert_eq!(report.text, "[+]ping ok\n[-]poststarthook/x failed: reason withheld\nreadyz check failed\n");
        assert!(!report.healthy);
        assert!(checks.report("readyz", &["poststarthook/x"]).healthy);
        gate.open();
        assert!(checks.report("readyz", &[]).healthy);
        assert_eq!(checks.run("ping"), Some(Ok(())));
        assert_eq!(checks.run("none"), None);
    }
}
