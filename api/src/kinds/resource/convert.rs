//! Translation between `v1beta1` and the later versions.

use serde_json::{Map, Value, json};

use crate::kinds::common::values::each;

/// Fields of a request that `v1beta1` keeps in the request itself.
const EXACT_FIELDS: &[&str] =
    &["adminAccess", "allocationMode", "capacity", "count", "deviceClassName", "selectors", "tolerations"];

/// Translates the requests of a claim's spec.
pub fn claim_spec(spec: &mut Value, from: &str, to: &str) {
    let Some(devices) = spec.get_mut("devices") else { return };
    match (from, to) {
        ("v1beta1", _) => each(devices, "requests", nest),
        (_, "v1beta1") => each(devices, "requests", flatten),
        _ => {}
    }
}

/// Translates the devices of a slice.
pub fn slice(obj: &mut Value, from: &str, to: &str) {
    let Some(spec) = obj.get_mut("spec") else { return };
    match (from, to) {
        ("v1beta1", _) => each(spec, "devices", |device| {
            if let Some(Value::Object(basic)) = device.get_mut("basic").map(Value::take) {
                merge(device, basic);
            }
            if let Some(map) = device.as_object_mut() {
                map.remove("basic");
            }
        }),
        (_, "v1beta1") => each(spec, "devices", |device| {
            let Some(map) = device.as_object_mut() else { return };
            let name = map.remove("name").unwrap_or_default();
            let basic = std::mem::take(map);
            *device = json!({"name": name, "basic": basic});
        }),
        _ => {}
    }
}

fn nest(request: &mut Value) {
    let Some(map) = request.as_object_mut() else { return };
    if map.contains_key("exactly") {
        return;
    }
    let mut exactly = Map::new();
    for field in EXACT_FIELDS {
        if let Some(value) = map.remove(*field) {
            exactly.insert((*field).to_owned(), value);
        }
    }
    if !exactly.is_empty() {
        map.insert("exactly".to_owned(), exactly.into());
    }
}

fn flatten(request: &mut Value) {
    if let Some(Value::Object(exactly)) = request.as_object_mut().and_then(|m| m.remove("exactly")) {
        merge(request, exactly);
    }
}

fn merge(target: &mut Value, fields: Map<String, Value>) {
    if let Some(map) = target.as_object_mut() {
        map.extend(fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_devices_go_there_and_back() {
        let old = json!({"devices": {"requests": [{"name": "r", "deviceClassName": "c", "count": 1}, {"name": "s", "firstAvailable": []}]}});
        let mut spec = old.clone();
        claim_spec(&mut spec, "v1beta1", "v1");
        assert_eq!(
            spec["devices"]["requests"][0],
            json!({"name": "r", "exactly": {"deviceClassName": "c", "count": 1}})
        );
        claim_spec(&mut spec, "v1", "v1beta1");
        assert_eq!(spec, old);
        let old = json!({"spec": {"devices": [{"name": "d", "basic": {"attributes": {}}}]}});
        let mut obj = old.clone();
        slice(&mut obj, "v1beta1", "v1");
        assert_eq!(obj["spec"]["devices"][0], json!({"name": "d", "attributes": {}}));
        slice(&mut obj, "v1", "v1beta1");
        assert_eq!(obj, old);
    }
}
