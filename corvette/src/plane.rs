//! Controllers, scheduler and service proxy as a process runs them. `corvette up` and their own commands start them here.

use anyhow::{Context as _, Result};
use corvette_client::kube::Client;
use corvette_component::tasks::Tasks;

/// Starts the controllers; a configuration they refuse ends the process.
pub fn controllers(client: Client, config: corvette_controller_manager::Config, tasks: &Tasks) {
    let (scope, whole) = (tasks.child("controller-manager"), tasks.clone());
    tasks.spawn("controller-manager", async move {
        if let Err(error) = corvette_controller_manager::run(client, config, scope).await {
            whole.fail(format!("controller manager: {error}"));
        }
    });
}

/// Starts the scheduler.
pub fn scheduler(client: Client, config: corvette_scheduler::Config, tasks: &Tasks) {
    tasks.spawn("scheduler", corvette_scheduler::run(client, config, tasks.child("scheduler")));
}

/// Starts the service proxy, if this machine has what it needs.
///
/// # Errors
/// What is missing.
pub async fn proxy(client: Client, config: corvette_proxy::Config, tasks: &Tasks) -> Result<()> {
    corvette_proxy::check().await.context("service proxy")?;
    tasks.spawn("proxy", corvette_proxy::run(client, config, tasks.child("proxy")));
    Ok(())
}
