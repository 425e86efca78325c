//! Starts a container: image, configuration, create, start, postStart.

use std::time::Duration;

use corvette_component::CancellationToken;
use corvette_proto::cri::{Mount, PodSandboxConfig};
use k8s_openapi::api::core::v1::{Container, Pod};

use super::deps::Deps;
use super::images::{self, Present, Pulls};
use super::observed::Sandbox;
use super::plan::Start;
use super::{hooks, labels, mounts, spec, starting};
use crate::blueprint::{self, Parts};
use crate::env::{self, Environment, Inputs, Place, References};
use crate::status::Reason;

/// Why a container did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Reason and message of the waiting state.
    pub reason: Reason,
    /// When to try again.
    pub retry: Duration,
    /// A container that was started and must be killed, as after a failed postStart hook.
    pub kill: Option<String>,
}

/// When to try again after a failure that the runtime has no record of.
const RETRY: Duration = Duration::from_secs(10);
/// When to try again after one that it has: the back-off decides.
const RETRY_SOON: Duration = Duration::from_secs(1);

fn failure(reason: &str, message: String, retry: Duration) -> Failure {
    Failure { reason: Reason { reason: reason.to_owned(), message }, retry, kill: None }
}

/// Where and from what a container is started.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The sandbox.
    pub sandbox: &'a Sandbox,
    /// Its configuration.
    pub config: &'a PodSandboxConfig,
    /// Volumes of the pod.
    pub volumes: &'a mounts::Paths,
    /// Addresses of the pod.
    pub ips: &'a [String],
    /// Id of the container whose processes an ephemeral one sees.
    pub target: Option<&'a str>,
}

/// Starts a container. Events are recorded here. `stop` ends waiting for images and hooks; calls that change the
/// runtime are finished.
///
/// # Errors
/// [`Failure`], for the container's waiting state.
pub async fn start(
    deps: &Deps,
    pod: &Pod,
    plan: &Start,
    place: Site<'_>,
    pulls: &mut Pulls,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let Some(container) = spec::any_container(pod, &plan.name) else { return Ok(()) };
    let container = container.as_ref();
    let warn = |message: &str| {
        deps.events.container_warning(pod, &container.name, "Failed", &format!("Error: {message}"));
    };
    let image = tokio::select! {
        image = Box::pin(images::ensure(deps, pod, container, place.config, pulls)) => image,
        () = stop.cancelled() => return Err(stopped()),
    };
    let image = image.map_err(|unavailable| {
        warn(&unavailable.reason.reason);
        Failure { reason: unavailable.reason, retry: unavailable.retry, kill: None }
    })?;
    let (environment, mounts) = Box::pin(prepare(deps, pod, container, &image, place)).await.map_err(|message| {
        warn(&message);
        failure("CreateContainerConfigError", message, RETRY)
    })?;
    let parts = Parts {
        pod,
        container,
        restart_count: plan.restart_count,
        image: image.id,
        image_user: image.user,
        variables: environment.variables,
        mounts,
        target: place.target.map(ToOwned::to_owned),
    };
    if let Some(unused) = &plan.discard
        && let Err(error) = deps.runtime.remove_container(unused).await
    {
        warn(error.message());
        return Err(failure("CreateContainerError", error.message().to_owned(), RETRY_SOON));
    }
    let config = blueprint::container(parts, &deps.host);
    let (runtime, sandbox, sandbox_config) = (deps.runtime.clone(), place.sandbox.id.clone(), place.config.clone());
    let create = async move { runtime.create_container(&sandbox, config, sandbox_config).await };
    let id = deps.finish("CreateContainer", create).await.map_err(|error| {
        warn(error.message());
        failure("CreateContainerError", error.message().to_owned(), RETRY)
    })?;
    deps.events.container(pod, &container.name, "Created", "Container created");
    let mark = starting::mark(&deps.volumes.pod_dir(spec::uid(pod)), &id).await;
    let mark = mark.map_err(|error| {
        warn(&error.to_string());
        failure("RunContainerError", error.to_string(), RETRY)
    })?;
    let (runtime, started) = (deps.runtime.clone(), id.clone());
    let start = async move {
        let result = runtime.start_container(&started).await;
        starting::unmark(&mark).await;
        result
    };
    if let Err(error) = deps.finish("StartContainer", start).await {
        warn(error.message());
        return Err(failure("RunContainerError", error.message().to_owned(), RETRY_SOON));
    }
    deps.events.container(pod, &container.name, "Started", "Container started");
    tokio::select! {
        result = post_start(deps, pod, container, id, place.ips) => result,
        () = stop.cancelled() => Err(stopped()),
    }
}

/// The pod should no longer run.
fn stopped() -> Failure {
    failure("ContainerCreating", String::new(), Duration::ZERO)
}

async fn post_start(deps: &Deps, pod: &Pod, container: &Container, id: String, ips: &[String]) -> Result<(), Failure> {
    let hook = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.post_start.as_ref());
    let Some(hook) = hook else { return Ok(()) };
    let address = ips.first().map(String::as_str).unwrap_or_default();
    match hooks::run(&deps.runtime, hook, container, &id, address).await {
        Ok(()) => Ok(()),
        Err(error) => {
            tracing::info!(pod = spec::name(pod), container = container.name, %error, "postStart hook failed");
            deps.events.container_warning(pod, &container.name, "FailedPostStartHook", "PostStartHook failed");
            Err(Failure { kill: Some(id), ..failure("PostStartHookError", error, RETRY_SOON) })
        }
    }
}

/// Makes environment and mounts.
async fn prepare(
    deps: &Deps,
    pod: &Pod,
    container: &Container,
    image: &Present,
    place: Site<'_>,
) -> Result<(Environment, Vec<Mount>), String> {
    blueprint::check_non_root(pod, container, &image.user)?;
    let references = fetch(deps, pod, container).await?;
    let inputs = Inputs {
        pod,
        container,
        references: &references,
        services: &deps.services.list(),
        place: Place { host_ips: &deps.node_ips, pod_ips: place.ips },
        node: deps.host.allocatable,
    };
    let environment = env::environment(inputs).map_err(|error| error.to_string())?;
    for (kind, source, keys) in &environment.skipped {
        let message = format!(
            "Keys [{}] from the EnvFrom {kind} {source} were skipped since they are considered invalid environment \
             variable names.",
            keys.join(", ")
        );
        deps.events.pod_warning(pod, "InvalidEnvironmentVariableNames", &message);
    }
    let (name, domain) = blueprint::hostname(pod, &deps.host.cluster_domain);
    let mounts = mounts::prepare(mounts::Inputs {
        pod,
        container,
        pod_dir: deps.volumes.pod_dir(spec::uid(pod)),
        volumes: place.volumes,
        variables: &environment.variables,
        ips: place.ips,
        hostname: (name, domain),
        node_hosts: &deps.host.node_hosts,
    })
    .await?;
    make_log_directory(deps, pod, container)
        .await
        .map_err(|error| format!("failed to create log directory: {error}"))?;
    Ok((environment, mounts))
}

async fn make_log_directory(deps: &Deps, pod: &Pod, container: &Container) -> std::io::Result<()> {
    let (namespace, name, uid) = (spec::namespace(pod), spec::name(pod), spec::uid(pod));
    let dir = labels::log_directory(&deps.host.log_dir, namespace, name, uid).join(&container.name);
    tokio::fs::create_dir_all(dir).await
}

/// Fetches the objects that variables refer to.
async fn fetch(deps: &Deps, pod: &Pod, container: &Container) -> Result<References, String> {
    let namespace = spec::namespace(pod);
    let mut references = References::default();
    for name in env::config_maps(container) {
        let found = deps.objects.config_map(namespace, name).await.map_err(|error| error.to_string())?;
        references.config_maps.insert(name.to_owned(), found);
    }
    for name in env::secrets(container) {
        let found = deps.objects.secret(namespace, name).await.map_err(|error| error.to_string())?;
        references.secrets.insert(name.to_owned(), found);
    }
    Ok(references)
}
