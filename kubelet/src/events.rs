//! Events about pods and the node, with upstream's reasons.

use corvette_client::events::{EventType, Recorder};
use k8s_openapi::api::core::v1::{ObjectReference, Pod};

use crate::pods::spec;

/// Records events. Clones share the recorder.
#[derive(Clone)]
pub struct PodEvents(Recorder);

impl std::fmt::Debug for PodEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PodEvents")
    }
}

impl PodEvents {
    /// Makes it on a recorder whose component is `kubelet`.
    pub fn new(recorder: Recorder) -> Self {
        Self(recorder)
    }

    /// Records something normal about a container.
    pub fn container(&self, pod: &Pod, container: &str, reason: &str, message: &str) {
        self.0.event(&reference(pod, Some(container)), EventType::Normal, reason, message);
    }

    /// Records something wrong about a container.
    pub fn container_warning(&self, pod: &Pod, container: &str, reason: &str, message: &str) {
        self.0.event(&reference(pod, Some(container)), EventType::Warning, reason, message);
    }

    /// Records something normal about a pod.
    pub fn pod(&self, pod: &Pod, reason: &str, message: &str) {
        self.0.event(&reference(pod, None), EventType::Normal, reason, message);
    }

    /// Records something wrong about a pod.
    pub fn pod_warning(&self, pod: &Pod, reason: &str, message: &str) {
        self.0.event(&reference(pod, None), EventType::Warning, reason, message);
    }

    /// Records something normal about the node.
    pub fn node(&self, name: &str, reason: &str, message: &str) {
        self.of_node(name, EventType::Normal, reason, message);
    }

    /// Records something wrong about the node.
    pub fn node_warning(&self, name: &str, reason: &str, message: &str) {
        self.of_node(name, EventType::Warning, reason, message);
    }

    fn of_node(&self, name: &str, type_: EventType, reason: &str, message: &str) {
        let node = ObjectReference {
            kind: Some("Node".to_owned()),
            api_version: Some("v1".to_owned()),
            name: Some(name.to_owned()),
            uid: Some(name.to_owned()),
            ..ObjectReference::default()
        };
        self.0.event(&node, type_, reason, message);
    }
}

fn reference(pod: &Pod, container: Option<&str>) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".to_owned()),
        api_version: Some("v1".to_owned()),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        resource_version: pod.metadata.resource_version.clone(),
        field_path: container.map(|name| spec::field_path(pod, name)),
    }
}
