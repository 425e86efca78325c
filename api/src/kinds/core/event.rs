//! Event of the core group and of `events.k8s.io`, which share their storage (`pkg/apis/core/validation/events.go @ v1.36`).

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::values::{int, is_unset, text};
use crate::kinds::printing::since;
use crate::kinds::{Column, DeletePolicy, Strategy};
use crate::{meta, names};

/// The behaviour of Events.
pub struct Event;

/// Names of fields that differ: core first, `events.k8s.io` second.
const RENAMED: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

const COLUMNS: &[Column] = &[
    Column::new("Last Seen", "string", "Time since the event was last observed."),
    Column::new("Type", "string", "Normal or Warning."),
    Column::new("Reason", "string", "Why the event was made, in one word."),
    Column::new("Object", "string", "What the event is about."),
    Column::wide("Subobject", "string", "Part of the object the event is about."),
    Column::wide("Source", "string", "Who reported the event."),
    Column::new("Message", "string", "What happened."),
    Column::wide("First Seen", "string", "Time since the event was first observed."),
    Column::wide("Count", "string", "How often the event was observed."),
    Column { priority: 1, ..Column::NAME },
];

const MAX_NOTE_BYTES: usize = 1024;
const MAX_NAME_BYTES: usize = 128;

impl Strategy for Event {
    fn convert(&self, obj: &mut Value, from: &str, to: &str) {
        let Some(map) = obj.as_object_mut() else { return };
        for (core, events) in RENAMED {
            let (source, target) = if to.starts_with("events.k8s.io/") { (core, events) } else { (events, core) };
            if from != to
                && let Some(value) = map.remove(*source)
            {
                map.insert((*target).to_owned(), value);
            }
        }
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(obj);
        let (about, namespace) = (root.child("involvedObject").child("namespace"), meta::namespace(obj));
        let fits = if about.is_empty() { ["", "default"].contains(&namespace) } else { about.text() == namespace };
        if !fits {
            errs.invalid_value(&about, about.text(), "does not match event.namespace");
        }
        if !is_unset(obj.get("eventTime")) {
            new_style(&root, &mut errs);
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let event_time = text(obj, "/eventTime");
        let first = pick(text(obj, "/firstTimestamp"), event_time);
        let last = pick(text(obj, "/lastTimestamp"), first);
        let (last, count) = match obj.get("series").filter(|s| !s.is_null()) {
            Some(series) => (text(series, "/lastObservedTime"), int(series, "/count").unwrap_or(0)),
            None => (last, int(obj, "/count").filter(|c| *c != 0).unwrap_or(1)),
        };
        vec![
            since(last, now).into(),
            text(obj, "/type").into(),
            text(obj, "/reason").into(),
            target(obj).into(),
            text(obj, "/involvedObject/fieldPath").into(),
            source(obj).into(),
            text(obj, "/message").trim().into(),
            since(first, now).into(),
            count.into(),
            meta::name(obj).into(),
        ]
    }

    fn selectable_names(&self) -> &'static [&'static str] {
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reportingController",
        ]
    }

    fn selectable<'a>(&self, obj: &'a Value) -> Vec<(&'static str, Cow<'a, str>)> {
        let value = |name: &str| -> &'a str {
            match name.split_once('.') {
                Some((_, field)) => {
                    obj.get("involvedObject").and_then(|o| o.get(field)).and_then(Value::as_str).unwrap_or_default()
                }
                None => match name {
                    "source" => pick(text(obj, "/source/component"), text(obj, "/reportingComponent")),
                    "reportingController" => text(obj, "/reportingComponent"),
                    other => obj.get(other).and_then(Value::as_str).unwrap_or_default(),
                },
            }
        };
        self.selectable_names().iter().map(|n| (*n, Cow::Borrowed(value(n)))).collect()
    }

    fn delete_policy(&self) -> DeletePolicy {
        DeletePolicy::Unsupported
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}

fn pick<'a>(first: &'a str, second: &'a str) -> &'a str {
    if first.is_empty() { second } else { first }
}

fn new_style(root: &At<'_>, errs: &mut Errors) {
    let controller = root.child("reportingComponent");
    if controller.require(errs) {
        controller.check(names::is_qualified_name, errs);
    }
    for field in ["reportingInstance", "action", "reason"] {
        let at = root.child(field);
        if at.require(errs) && at.len() > MAX_NAME_BYTES {
            errs.invalid_value(&at, "", format!("can have at most {MAX_NAME_BYTES} characters"));
        }
    }
    let note = root.child("message");
    if note.len() > MAX_NOTE_BYTES {
        errs.invalid_value(&note, "", format!("can have at most {MAX_NOTE_BYTES} characters"));
    }
    let kind = root.child("type");
    if !["Normal", "Warning"].contains(&kind.text()) {
        errs.invalid_value(&kind, "", format!("has invalid value: {}", kind.text()));
    }
}

fn target(obj: &Value) -> String {
    let kind = text(obj, "/involvedObject/kind").to_lowercase();
    match text(obj, "/involvedObject/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn source(obj: &Value) -> String {
    let component = pick(text(obj, "/source/component"), text(obj, "/reportingComponent"));
    let host = pick(text(obj, "/source/host"), text(obj, "/reportingInstance"));
    if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn both_groups_hold_the_same_facts() {
        let core = json!({"involvedObject": {"name": "p"}, "message": "m", "source": {"component": "c"}, "count": 2, "reportingComponent": "r"});
        let mut obj = core.clone();
        Event.convert(&mut obj, "v1", "events.k8s.io/v1");
        assert_eq!(
            obj,
            json!({"regarding": {"name": "p"}, "note": "m", "deprecatedSource": {"component": "c"}, "deprecatedCount": 2, "reportingController": "r"})
        );
        Event.convert(&mut obj, "events.k8s.io/v1", "v1");
        assert_eq!(obj, core);
    }

    #[test]
    fn namespaces_match() {
        check(&Event, json!({"metadata": {"namespace": "a"}, "involvedObject": {"namespace": "a"}}), &[]);
        check(&Event, json!({"metadata": {"namespace": "default"}, "involvedObject": {}}), &[]);
        check(
            &Event,
            json!({"metadata": {"namespace": "a"}, "involvedObject": {"namespace": "b"}}),
            &["involvedObject.namespace: Invalid value: \"b\": does not match event.namespace"],
        );
        check(
            &Event,
            json!({"metadata": {"namespace": "default"}, "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal", "reason": "x", "action": "y"}),
            &["reportingComponent: Required value", "reportingInstance: Required value"],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &Event,
            &json!({
                "metadata": {"name": "e"}, "type": "Normal", "reason": "Pulled", "message": " m\n", "count": 3,
                "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{c}"},
                "source": {"component": "kubelet", "host": "n"},
                "firstTimestamp": "2025-12-31T23:00:00Z", "lastTimestamp": "2025-12-31T23:59:00Z",
            }),
            &["60s", "Normal", "Pulled", "pod/p", "spec.containers{c}", "kubelet, n", "m", "60m", "3", "e"],
        );
    }

    #[test]
    fn selectable_fields_fall_back_to_the_reporter() {
        let obj = json!({"involvedObject": {"name": "p"}, "reportingComponent": "r"});
        let fields = Event.selectable(&obj);
        let get = |n: &str| fields.iter().find(|(k, _)| *k == n).map(|(_, v)| v.to_string());
        assert_eq!(get("source").as_deref(), Some("r"));
        assert_eq!(get("regarding.name").as_deref(), Some("p"));
        assert_eq!(get("involvedObject.kind").as_deref(), Some(""));
    }
}
