//! Waiting pods: order, back-off, and the events that end a wait.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use corvette_scheduler::model::PodInfo;
use corvette_scheduler::plugins::ClusterEvent;
use corvette_scheduler::queue::{Queue, Timing};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn queue() -> Queue {
    Queue::new(Timing { initial_backoff: SECOND, max_backoff: SECOND * 10, flush: SECOND * 300 })
}

fn pod(name: &str, priority: i32, created: &str) -> PodInfo {
    let value = json!({
        "metadata": { "namespace": "default", "name": name, "uid": name, "creationTimestamp": created },
        "spec": { "priority": priority, "containers": [{ "name": "c" }] }
    });
    PodInfo::from_api(&serde_json::from_value::<Pod>(value).unwrap()).unwrap()
}

fn early(name: &str) -> PodInfo {
    pod(name, 0, "2026-01-01T00:00:00Z")
}

#[test]
fn higher_priority_goes_first_then_the_older_pod() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.apply(pod("late", 0, "2026-01-02T00:00:00Z"), now);
    queue.apply(early("early"), now);
    queue.apply(pod("urgent", 5, "2026-01-03T00:00:00Z"), now);
    let order: Vec<String> = std::iter::from_fn(|| queue.pop(now)).map(|a| a.pod.key.name.to_string()).collect();
    assert_eq!(order, ["urgent", "early", "late"]);
}

#[test]
fn an_event_a_rejecting_plugin_cares_about_ends_the_wait_after_the_backoff() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.apply(early("p"), now);
    let attempt = queue.pop(now).unwrap();
    queue.put_back(attempt, BTreeSet::from(["NodeAffinity"]), now);
    queue.notice(ClusterEvent::PodGone, now);
    assert!(queue.pop(now + SECOND * 20).is_none(), "a pod that went away does not change labels");
    queue.notice(ClusterEvent::Node, now);
    assert!(queue.pop(now + SECOND / 2).is_none());
    assert!(queue.pop(now + SECOND).is_some());
}

#[test]
fn backoff_doubles_up_to_its_bound() {
    let (mut queue, mut now) = (queue(), Instant::now());
    queue.apply(early("p"), now);
    for expected in [1, 2, 4, 8, 10, 10] {
        let attempt = queue.pop(now).unwrap();
        queue.put_back(attempt, BTreeSet::new(), now);
        assert_eq!(queue.next_due(), Some(now + SECOND * expected));
        now += SECOND * expected;
    }
}

#[test]
fn an_event_during_the_try_is_not_lost() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.apply(early("p"), now);
    let attempt = queue.pop(now).unwrap();
    queue.notice(ClusterEvent::Node, now);
    queue.put_back(attempt, BTreeSet::from(["NodeResourcesFit"]), now);
    assert_eq!(queue.depth().backoff, 1);
}

#[test]
fn the_same_facts_again_do_not_end_a_wait_but_new_ones_do() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.apply(early("p"), now);
    let attempt = queue.pop(now).unwrap();
    queue.put_back(attempt, BTreeSet::from(["NodeResourcesFit"]), now);
    queue.apply(early("p"), now);
    assert!(queue.pop(now).is_none());
    queue.apply(pod("p", 3, "2026-01-01T00:00:00Z"), now);
    assert!(queue.pop(now).is_some());
}

#[test]
fn a_gated_pod_is_not_tried_until_the_gate_is_gone() {
    let (mut queue, now) = (queue(), Instant::now());
    let mut gated = early("p");
    gated.gates.push("quota".to_owned());
    queue.apply(gated, now);
    assert_eq!((queue.pop(now).is_none(), queue.depth().gated), (true, 1));
    queue.apply(early("p"), now);
    assert!(queue.pop(now).is_some());
}

#[test]
fn nothing_waits_longer_than_the_flush() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.apply(early("p"), now);
    let attempt = queue.pop(now).unwrap();
    queue.put_back(attempt, BTreeSet::from(["NodeAffinity"]), now);
    assert_eq!(queue.next_due(), Some(now + SECOND * 300));
    assert!(queue.pop(now + SECOND * 299).is_none());
    assert!(queue.pop(now + SECOND * 300).is_some());
}

#[test]
fn an_event_after_the_backoff_ends_the_wait_at_once() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.apply(early("p"), now);
    let attempt = queue.pop(now).unwrap();
    queue.put_back(attempt, BTreeSet::from(["InterPodAffinity"]), now);
    queue.notice(ClusterEvent::Volume, now + SECOND * 2);
    assert!(queue.pop(now + SECOND * 2).is_none(), "a volume brings no pod nearer");
    queue.notice(ClusterEvent::PodPlaced, now + SECOND * 2);
    assert!(queue.pop(now + SECOND * 2).is_some());
}
