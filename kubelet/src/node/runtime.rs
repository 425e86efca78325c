//! What is known of the runtime's health. Pure.
//!
//! A runtime that does not answer for a moment, as while it is started again, is no reason to take the node out of
//! service: its containers go on meanwhile (`pkg/kubelet/runtime.go: runtimeState @ v1.36`).

use std::time::Duration;

use corvette_proto::cri::RuntimeCondition;
use jiff::Timestamp;

use crate::pods::backoff::since;

/// What the runtime last said of itself, and when.
#[derive(Debug, Clone)]
pub struct RuntimeHealth {
    grace: Duration,
    heard: Option<Timestamp>,
    problems: Vec<String>,
}

impl RuntimeHealth {
    /// Nothing is known yet. A runtime that is silent for longer than `grace` is down.
    pub fn new(grace: Duration) -> Self {
        Self { grace, heard: None, problems: Vec::new() }
    }

    /// Notes an answer.
    pub fn heard(&mut self, conditions: &[RuntimeCondition], now: Timestamp) {
        self.heard = Some(now);
        self.problems = conditions.iter().filter(|condition| !condition.status).filter_map(problem).collect();
    }

    /// Why the runtime cannot run pods; empty when it can.
    pub fn problems(&self, now: Timestamp) -> Vec<String> {
        let silent = self.heard.is_none_or(|heard| since(heard, now) > self.grace);
        let down = silent.then(|| "container runtime is down".to_owned());
        down.into_iter().chain(self.problems.iter().cloned()).collect()
    }
}

fn problem(condition: &RuntimeCondition) -> Option<String> {
    let what = match condition.r#type.as_str() {
        "NetworkReady" => "container runtime network not ready: NetworkReady=false",
        "RuntimeReady" => "container runtime not ready: RuntimeReady=false",
        _ => return None,
    };
    Some(format!("{what} reason:{} message:{}", condition.reason, condition.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_a_runtime_that_stays_silent_is_down() {
        let mut health = RuntimeHealth::new(Duration::from_secs(30));
        assert_eq!(health.problems(at(0)), ["container runtime is down"]);
        health.heard(&[], at(10));
        assert_eq!(health.problems(at(40)), Vec::<String>::new());
        assert_eq!(health.problems(at(41)), ["container runtime is down"]);
        let network = RuntimeCondition {
            r#type: "NetworkReady".to_owned(),
            status: false,
            reason: "NetworkPluginNotReady".to_owned(),
            message: "no network".to_owned(),
        };
        health.heard(&[network], at(50));
        let problem = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady \
                       message:no network";
        assert_eq!(health.problems(at(60)), [problem]);
    }
}
