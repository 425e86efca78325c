//! What the runtime says about one pod, in the terms of the planner. Values only.

use std::cmp::Reverse;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ResourceRequirements;

/// State of a container instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Created and not started.
    Created,
    /// Its main process runs.
    Running,
    /// Its main process ended.
    Exited,
    /// The runtime does not know.
    Unknown,
}

/// One instance of a container.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// CRI id.
    pub id: String,
    /// Name in the pod spec.
    pub name: String,
    /// Sandbox it belongs to.
    pub sandbox_id: String,
    /// How often the container was started anew before this instance.
    pub restart_count: u32,
    /// State.
    pub state: State,
    /// When the instance was made.
    pub created_at: Timestamp,
    /// When its process started; `None` before.
    pub started_at: Option<Timestamp>,
    /// When its process ended; `None` before.
    pub finished_at: Option<Timestamp>,
    /// Exit code; 0 before the end.
    pub exit_code: i32,
    /// The runtime's word for the end: Completed, Error, OOMKilled, StartError …
    pub reason: String,
    /// Termination message, or the runtime's words.
    pub message: String,
    /// Image as it was asked for.
    pub image: String,
    /// Digest reference of the image.
    pub image_id: String,
    /// Hash of the spec it was made from; empty when unknown.
    pub hash: String,
    /// Sizes noted when it was made.
    pub sizes: Option<ResourceRequirements>,
    /// Grace period noted when it was made, in seconds.
    pub grace: Option<i64>,
    /// Log file; empty when unknown.
    pub log_path: String,
}

/// One sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// CRI id.
    pub id: String,
    /// Number of the attempt, from 0.
    pub attempt: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it can take containers.
    pub ready: bool,
    /// Whether it shares the node's network.
    pub host_network: bool,
    /// Addresses, primary first. Known for the newest sandbox only; empty with the node's network.
    pub ips: Vec<String>,
}

/// Everything the runtime has of one pod.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Sandboxes, newest first.
    pub sandboxes: Vec<Sandbox>,
    /// Containers of all sandboxes, newest first.
    pub containers: Vec<Container>,
}

impl Observed {
    /// Brings both lists into their order, newest first.
    pub fn sort(&mut self) {
        self.sandboxes.sort_by_key(|sandbox| Reverse((sandbox.created_at, sandbox.attempt)));
        self.containers.sort_by_key(|container| Reverse((container.created_at, container.restart_count)));
    }

    /// Instances of a container, newest first.
    pub fn instances<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Container> {
        self.containers.iter().filter(move |container| container.name == name)
    }

    /// Newest instance of a container.
    pub fn latest(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|container| container.name == name)
    }

    /// Newest instance of a container in one sandbox.
    pub fn latest_in(&self, sandbox: &str, name: &str) -> Option<&Container> {
        self.containers.iter().find(|container| container.name == name && container.sandbox_id == sandbox)
    }

    /// The newest sandbox, when it can take containers.
    pub fn ready_sandbox(&self) -> Option<&Sandbox> {
        self.sandboxes.first().filter(|sandbox| sandbox.ready)
    }

    /// Containers whose process may run.
    pub fn alive(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().filter(|c| matches!(c.state, State::Running | State::Unknown))
    }
}
