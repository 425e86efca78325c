//! Keeps the node's object alive.

use std::path::PathBuf;
use std::time::Duration;

use corvette_component::clock::SharedClock;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::call::{Error, is_code, timely};
use super::conditions::{self, Health};
use super::machine;
use super::object::{self, Facts};
use super::runtime::RuntimeHealth;
use crate::config::Config;
use crate::cri::Runtime;
use crate::events::PodEvents;
use crate::eviction::Pressures;

/// How often the status is computed.
const PERIOD: Duration = Duration::from_secs(10);
/// How often the status is computed until the node is ready for the first time.
const EARLY_PERIOD: Duration = Duration::from_millis(200);
/// How often the status is written though nothing changed.
const REPORT: Duration = Duration::from_secs(300);
/// Deadline of one call to the runtime: that it hangs must be reported too.
const ASK: Duration = Duration::from_secs(5);

/// Registers the node and reports its status.
pub struct Agent {
    with: Parts,
    health: RuntimeHealth,
    reported: Option<Timestamp>,
    ready: bool,
    /// The node takes no new pods, as it was last seen.
    closed: bool,
}

/// What an agent works with.
pub struct Parts {
    /// The API.
    pub client: Client,
    /// Who the node is.
    pub config: Config,
    /// The runtime.
    pub runtime: Runtime,
    /// `name://version`.
    pub runtime_version: String,
    /// Events.
    pub events: PodEvents,
    /// Clock.
    pub clock: SharedClock,
    /// What the node has too little of.
    pub pressures: Pressures,
    /// Told once the API has heard from this kubelet that the node is ready.
    pub started: watch::Sender<bool>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("node", &self.with.config.node_name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("node", &self.config.node_name).finish_non_exhaustive()
    }
}

impl Agent {
    /// Makes it of these.
    pub fn new(with: Parts) -> Self {
        Self {
            health: RuntimeHealth::new(with.config.runtime_grace),
            with,
            reported: None,
            ready: false,
            closed: false,
        }
    }

    /// Reports until dropped.
    pub async fn report(mut self) {
        let text = "Starting kubelet.";
        self.with.events.node(&self.with.config.node_name, "Starting", text);
        loop {
            if let Err(error) = self.sync().await {
                tracing::warn!(%error, "node status not written, will retry");
            }
            let period = if self.ready { PERIOD } else { EARLY_PERIOD };
            tokio::time::sleep(period).await;
        }
    }

    /// Brings the node's object up to date, registering it when it is not there.
    async fn sync(&mut self) -> Result<(), Error> {
        let api: Api<Node> = Api::all(self.with.client.clone());
        let name = self.with.config.node_name.clone();
        let node = match timely(api.get_opt(&name)).await? {
            Some(node) => node,
            None => self.register(&api).await?,
        };
        self.reconcile(&api, &node).await?;
        let known = node.status.clone().unwrap_or_default();
        let health = self.health().await;
        let ready = health.problems.is_empty();
        let status = self.status(&known, &health).await;
        let due = self.reported.is_none_or(|at| crate::pods::backoff::since(at, self.with.clock.now()) >= REPORT);
        if due || differs(&known, &status) {
            let patch = json!({ "status": patch(&known, &status) });
            let parameters = PatchParams::default();
            timely(api.patch_status(&name, &parameters, &Patch::Strategic(patch))).await?;
            self.reported = Some(self.with.clock.now());
            self.tell(&known, &status);
        }
        self.tell_schedulable(&node);
        self.ready = ready;
        if ready {
            self.with.started.send_replace(true);
        }
        Ok(())
    }

    /// Records what changed between two reports.
    fn tell(&self, known: &NodeStatus, new: &NodeStatus) {
        let name = &self.with.config.node_name;
        let conditions = |status: &NodeStatus| status.conditions.clone().unwrap_or_default();
        for reason in conditions::changes(&conditions(known), &conditions(new)) {
            self.with.events.node(name, reason, &format!("Node {name} status is now: {reason}"));
        }
        let boot = |status: &NodeStatus| status.node_info.as_ref().map(|info| info.boot_id.clone());
        let (before, now) = (boot(known).unwrap_or_default(), boot(new).unwrap_or_default());
        if !before.is_empty() && before != now {
            self.with.events.node_warning(name, "Rebooted", &format!("Node {name} has been rebooted, boot id: {now}"));
        }
    }

    /// Records that somebody closed the node to new pods, or opened it.
    fn tell_schedulable(&mut self, node: &Node) {
        let closed = node.spec.as_ref().is_some_and(|spec| spec.unschedulable == Some(true));
        if closed != std::mem::replace(&mut self.closed, closed) {
            let (name, reason) =
                (&self.with.config.node_name, if closed { "NodeNotSchedulable" } else { "NodeSchedulable" });
            self.with.events.node(name, reason, &format!("Node {name} status is now: {reason}"));
        }
    }

    async fn register(&self, api: &Api<Node>) -> Result<Node, Error> {
        let node = object::registration(&self.with.config);
        let parameters = PostParams::default();
        match timely(api.create(&parameters, &node)).await {
            Ok(node) => {
                tracing::info!(node = self.with.config.node_name, "node registered");
                Ok(node)
            }
            Err(error) if is_code(&error, 409) => timely(api.get(&self.with.config.node_name)).await,
            Err(error) => Err(error),
        }
    }

    /// Puts back labels that the kubelet owns.
    async fn reconcile(&self, api: &Api<Node>, node: &Node) -> Result<(), Error> {
        let known = node.metadata.labels.clone().unwrap_or_default();
        let missing: Map<String, Value> = object::labels(&self.with.config)
            .into_iter()
            .filter(|(key, value)| known.get(key) != Some(value))
            .map(|(key, value)| (key, Value::String(value)))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let patch = json!({"metadata": {"labels": missing}});
        timely(api.patch(&self.with.config.node_name, &PatchParams::default(), &Patch::Merge(patch))).await.map(drop)
    }

    async fn health(&mut self) -> Health {
        let now = self.with.clock.now();
        match tokio::time::timeout(ASK, self.with.runtime.status()).await {
            Ok(Ok(answer)) => self.health.heard(&answer.status.unwrap_or_default().conditions, now),
            Ok(Err(error)) => tracing::warn!(%error, "the runtime does not tell its status"),
            Err(_) => tracing::warn!("the runtime does not tell its status in time"),
        }
        let measured = self.with.config.eviction.measure(&self.with.config.root_dir);
        Health { pressure: self.with.pressures.observe(measured), problems: self.health.problems(now) }
    }

    async fn status(&self, known: &NodeStatus, health: &Health) -> NodeStatus {
        let root: PathBuf = self.with.config.root_dir.clone();
        let version = self.with.runtime_version.clone();
        let machine = tokio::task::spawn_blocking(move || {
            (machine::capacity(&root), machine::hugepages(), machine::info(&version))
        });
        let listed = tokio::time::timeout(ASK, self.with.runtime.list_images()).await;
        let images = listed.ok().and_then(Result::ok).map(object::images);
        let images = images.unwrap_or_else(|| known.images.clone().unwrap_or_default());
        let Ok((capacity, hugepages, info)) = machine.await else { return known.clone() };
        let facts = Facts { capacity, hugepages, info, images };
        let mut status = object::status(&self.with.config, &facts, known);
        let conditions = known.conditions.as_deref().unwrap_or_default();
        status.conditions = Some(conditions::conditions(conditions, health, self.with.clock.now()));
        status
    }
}

/// Whether two statuses differ in more than heartbeats.
fn differs(known: &NodeStatus, new: &NodeStatus) -> bool {
    let still = |status: &NodeStatus| {
        let mut status = status.clone();
        for condition in status.conditions.iter_mut().flatten() {
            condition.last_heartbeat_time = None::<Time>;
        }
        status
    };
    still(known) != still(new)
}

/// The fields of the status that changed. Addresses are replaced as a whole: merging by type would keep old ones.
fn patch(known: &NodeStatus, new: &NodeStatus) -> Value {
    let object = |status: &NodeStatus| match serde_json::to_value(status) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let (known, new) = (object(known), object(new));
    let mut out = Map::new();
    for (key, value) in new {
        if known.get(&key) == Some(&value) {
            continue;
        }
        let value = match (key.as_str(), value) {
            ("addresses", Value::Array(items)) => std::iter::once(json!({"$patch": "replace"})).chain(items).collect(),
            (_, value) => value,
        };
        out.insert(key, value);
    }
    Value::Object(out)
}
