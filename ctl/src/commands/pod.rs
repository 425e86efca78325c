//! Finding the pod that `logs` and `exec` mean: by name, or behind a Deployment, ReplicaSet, Job, Service and the like.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::request::{Accept, with_query};
use crate::session::Session;

/// Annotation that names the container meant when none is given.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// A pod, as far as these commands need it.
#[derive(Debug, Clone)]
pub struct Pod {
    /// Name.
    pub name: String,
    /// Path of the object.
    pub path: String,
    /// Names of its containers, init containers first.
    pub containers: Vec<String>,
    default: Option<String>,
    init: usize,
}

impl Pod {
    /// The container meant when none is given: the annotated one, else the first, which is then said on standard error.
    ///
    /// # Errors
    /// For a pod without containers.
    pub fn default_container(&self) -> Result<String> {
        if let Some(name) = self.default.as_ref().filter(|name| self.containers.contains(name)) {
            return Ok(name.clone());
        }
        let regular = self.containers.get(self.init..).unwrap_or_default();
        let first = regular.first().with_context(|| format!("pod {} has no containers", self.name))?;
        if regular.len() > 1 {
            eprintln!("Defaulted container \"{first}\" out of: {}", regular.join(", "));
        }
        Ok(first.clone())
    }

    fn from_object(session: &Session, object: &Value) -> Self {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let names = |list: &str| -> Vec<String> {
            let containers = object.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
            containers.into_iter().flatten().filter_map(|c| c.get("name")?.as_str().map(str::to_owned)).collect()
        };
        let mut containers = names("initContainers");
        let init = containers.len();
        containers.extend(names("containers"));
        let annotations = object.pointer("/metadata/annotations");
        let default = annotations.and_then(|a| a.get(DEFAULT_CONTAINER)?.as_str().map(str::to_owned));
        let path = format!("/api/v1/namespaces/{}/pods/{name}", session.namespace);
        Self { name, path, containers, default, init }
    }
}

/// The pod called `word`, or one of those that `TYPE/NAME` selects, the most useful first.
///
/// # Errors
/// When there is none.
pub async fn find(session: &Session, word: &str) -> Result<Pod> {
    let Some((kind, name)) = word.split_once('/') else {
        let path = format!("/api/v1/namespaces/{}/pods/{word}", session.namespace);
        return Ok(Pod::from_object(session, &session.requests.get(&path, Accept::Object).await?));
    };
    let resources = session.resources().await?;
    let resource = resources.find(kind)?;
    let object = session.requests.get(&resource.object(&session.namespace, name), Accept::Object).await?;
    if resource.kind == "Pod" {
        return Ok(Pod::from_object(session, &object));
    }
    let Some(selector) = selector_of(&object) else {
        bail!("cannot attach to *{}: selector for {} not implemented", resource.kind, resource.kind);
    };
    let pods = by_selector(session, &selector).await?;
    pods.into_iter().next().with_context(|| format!("no pods found for {word}"))
}

/// The pods a label selector selects: those that run first.
///
/// # Errors
/// When the server refuses.
pub async fn by_selector(session: &Session, selector: &str) -> Result<Vec<Pod>> {
    let path = format!("/api/v1/namespaces/{}/pods", session.namespace);
    let list = session.requests.get(&with_query(&path, &[("labelSelector", selector)]), Accept::Object).await?;
    let mut items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    items.sort_by_key(|item| {
        let running = item.pointer("/status/phase").and_then(Value::as_str) == Some("Running");
        let going = item.pointer("/metadata/deletionTimestamp").is_some();
        (going, !running)
    });
    Ok(items.iter().map(|item| Pod::from_object(session, item)).collect())
}

/// A workload's or service's selector, as a query.
fn selector_of(object: &Value) -> Option<String> {
    let selector = object.pointer("/spec/selector")?;
    let parsed = if selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some() {
        corvette_api::labels::Selector::from_label_selector(selector).ok()?.to_string()
    } else {
        let pairs = selector.as_object()?.iter();
        pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect::<Vec<_>>().join(",")
    };
    (!parsed.is_empty()).then_some(parsed)
}
