//! Conditions of the node. Pure. Reasons and messages are upstream's (`pkg/kubelet/nodestatus @ v1.36`).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::NodeCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::eviction::Pressure;

/// What conditions are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What less is left of than pods need to go on.
    pub pressure: Pressure,
    /// Why the node cannot run pods; empty when it can.
    pub problems: Vec<String>,
}

struct Row {
    type_: &'static str,
    truth: bool,
    reason: &'static str,
    message: String,
}

fn pressure(type_: &'static str, on: bool, words: [(&'static str, &'static str); 2]) -> Row {
    let [yes, no] = words;
    let (reason, message) = if on { yes } else { no };
    Row { type_, truth: on, reason, message: message.to_owned() }
}

fn rows(health: &Health) -> [Row; 4] {
    let ready = health.problems.is_empty();
    [
        pressure(
            "MemoryPressure",
            health.pressure.memory,
            [
                ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
                ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            ],
        ),
        pressure(
            "DiskPressure",
            health.pressure.disk,
            [
                ("KubeletHasDiskPressure", "kubelet has disk pressure"),
                ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            ],
        ),
        pressure(
            "PIDPressure",
            health.pressure.pid,
            [
                ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
                ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            ],
        ),
        Row {
            type_: "Ready",
            truth: ready,
            reason: if ready { "KubeletReady" } else { "KubeletNotReady" },
            message: if ready {
                "kubelet is posting ready status".to_owned()
            } else {
                match health.problems.as_slice() {
                    [only] => only.clone(),
                    several => format!("[{}]", several.join(", ")),
                }
            },
        },
    ]
}

/// Makes the node's conditions: the kubelet's own with a fresh heartbeat, and those of others as they are.
pub fn conditions(known: &[NodeCondition], health: &Health, now: Timestamp) -> Vec<NodeCondition> {
    let rows = rows(health);
    let others: Vec<NodeCondition> =
        known.iter().filter(|known| !rows.iter().any(|row| row.type_ == known.type_)).cloned().collect();
    let own = rows.into_iter().map(|row| {
        let status = if row.truth { "True" } else { "False" };
        let old = known.iter().find(|known| known.type_ == row.type_ && known.status == status);
        NodeCondition {
            type_: row.type_.to_owned(),
            status: status.to_owned(),
            reason: Some(row.reason.to_owned()),
            message: Some(row.message),
            last_heartbeat_time: Some(Time(now)),
            last_transition_time: Some(old.and_then(|old| old.last_transition_time.clone()).unwrap_or(Time(now))),
        }
    });
    others.into_iter().chain(own).collect()
}

/// The events that tell how the kubelet's own conditions changed, in upstream's words.
pub fn changes(known: &[NodeCondition], new: &[NodeCondition]) -> Vec<&'static str> {
    let status = |list: &[NodeCondition], type_: &str| {
        list.iter().find(|condition| condition.type_ == type_).map(|condition| condition.status == "True")
    };
    EVENTS
        .into_iter()
        .filter(|(type_, _, _)| status(known, type_) != status(new, type_))
        .map(|(type_, yes, no)| if status(new, type_) == Some(true) { yes } else { no })
        .collect()
}

/// Conditions with the events that tell when they become true and when false.
const EVENTS: [(&str, &str, &str); 4] = [
    ("MemoryPressure", "NodeHasInsufficientMemory", "NodeHasSufficientMemory"),
    ("DiskPressure", "NodeHasDiskPressure", "NodeHasNoDiskPressure"),
    ("PIDPressure", "NodeHasInsufficientPID", "NodeHasSufficientPID"),
    ("Ready", "NodeReady", "NodeNotReady"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn health(problems: &[&str]) -> Health {
        Health {
            pressure: Pressure::default(),
            problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
        }
    }

    #[test]
    fn a_transition_keeps_its_time_while_the_status_stays() {
        let first = conditions(&[], &health(&[]), Timestamp::from_second(100).unwrap());
        let second = conditions(&first, &health(&[]), Timestamp::from_second(200).unwrap());
        let third = conditions(&second, &health(&["container runtime is down"]), Timestamp::from_second(300).unwrap());
        let ready = |conditions: &[NodeCondition]| {
            let ready = conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
            (ready.reason.clone().unwrap(), ready.last_transition_time.as_ref().unwrap().0.as_second())
        };
        assert_eq!(ready(&first), ("KubeletReady".to_owned(), 100));
        assert_eq!(ready(&second), ("KubeletReady".to_owned(), 100));
        assert_eq!(ready(&third), ("KubeletNotReady".to_owned(), 300));
        assert_eq!(second.len(), 4);
    }

    #[test]
    fn events_tell_what_changed_and_nothing_else() {
        let at = Timestamp::UNIX_EPOCH;
        let first = conditions(&[], &health(&["not yet"]), at);
        let told = ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeNotReady"];
        assert_eq!(changes(&[], &first), told);
        let mut full = health(&[]);
        full.pressure.disk = true;
        assert_eq!(changes(&first, &conditions(&first, &full, at)), ["NodeHasDiskPressure", "NodeReady"]);
        assert_eq!(changes(&first, &first), Vec::<&str>::new());
    }

    #[test]
    fn conditions_of_others_stay() {
        let other = NodeCondition { type_: "NetworkUnavailable".into(), status: "False".into(), ..Default::default() };
        let all = conditions(std::slice::from_ref(&other), &health(&[]), Timestamp::UNIX_EPOCH);
        assert_eq!((all.len(), &all[0]), (5, &other));
    }
}
