//! Looking at pods as JSON, and making them.

use serde_json::{Value, json};

use super::IMAGE;

pub fn phase(pod: Option<&Value>) -> &str {
    pod.and_then(|pod| pod["status"]["phase"].as_str()).unwrap_or_default()
}

pub fn is_ready(pod: Option<&Value>) -> bool {
    let conditions = pod.and_then(|pod| pod["status"]["conditions"].as_array());
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

pub fn container<'a>(pod: Option<&'a Value>, name: &str) -> &'a Value {
    let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
    let all = lists.iter().filter_map(|list| pod?["status"][list].as_array()).flatten();
    all.into_iter().find(|status| status["name"] == name).unwrap_or(&Value::Null)
}

/// The container's id without its prefix.
pub fn id(pod: Option<&Value>, name: &str) -> String {
    container(pod, name)["containerID"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

pub fn shell(name: &str, script: &str) -> Value {
    json!({"name": name, "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script]})
}

/// Adds fields to a container.
pub fn with(mut container: Value, fields: Value) -> Value {
    for (key, value) in fields.as_object().unwrap() {
        container[key] = value.clone();
    }
    container
}
