//! What a controller is built from.

use std::sync::Arc;

use corvette_client::events::Recorder;
use corvette_client::informer::Informers;
use corvette_client::kube::Client;
use corvette_component::clock::{self, SharedClock};
use corvette_component::tasks::Tasks;

use crate::config::Config;

/// The surroundings of the controllers of one leadership. Clones share everything.
#[derive(Clone)]
pub struct Context {
    /// The way to the API.
    pub client: Client,
    /// The shared caches; they are started after all controllers have declared theirs.
    pub informers: Informers,
    /// The wall clock.
    pub clock: SharedClock,
    /// The configuration.
    pub config: Arc<Config>,
    /// Where tasks are spawned; cancelled when leadership ends.
    pub tasks: Tasks,
}

impl Context {
    pub(crate) fn new(client: Client, config: Config, tasks: Tasks) -> Self {
        let informers = Informers::new(client.clone(), tasks.child("informers"));
        Self { client, informers, clock: clock::system(), config: Arc::new(config), tasks }
    }

    /// Makes the event recorder of `component`.
    pub fn recorder(&self, component: &str) -> Recorder {
        Recorder::new(self.client.clone(), component, None, &self.tasks)
    }
}
