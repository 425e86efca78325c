//! What a person sees while the cluster starts: one line per step with its time.

use std::io::Write as _;
use std::time::Duration;

use tokio::time::Instant;

/// Prints steps as they end.
pub struct Progress {
    last: Instant,
}

impl Progress {
    /// Starts the clock of the first step.
    pub fn new() -> Self {
        Self { last: Instant::now() }
    }

    /// Ends a step: its name, its time and what came of it.
    pub fn done(&mut self, step: &str, detail: &str) {
        let now = Instant::now();
        say(&format!("{step:<14} {:>8}  {detail}", human(now - self.last)));
        self.last = now;
    }
}

/// Prints a line for people and scripts at once.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody may be reading any more; the cluster runs on all the same.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        tracing::debug!(line, "standard output is closed");
    }
}

fn human(time: Duration) -> String {
    match time.as_millis() {
        0..10_000 => format!("{} ms", time.as_millis()),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}
