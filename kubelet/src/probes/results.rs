//! Results of probes, by container id.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Which probe of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Restarts the container when it fails.
    Liveness,
    /// Takes the container out of service when it fails.
    Readiness,
    /// Holds the other two back until it succeeds; restarts the container when it fails.
    Startup,
}

impl Kind {
    /// The word at the start of messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
            Self::Startup => "Startup",
        }
    }
}

/// Settled results (thresholds applied) for one container instance; `None` while there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Liveness.
    pub liveness: Option<bool>,
    /// Readiness.
    pub readiness: Option<bool>,
    /// Startup.
    pub startup: Option<bool>,
}

impl Verdict {
    /// The result of one probe.
    pub fn get(self, kind: Kind) -> Option<bool> {
        match kind {
            Kind::Liveness => self.liveness,
            Kind::Readiness => self.readiness,
            Kind::Startup => self.startup,
        }
    }

    fn slot(&mut self, kind: Kind) -> &mut Option<bool> {
        match kind {
            Kind::Liveness => &mut self.liveness,
            Kind::Readiness => &mut self.readiness,
            Kind::Startup => &mut self.startup,
        }
    }
}

/// Verdicts of a pod, by container id.
pub type Verdicts = HashMap<String, Verdict>;

/// Verdicts of one pod, shared by its probe tasks and its worker.
#[derive(Debug, Clone, Default)]
pub struct Results(Arc<Mutex<Verdicts>>);

impl Results {
    /// Notes a result; returns whether it is news.
    pub fn set(&self, container: &str, kind: Kind, success: bool) -> bool {
        let mut all = self.0.lock();
        let slot = all.entry(container.to_owned()).or_default().slot(kind);
        let news = *slot != Some(success);
        *slot = Some(success);
        news
    }

    /// Forgets containers that are not in `keep`.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.0.lock().retain(|id, _| keep(id));
    }

    /// One container's verdict.
    pub fn get(&self, container: &str) -> Verdict {
        self.0.lock().get(container).copied().unwrap_or_default()
    }

    /// A copy of all verdicts.
    pub fn snapshot(&self) -> Verdicts {
        self.0.lock().clone()
    }
}
