//! Environment of containers.

use corvette_api::quantity::Quantity;
use serde_json::Value;

use super::text::{Text, line};
use crate::value::{at, flag, list, plain, text};

/// Writes where whole groups of variables come from, when there are any.
pub fn sources(out: &mut Text, container: &Value) {
    for (i, source) in list(container, "/envFrom").iter().enumerate() {
        if i == 0 {
            line!(out, 2, "Environment Variables from:");
        }
        let (kind, of) = match (at(source, "/configMapRef"), at(source, "/secretRef")) {
            (Some(map), _) => ("ConfigMap", map),
            (None, Some(secret)) => ("Secret", secret),
            (None, None) => ("", &Value::Null),
        };
        let prefix = text(source, "/prefix");
        let with = if prefix.is_empty() { String::new() } else { format!(" with prefix '{prefix}'") };
        line!(out, 3, "{}\t{kind}{with}\tOptional: {}", text(of, "/name"), flag(of, "/optional"));
    }
}

/// Writes the variables; fields are looked up in `pod` when it is known.
pub fn variables(out: &mut Text, container: &Value, pod: Option<&Value>) {
    let variables = list(container, "/env");
    line!(out, 2, "Environment:{}", if variables.is_empty() { "\t<none>" } else { "" });
    for variable in variables {
        let name = text(variable, "/name");
        let Some(from) = at(variable, "/valueFrom") else {
            let mut lines = text(variable, "/value").split('\n');
            line!(out, 3, "{name}:\t{}", lines.next().unwrap_or_default());
            lines.for_each(|further| line!(out, 3, "\t{further}"));
            continue;
        };
        if let Some(field) = at(from, "/fieldRef") {
            let path = text(field, "/fieldPath");
            let value = pod.map(|pod| field_of(pod, path)).unwrap_or_default();
            line!(out, 3, "{name}:\t{value} ({}:{path})", text(field, "/apiVersion"));
        } else if let Some(resource) = at(from, "/resourceFieldRef") {
            line!(out, 3, "{name}:\t{}", resource_of(container, resource));
        } else if let Some(secret) = at(from, "/secretKeyRef") {
            let (key, of) = (text(secret, "/key"), text(secret, "/name"));
            let optional = flag(secret, "/optional");
            line!(out, 3, "{name}:\t<set to the key '{key}' in secret '{of}'>\tOptional: {optional}");
        } else if let Some(map) = at(from, "/configMapKeyRef") {
            let (key, of) = (text(map, "/key"), text(map, "/name"));
            let optional = flag(map, "/optional");
            line!(out, 3, "{name}:\t<set to the key '{key}' of config map '{of}'>\tOptional: {optional}");
        }
    }
}

/// A field of the pod's metadata; kubectl leaves those of spec and status empty.
fn field_of(pod: &Value, path: &str) -> String {
    if let Some((map, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        let map = pod.pointer(&format!("/{}", map.replace('.', "/")));
        return map.and_then(|map| map.get(key)).map(plain).unwrap_or_default();
    }
    match path {
        "metadata.name" | "metadata.namespace" | "metadata.uid" => {
            text(pod, &format!("/{}", path.replace('.', "/"))).to_owned()
        }
        _ => String::new(),
    }
}

/// A resource of the container in units of the divisor, rounded up.
fn resource_of(container: &Value, reference: &Value) -> String {
    let resource = text(reference, "/resource");
    let parsed = |value: Option<&Value>| value.and_then(|v| Quantity::from_value(v).ok());
    let amount = resource.split_once('.').and_then(|(list, name)| {
        parsed(at(container, "/resources").and_then(|all| all.get(list)).and_then(|all| all.get(name)))
    });
    let units = |quantity: Quantity| if resource.ends_with(".cpu") { quantity.millis() } else { quantity.value() };
    let one = if resource.ends_with(".cpu") { 1000 } else { 1 };
    let divisor = parsed(at(reference, "/divisor")).map(units).filter(|d| *d > 0).unwrap_or(one);
    let value = amount.map(units).unwrap_or_default();
    let value = value.saturating_add(divisor - 1).div_euclid(divisor);
    if value == 0 && matches!(resource, "limits.cpu" | "limits.memory") {
        return format!("node allocatable ({resource})");
    }
    format!("{value} ({resource})")
}
