//! Event of the core group and of `events.k8s.io`, which share their storage (`pkg/apis/core/validation/events.go @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors, Path};
use crate::kinds::column::{Column, Selectable};
use crate::kinds::common::values::{int, is_unset, text};
use crate::kinds::kind::Kind;
use crate::kinds::printing::since;
use crate::kinds::strategy::DeletePolicy;
use crate::{meta, names};

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

const MAX_NOTE_BYTES: usize = 1024;
const MAX_NAME_BYTES: usize = 128;

/// The behaviour of Events.
pub static EVENT: Kind = Kind {
    convert,
    validate,
    columns: &[
        Column::new(
            "Last Seen",
            "string",
            |obj, now| since(last_seen(obj), now).into(),
            "Time since the event was last observed.",
        ),
        Column::text("Type", "/type", "Normal or Warning."),
        Column::text("Reason", "/reason", "Why the event was made, in one word."),
        Column::shown("Object", target, "What the event is about."),
        Column::text("Subobject", "/involvedObject/fieldPath", "Part of the object the event is about.").wide(),
        Column::shown("Source", source, "Who reported the event.").wide(),
        Column::new("Message", "string", |obj, _| text(obj, "/message").trim().into(), "What happened."),
        Column::new(
            "First Seen",
            "string",
            |obj, now| since(first_seen(obj), now).into(),
            "Time since the event was first observed.",
        )
        .wide(),
        Column::new("Count", "string", |obj, _| count(obj).into(), "How often the event was observed.").wide(),
        Column::NAME.wide(),
    ],
    selectable: &[
        Selectable::text("involvedObject.kind", "/involvedObject/kind"),
        Selectable::text("involvedObject.namespace", "/involvedObject/namespace"),
        Selectable::text("involvedObject.name", "/involvedObject/name"),
        Selectable::text("involvedObject.uid", "/involvedObject/uid"),
        Selectable::text("involvedObject.apiVersion", "/involvedObject/apiVersion"),
        Selectable::text("involvedObject.resourceVersion", "/involvedObject/resourceVersion"),
        Selectable::text("involvedObject.fieldPath", "/involvedObject/fieldPath"),
        Selectable::text("reason", "/reason"),
        Selectable::text("reportingComponent", "/reportingComponent"),
        Selectable::picked("source", |obj| pick(text(obj, "/source/component"), text(obj, "/reportingComponent"))),
        Selectable::text("type", "/type"),
        Selectable::text("regarding.kind", "/involvedObject/kind"),
        Selectable::text("regarding.namespace", "/involvedObject/namespace"),
        Selectable::text("regarding.name", "/involvedObject/name"),
        Selectable::text("regarding.uid", "/involvedObject/uid"),
        Selectable::text("regarding.apiVersion", "/involvedObject/apiVersion"),
        Selectable::text("regarding.resourceVersion", "/involvedObject/resourceVersion"),
        Selectable::text("regarding.fieldPath", "/involvedObject/fieldPath"),
        Selectable::text("reportingController", "/reportingComponent"),
    ],
    delete_policy: DeletePolicy::Unsupported,
    create_on_update: true,
    ..Kind::DATA
};

fn convert(obj: &mut Value, from: &str, to: &str) {
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

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    let (about, namespace) = (root.at("involvedObject.namespace"), meta::namespace(obj));
    let new = !is_unset(obj.get("eventTime"));
    let fits = match about.text() {
        "" if new => ["default", "kube-system"].contains(&namespace),
        "" => ["", "default"].contains(&namespace),
        about => new || about == namespace,
    };
    if !fits {
        errs.invalid_value(&about, about.text(), "does not match event.namespace");
    }
    if new {
        new_style(&root, errs);
    }
}

fn pick<'a>(first: &'a str, second: &'a str) -> &'a str {
    if first.is_empty() { second } else { first }
}

fn new_style(root: &At<'_>, errs: &mut Errors) {
    // Upstream calls the field by its name in `events.k8s.io`.
    let controller = At::new(root.child("reportingComponent").value, Path::new("reportingController"));
    controller.require(errs);
    controller.check(names::is_qualified_name, errs);
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

fn first_seen(obj: &Value) -> &str {
    pick(text(obj, "/firstTimestamp"), text(obj, "/eventTime"))
}

fn last_seen(obj: &Value) -> &str {
    match obj.get("series").filter(|s| !s.is_null()) {
        Some(series) => text(series, "/lastObservedTime"),
        None => pick(text(obj, "/lastTimestamp"), first_seen(obj)),
    }
}

fn count(obj: &Value) -> i64 {
    match obj.get("series").filter(|s| !s.is_null()) {
        Some(series) => int(series, "/count").unwrap_or(0),
        None => int(obj, "/count").filter(|c| *c != 0).unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::Strategy;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn both_groups_hold_the_same_facts() {
        let core = json!({"involvedObject": {"name": "p"}, "message": "m", "source": {"component": "c"}, "count": 2, "reportingComponent": "r"});
        let mut obj = core.clone();
        EVENT.convert(&mut obj, "v1", "events.k8s.io/v1");
        assert_eq!(
            obj,
            json!({"regarding": {"name": "p"}, "note": "m", "deprecatedSource": {"component": "c"}, "deprecatedCount": 2, "reportingController": "r"})
        );
        EVENT.convert(&mut obj, "events.k8s.io/v1", "v1");
        assert_eq!(obj, core);
    }

    #[test]
    fn namespaces_match() {
        check(&EVENT, json!({"metadata": {"namespace": "a"}, "involvedObject": {"namespace": "a"}}), &[]);
        check(&EVENT, json!({"metadata": {"namespace": "default"}, "involvedObject": {}}), &[]);
        check(
            &EVENT,
            json!({"metadata": {"namespace": "a"}, "involvedObject": {"namespace": "b"}}),
            &["involvedObject.namespace: Invalid value: \"b\": does not match event.namespace"],
        );
        check(
            &EVENT,
            json!({"metadata": {"namespace": "default"}, "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal", "reason": "x", "action": "y"}),
            &[
                "reportingController: Required value",
                "reportingController: Invalid value: \"\": name part must be non-empty",
                "reportingController: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                "reportingInstance: Required value",
            ],
        );
        let new = |namespace: &str, about: &str| {
            json!({"metadata": {"namespace": namespace}, "involvedObject": {"namespace": about}, "eventTime": "2026-01-01T00:00:00.000000Z",
                "type": "Normal", "reason": "x", "action": "y", "reportingComponent": "a", "reportingInstance": "b"})
        };
        check(&EVENT, new("kube-system", ""), &[]);
        check(&EVENT, new("a", "b"), &[]);
        check(&EVENT, new("a", ""), &["involvedObject.namespace: Invalid value: \"\": does not match event.namespace"]);
    }

    #[test]
    fn cells() {
        check_cells(
            &EVENT,
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
        let get = |n: &str| EVENT.selectable.iter().find(|field| field.name == n).map(|field| field.value(&obj));
        assert_eq!(get("source").as_deref(), Some("r"));
        assert_eq!(get("regarding.name").as_deref(), Some("p"));
        assert_eq!(get("involvedObject.kind").as_deref(), Some(""));
    }
}
