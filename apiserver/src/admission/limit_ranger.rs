//! LimitRanger: defaults and bounds of resources from the namespace's LimitRange objects.
//!
//! Follows `plugin/pkg/admission/limitranger/admission.go @ v1.36`.

use async_trait::async_trait;
use corvette_api::{meta, quantity::Quantity, status::Status};
use serde_json::{Map, Value};

use super::{Attributes, Operation, Plugin};

/// The plugin.
pub struct LimitRanger;

#[async_trait]
impl Plugin for LimitRanger {
    fn name(&self) -> &'static str {
        "LimitRanger"
    }

    async fn mutate(&self, attributes: &Attributes<'_>, object: &mut Value) -> Result<(), Status> {
        if attributes.operation != Operation::Create || !attributes.is("", "pods") {
            return Ok(());
        }
        for range in ranges(attributes)? {
            for limit in limits(&range, "Container") {
                set_defaults(object, limit);
            }
        }
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Value>) -> Result<(), Status> {
        let Some(object) = object.filter(|_| attributes.operation == Operation::Create) else { return Ok(()) };
        let check: fn(&Value, &Value) -> Vec<String> = if attributes.is("", "pods") {
            pod_errors
        } else if attributes.is("", "persistentvolumeclaims") {
            claim_errors
        } else {
            return Ok(());
        };
        for range in ranges(attributes)? {
            let errors = check(object, &range);
            match errors.as_slice() {
                [] => {}
                [one] => return Err(super::forbidden(attributes, object, one)),
                many => return Err(super::forbidden(attributes, object, format!("[{}]", many.join(", ")))),
            }
        }
        Ok(())
    }
}

fn ranges(attributes: &Attributes<'_>) -> Result<Vec<Value>, Status> {
    attributes.app.cached_of("", "limitranges", Some(attributes.namespace))
}

/// Limits of a type in a range.
fn limits<'a>(range: &'a Value, kind: &'static str) -> impl Iterator<Item = &'a Value> {
    let limits = range.pointer("/spec/limits").and_then(Value::as_array);
    limits.into_iter().flatten().filter(move |limit| limit.get("type").and_then(Value::as_str) == Some(kind))
}

fn set_defaults(pod: &mut Value, limit: &Value) {
    for list in ["initContainers", "containers"] {
        let Some(containers) = pod.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut) else {
            continue;
        };
        for container in containers {
            let resources = meta::child_map(meta::as_map(container), "resources");
            fill(resources, "limits", limit.get("default"));
            fill(resources, "requests", limit.get("defaultRequest"));
        }
    }
}

fn fill(resources: &mut Map<String, Value>, list: &str, defaults: Option<&Value>) {
    let Some(defaults) = defaults.and_then(Value::as_object).filter(|map| !map.is_empty()) else { return };
    let target = meta::child_map(resources, list);
    for (name, quantity) in defaults {
        target.entry(name.clone()).or_insert_with(|| quantity.clone());
    }
}

/// Requests and limits of one container or pod.
struct Usage<'a> {
    requests: Vec<(&'a str, Quantity)>,
    limits: Vec<(&'a str, Quantity)>,
}

fn quantities(value: Option<&Value>) -> Vec<(&str, Quantity)> {
    let map = value.and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), quantity(value)?))).collect()
}

fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

impl<'a> Usage<'a> {
    fn of(container: &'a Value) -> Self {
        Self {
            requests: quantities(container.pointer("/resources/requests")),
            limits: quantities(container.pointer("/resources/limits")),
        }
    }

    fn add(&mut self, other: Self) {
        for (target, source) in [(&mut self.requests, other.requests), (&mut self.limits, other.limits)] {
            for (name, quantity) in source {
                match target.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, sum)) => *sum += quantity,
                    None => target.push((name, quantity)),
                }
            }
        }
    }
}

fn pod_errors(pod: &Value, range: &Value) -> Vec<String> {
    let list = |name: &str| {
        pod.pointer(&format!("/spec/{name}")).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    };
    let mut errors = Vec::new();
    for limit in limits(range, "Container") {
        for container in list("containers").iter().chain(list("initContainers")) {
            bound_errors(&Usage::of(container), limit, "Container", &mut errors);
        }
    }
    for limit in limits(range, "Pod") {
        let mut total = Usage { requests: Vec::new(), limits: Vec::new() };
        list("containers").iter().for_each(|container| total.add(Usage::of(container)));
        bound_errors(&total, limit, "Pod", &mut errors);
    }
    errors
}

fn claim_errors(claim: &Value, range: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    let usage = Usage { requests: quantities(claim.pointer("/spec/resources/requests")), limits: Vec::new() };
    for limit in limits(range, "PersistentVolumeClaim") {
        for (name, bound) in quantities(limit.get("min")) {
            if let Some(request) = find(&usage.requests, name).filter(|request| **request < bound) {
                errors.push(format!(
                    "minimum {name} usage per PersistentVolumeClaim is {bound}, but request is {request}"
                ));
            }
        }
        for (name, bound) in quantities(limit.get("max")) {
            if let Some(request) = find(&usage.requests, name).filter(|request| **request > bound) {
                errors.push(format!(
                    "maximum {name} usage per PersistentVolumeClaim is {bound}, but request is {request}"
                ));
            }
        }
    }
    errors
}

fn find<'q>(list: &'q [(&str, Quantity)], name: &str) -> Option<&'q Quantity> {
    list.iter().find(|(known, _)| *known == name).map(|(_, quantity)| quantity)
}

fn bound_errors(usage: &Usage<'_>, limit: &Value, kind: &str, errors: &mut Vec<String>) {
    for (name, bound) in quantities(limit.get("min")) {
        match (find(&usage.requests, name), find(&usage.limits, name)) {
            (None, _) => errors.push(format!("minimum {name} usage per {kind} is {bound}.  No request is specified")),
            (Some(request), _) if *request < bound => {
                errors.push(format!("minimum {name} usage per {kind} is {bound}, but request is {request}"));
            }
            (_, Some(limit)) if *limit < bound => {
                errors.push(format!("minimum {name} usage per {kind} is {bound}, but limit is {limit}"));
            }
            _ => {}
        }
    }
    for (name, bound) in quantities(limit.get("max")) {
        match (find(&usage.limits, name), find(&usage.requests, name)) {
            (None, _) => errors.push(format!("maximum {name} usage per {kind} is {bound}.  No limit is specified")),
            (Some(limit), _) if *limit > bound => {
                errors.push(format!("maximum {name} usage per {kind} is {bound}, but limit is {limit}"));
            }
            (_, Some(request)) if *request > bound => {
                errors.push(format!("maximum {name} usage per {kind} is {bound}, but request is {request}"));
            }
            _ => {}
        }
    }
    ratio_errors(usage, limit, kind, errors);
}

fn ratio_errors(usage: &Usage<'_>, limit: &Value, kind: &str, errors: &mut Vec<String>) {
    for (name, bound) in quantities(limit.get("maxLimitRequestRatio")) {
        let (Some(limit), Some(request)) = (find(&usage.limits, name), find(&usage.requests, name)) else {
            errors.push(format!(
                "{name} max limit to request ratio per {kind} is {bound}, but no request is specified or request is 0"
            ));
            continue;
        };
        let (limit, request, bound_millis) = (limit.millis(), request.millis(), bound.millis());
        if request == 0 {
            errors.push(format!(
                "{name} max limit to request ratio per {kind} is {bound}, but no request is specified or request is 0"
            ));
        } else if limit.saturating_mul(1000) > bound_millis.saturating_mul(request) {
            let whole = limit / request;
            let fraction = (limit % request).saturating_mul(1_000_000) / request;
            errors.push(format!(
                "{name} max limit to request ratio per {kind} is {bound}, but provided ratio is {whole}.{fraction:06}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn range(limit: Value) -> Value {
        json!({"spec": {"limits": [limit]}})
    }

    #[test]
    fn defaults_fill_what_is_unset() {
        let mut pod = json!({"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": "2"}}}]}});
        set_defaults(&mut pod, &json!({"default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "100m"}}));
        let resources = &pod["spec"]["containers"][0]["resources"];
        assert_eq!(*resources, json!({"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "100m"}}));
    }

    #[test]
    fn bounds_are_told_with_upstreams_words() {
        let pod = json!({"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "50m"}}}]}});
        let limit = json!({"type": "Container", "max": {"cpu": "1"}, "min": {"cpu": "100m"}});
        assert_eq!(
            pod_errors(&pod, &range(limit)),
            [
                "minimum cpu usage per Container is 100m, but request is 50m",
                "maximum cpu usage per Container is 1, but limit is 2"
            ]
        );
        let none = json!({"spec": {"containers": [{"name": "a"}]}});
        assert_eq!(
            pod_errors(&none, &range(json!({"type": "Pod", "max": {"memory": "1Gi"}}))),
            ["maximum memory usage per Pod is 1Gi.  No limit is specified"]
        );
        let ratio = json!({"type": "Container", "maxLimitRequestRatio": {"cpu": "3"}});
        assert_eq!(
            pod_errors(&pod, &range(ratio)),
            ["cpu max limit to request ratio per Container is 3, but provided ratio is 40.000000"]
        );
    }
}
