//! Finding the pod that `logs` and `exec` mean: by name, or behind a Deployment, ReplicaSet, Job, Service and the like.

use anyhow::{Context as _, Result, bail};
use corvette_api::meta::annotation;
use serde_json::Value;

use crate::request::{Accept, segment, with_query};
use crate::session::Session;
use crate::value::{list, text};

/// Annotation that names the container meant when none is given.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// Whether to tell which of several pods was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
    /// Tell.
    WhichOfSeveral,
    /// Do not.
    Nothing,
}

/// A pod, as far as these commands need it.
#[derive(Debug, Clone)]
pub struct Pod {
    /// Name.
    pub name: String,
    /// Path of the object.
    pub path: String,
    /// Its phase.
    pub phase: String,
    default: Option<String>,
    init: Vec<String>,
    regular: Vec<String>,
    ephemeral: Vec<String>,
}

impl Pod {
    /// Names of all its containers, in the order they start.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.init.iter().chain(&self.regular).chain(&self.ephemeral).map(String::as_str)
    }

    /// Whether it has a container of this name.
    pub fn has(&self, container: &str) -> bool {
        self.all().any(|name| name == container)
    }

    /// The container meant when none is given: the annotated one, else the first, which is then said on standard error.
    ///
    /// # Errors
    /// For a pod without containers.
    pub fn default_container(&self) -> Result<String> {
        match &self.default {
            Some(name) if self.has(name) => return Ok(name.clone()),
            Some(name) => eprintln!("Default container name \"{name}\" not found in pod {}", self.name),
            None => {}
        }
        let first = self.regular.first().with_context(|| format!("pod {} does not have any containers", self.name))?;
        if self.all().nth(1).is_some() {
            let ephemeral = self.ephemeral.iter().map(|name| format!("{name} (ephem)"));
            let init = self.init.iter().map(|name| format!("{name} (init)"));
            let all: Vec<String> = self.regular.iter().cloned().chain(ephemeral).chain(init).collect();
            eprintln!("Defaulted container \"{first}\" out of: {}", all.join(", "));
        }
        Ok(first.clone())
    }

    /// The container of this name, or the one meant without.
    ///
    /// # Errors
    /// For a name that no container has.
    pub fn container(&self, name: Option<&str>) -> Result<String> {
        match name {
            Some(name) if self.has(name) => Ok(name.to_owned()),
            Some(name) => bail!("container {name} is not valid for pod {}", self.name),
            None => self.default_container(),
        }
    }

    /// Whether there is something to connect to.
    ///
    /// # Errors
    /// When the pod has ended.
    pub fn check_runs(&self, doing: &str) -> Result<()> {
        if matches!(self.phase.as_str(), "Succeeded" | "Failed") {
            bail!("cannot {doing} a container in a completed pod; current phase is {}", self.phase);
        }
        Ok(())
    }

    fn from_object(session: &Session, object: &Value) -> Self {
        let name = text(object, "/metadata/name").to_owned();
        let names = |pointer: &str| list(object, pointer).iter().map(|c| text(c, "/name").to_owned()).collect();
        Self {
            path: format!("/api/v1/namespaces/{}/pods/{}", session.namespace, segment(&name)),
            name,
            phase: text(object, "/status/phase").to_owned(),
            default: annotation(object, DEFAULT_CONTAINER).map(str::to_owned),
            init: names("/spec/initContainers"),
            regular: names("/spec/containers"),
            ephemeral: names("/spec/ephemeralContainers"),
        }
    }
}

/// The pod called `word`, or one of those that `TYPE/NAME` selects, the most useful first.
///
/// # Errors
/// When there is none.
pub async fn find(session: &Session, word: &str, say: Say) -> Result<Pod> {
    let Some((kind, name)) = word.split_once('/') else {
        let path = format!("/api/v1/namespaces/{}/pods/{}", session.namespace, segment(word));
        return Ok(Pod::from_object(session, &session.requests.get(&path, Accept::Object).await?));
    };
    let resources = session.resources().await?;
    let resource = resources.find(kind)?;
    let object = session.requests.get(&resource.object(&session.namespace, name), Accept::Object).await?;
    if resource.kind == "Pod" {
        return Ok(Pod::from_object(session, &object));
    }
    let Some(selector) = selector_of(&object) else {
        bail!("cannot attach to *v1.{}: selector for *v1.{} not implemented", resource.kind, resource.kind);
    };
    let pods = by_selector(session, &selector).await?;
    let count = pods.len();
    let first = pods.into_iter().next().with_context(|| format!("no pods found for {word}"))?;
    if count > 1 && say == Say::WhichOfSeveral {
        eprintln!("Found {count} pods, using pod/{}", first.name);
    }
    Ok(first)
}

/// The pods a label selector selects: those that run first.
///
/// # Errors
/// When the server refuses.
pub async fn by_selector(session: &Session, selector: &str) -> Result<Vec<Pod>> {
    let path = format!("/api/v1/namespaces/{}/pods", session.namespace);
    let mut items = session.requests.list(&with_query(&path, &[("labelSelector", selector)])).await?;
    items.sort_by_key(usefulness);
    Ok(items.iter().map(|item| Pod::from_object(session, item)).collect())
}

/// Orders pods as kubectl picks one of several: those on a node, running, ready, for longest, oldest.
fn usefulness(pod: &Value) -> impl Ord + use<> {
    let phase = match text(pod, "/status/phase") {
        "Running" => 0,
        "Unknown" => 1,
        "Pending" => 2,
        _ => 3,
    };
    let ready = list(pod, "/status/conditions").iter().find(|c| text(c, "/type") == "Ready");
    let ready = ready.filter(|c| text(c, "/status") == "True").map(|c| text(c, "/lastTransitionTime").to_owned());
    let going = pod.pointer("/metadata/deletionTimestamp").is_some();
    let unassigned = text(pod, "/spec/nodeName").is_empty();
    let created = text(pod, "/metadata/creationTimestamp").to_owned();
    (going, unassigned, phase, ready.is_none(), ready, created)
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
