//! The pod specs inside objects.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use crate::commands::select::Item;

/// The spec of the pods an object makes, or of the pod it is.
///
/// # Errors
/// For kinds without one.
pub fn spec<'a>(item: &Item<'_>, object: &'a mut Value) -> Result<&'a mut Value> {
    let pointer = match item.resource.kind.as_str() {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec/template/spec",
    };
    let spec = object.pointer_mut(pointer);
    spec.with_context(|| {
        let resource = &item.resource;
        format!(
            "{}/{} the object is not a pod or does not have a pod template: *{}.{}",
            resource.plural, item.name, resource.version, resource.kind
        )
    })
}

/// The containers whose name fits a pattern such as `*` or `web-*`; those that start first are among them when `init`.
pub fn containers<'a>(spec: &'a mut Value, pattern: &str, init: bool) -> Vec<&'a mut Map<String, Value>> {
    let mut found = Vec::new();
    for (field, list) in spec.as_object_mut().into_iter().flatten() {
        if field == "containers" || (init && field == "initContainers") {
            found.extend(list.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut));
        }
    }
    found.retain(|container| container.get("name").and_then(Value::as_str).is_some_and(|name| fits(name, pattern)));
    found
}

fn fits(name: &str, pattern: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return name == pattern };
    let Some(rest) = name.strip_prefix(head) else { return false };
    (0..=rest.len()).filter_map(|at| rest.get(at..)).any(|rest| fits(rest, tail))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_fit_names() {
        for (name, pattern, expected) in [
            ("web", "*", true),
            ("web", "web", true),
            ("web", "we", false),
            ("web-1", "web-*", true),
            ("a-b-c", "a*b*", true),
            ("a", "b*", false),
        ] {
            assert_eq!(fits(name, pattern), expected, "{name} {pattern}");
        }
    }
}
