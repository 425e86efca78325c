//! The events about an object.

use jiff::Timestamp;
use serde_json::Value;

use super::related::{Need, Related};
use super::text::{Text, line, since};
use crate::request::with_query;
use crate::value::{int, text};

/// Key of events among related objects.
pub const EVENTS: &str = "events";
/// Key of further events: the kubelet writes those of nodes under their name instead of their uid.
const MORE: &str = "more events";
/// Marks the pods the kubelet made from files; its events are under another uid.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Whether a kind's description ends with its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// It does.
    Shown,
    /// It does not.
    Hidden,
}

/// The requests for the events about an object.
pub fn needs(object: &Value) -> Vec<Need> {
    let namespace = text(object, "/metadata/namespace");
    let path = match namespace {
        "" => "/api/v1/events".to_owned(),
        _ => format!("/api/v1/namespaces/{namespace}/events"),
    };
    let kind = text(object, "/kind");
    let query = |uid: &str| {
        let mut selector =
            format!("involvedObject.name={},involvedObject.namespace={namespace}", text(object, "/metadata/name"));
        // Events about parts of a pod are about the pod.
        if kind != "Pod" {
            selector.push_str(&format!(",involvedObject.kind={kind}"));
        }
        selector.push_str(&format!(",involvedObject.uid={uid}"));
        with_query(&path, &[("fieldSelector", &selector)])
    };
    let uid = corvette_api::meta::annotation(object, MIRROR).filter(|_| kind == "Pod");
    let mut needs = vec![Need::new(EVENTS, query(uid.unwrap_or(text(object, "/metadata/uid"))))];
    if kind == "Node" {
        needs.push(Need::new(MORE, query(text(object, "/metadata/name"))));
    }
    needs
}

/// Writes the events, in order of time. Nothing when the server did not give them.
pub fn write(out: &mut Text, related: &Related) {
    let Ok(events) = related.items(EVENTS) else { return };
    let mut events: Vec<&Value> = events.iter().chain(related.items(MORE).unwrap_or_default()).collect();
    if events.is_empty() {
        line!(out, 0, "Events:\t<none>");
        return;
    }
    events.sort_by_key(|event| text(event, "/lastTimestamp").parse::<Timestamp>().ok());
    line!(out, 0, "Events:");
    line!(out, 1, "Type\tReason\tAge\tFrom\tMessage");
    line!(out, 1, "----\t------\t----\t----\t-------");
    for event in events {
        let component = text(event, "/source/component");
        let from = if component.is_empty() { text(event, "/reportingComponent") } else { component };
        line!(
            out,
            1,
            "{}\t{}\t{}\t{from}\t{}",
            text(event, "/type"),
            text(event, "/reason"),
            age(event, related.now),
            text(event, "/message").trim()
        );
    }
}

/// `5s`, or `5s (x3 over 2m)`.
fn age(event: &Value, now: Timestamp) -> String {
    let first = if text(event, "/eventTime").is_empty() { "/firstTimestamp" } else { "/eventTime" };
    let first = since(event, first, now);
    if !event.get("series").is_none_or(Value::is_null) {
        let last = since(event, "/series/lastObservedTime", now);
        return format!("{last} (x{} over {first})", int(event, "/series/count"));
    }
    match int(event, "/count") {
        count @ 2.. => format!("{} (x{count} over {first})", since(event, "/lastTimestamp", now)),
        _ => first,
    }
}
