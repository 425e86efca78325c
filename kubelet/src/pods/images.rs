//! Makes sure that the image of a container is on the node.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine;
use corvette_proto::cri::{AuthConfig, Image, PodSandboxConfig};
use k8s_openapi::api::core::v1::{Container, Pod};
use serde::Deserialize;

use super::backoff::Backoff;
use super::deps::Deps;
use super::image_name;
use super::spec;
use crate::blueprint::ImageUser;
use crate::status::Reason;

/// An image on the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its id.
    pub id: String,
    /// The user it names.
    pub user: ImageUser,
}

impl From<Image> for Present {
    fn from(image: Image) -> Self {
        let uid = match (image.uid, image.username.is_empty()) {
            (Some(uid), _) => Some(uid.value),
            (None, true) => Some(0),
            (None, false) => None,
        };
        Self { id: image.id, user: ImageUser { uid, name: image.username } }
    }
}

/// Why an image is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// Reason and message of the waiting state.
    pub reason: Reason,
    /// When to try again.
    pub retry: Duration,
}

fn unavailable(reason: &str, message: String, retry: Duration) -> Unavailable {
    Unavailable { reason: Reason { reason: reason.to_owned(), message }, retry }
}

/// When to look again after a failure that time alone does not mend.
const RETRY: Duration = Duration::from_secs(10);

/// Pulls of one pod that failed.
#[derive(Debug, Clone, Default)]
pub struct Pulls {
    backoff: Backoff,
    errors: HashMap<String, String>,
}

/// Makes sure that the image is there, pulling it where the policy says so. `pulls` holds the back-off of this pod.
///
/// # Errors
/// Why it is not; the events have been recorded.
pub async fn ensure(
    deps: &Deps,
    pod: &Pod,
    container: &Container,
    sandbox: &PodSandboxConfig,
    pulls: &mut Pulls,
) -> Result<Present, Unavailable> {
    let named = container.image.as_deref().unwrap_or_default();
    let warn = |reason: &str, message: &str| deps.events.container_warning(pod, &container.name, reason, message);
    let image = image_name::with_default_tag(named).map_err(|error| {
        let message =
            format!("Failed to apply default image tag {named:?}: couldn't parse image name {named:?}: {error}");
        warn("InspectFailed", &message);
        unavailable("InvalidImageName", message, RETRY)
    })?;
    let present = deps.runtime.image_status(&image).await.map_err(|error| {
        let message = format!("Failed to inspect image {named:?}: {error}");
        warn("InspectFailed", &message);
        unavailable("ImageInspectError", message, RETRY)
    })?;
    let latest = image.ends_with(":latest");
    let policy = container.image_pull_policy.as_deref().unwrap_or(if latest { "Always" } else { "IfNotPresent" });
    match (policy, present) {
        ("Never" | "IfNotPresent", Some(present)) => {
            let message =
                format!("Container image {named:?} already present on machine and can be accessed by the pod");
            deps.events.container(pod, &container.name, "Pulled", &message);
            Ok(present.into())
        }
        ("Never", None) => {
            let message = format!("Container image {named:?} is not present with pull policy of Never");
            warn("ErrImageNeverPull", &message);
            Err(unavailable("ErrImageNeverPull", message, RETRY))
        }
        _ => pull(deps, pod, container, sandbox, pulls, &image).await,
    }
}

async fn pull(
    deps: &Deps,
    pod: &Pod,
    container: &Container,
    sandbox: &PodSandboxConfig,
    pulls: &mut Pulls,
    image: &str,
) -> Result<Present, Unavailable> {
    let named = container.image.as_deref().unwrap_or_default();
    let now = deps.clock.now();
    if let Some(delay) = pulls.backoff.since_update(image, now) {
        let message = format!("Back-off pulling image {named:?}");
        deps.events.container(pod, &container.name, "BackOff", &message);
        let message = match pulls.errors.get(image) {
            Some(error) => format!("{message}: {error}"),
            None => message,
        };
        return Err(unavailable("ImagePullBackOff", message, delay.remaining.min(RETRY)));
    }
    deps.events.container(pod, &container.name, "Pulling", &format!("Pulling image {named:?}"));
    let began = Instant::now();
    let mut failure = None;
    for auth in credentials(deps, pod, image).await {
        match deps.runtime.pull_image(image, auth, Some(sandbox.clone())).await {
            Ok(_) => {
                pulls.backoff.reset(image);
                return pulled(deps, pod, container, image, began.elapsed()).await;
            }
            Err(error) => failure = Some(error.to_string()),
        }
    }
    let error = failure.unwrap_or_default();
    let message = format!("Failed to pull image {named:?}: {error}");
    deps.events.container_warning(pod, &container.name, "Failed", &message);
    let now = deps.clock.now();
    pulls.backoff.next(image, now, now);
    pulls.errors.insert(image.to_owned(), format!("ErrImagePull: {error}"));
    Err(unavailable("ErrImagePull", error, RETRY))
}

async fn pulled(
    deps: &Deps,
    pod: &Pod,
    container: &Container,
    image: &str,
    took: Duration,
) -> Result<Present, Unavailable> {
    let found = deps.runtime.image_status(image).await.ok().flatten();
    let Some(found) = found else {
        let message = format!("Failed to inspect image {image:?} after pulling it");
        return Err(unavailable("ImageInspectError", message, RETRY));
    };
    let took = go_duration(took);
    let message = format!(
        "Successfully pulled image {:?} in {took} ({took} including waiting). Image size: {} bytes.",
        container.image.as_deref().unwrap_or_default(),
        found.size
    );
    deps.events.container(pod, &container.name, "Pulled", &message);
    Ok(found.into())
}

/// Shows a duration as Go does, rounded to milliseconds.
fn go_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0..1000 => format!("{millis}ms"),
        1000..60_000 => {
            let text = format!("{}.{:03}", millis / 1000, millis % 1000);
            format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => format!("{}m{}.{:03}s", millis / 60_000, millis / 1000 % 60, millis % 1000),
    }
}

#[derive(Deserialize, Default)]
struct DockerConfig {
    #[serde(default)]
    auths: std::collections::BTreeMap<String, DockerAuth>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct DockerAuth {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    auth: String,
    #[serde(default)]
    identitytoken: String,
}

/// Credentials to try, from the pod's pull secrets; without any, one attempt without.
async fn credentials(deps: &Deps, pod: &Pod, image: &str) -> Vec<Option<AuthConfig>> {
    let mut out = Vec::new();
    let secrets = pod.spec.as_ref().and_then(|spec| spec.image_pull_secrets.as_deref()).unwrap_or_default();
    for reference in secrets {
        let secret = match deps.objects.secret(spec::namespace(pod), &reference.name).await {
            Ok(Some(secret)) => secret,
            Ok(None) => continue,
            Err(error) => {
                tracing::warn!(secret = reference.name, %error, "image pull secret not read");
                continue;
            }
        };
        let data = secret.data.clone().unwrap_or_default();
        let config = match (data.get(".dockerconfigjson"), data.get(".dockercfg")) {
            (Some(full), _) => serde_json::from_slice::<DockerConfig>(&full.0).unwrap_or_default(),
            (None, Some(old)) => DockerConfig { auths: serde_json::from_slice(&old.0).unwrap_or_default() },
            (None, None) => continue,
        };
        let registry = image_name::registry(image);
        out.extend(
            config.auths.into_iter().filter(|(key, _)| host(key) == registry).map(|(_, auth)| Some(config_of(auth))),
        );
    }
    if out.is_empty() {
        out.push(None);
    }
    out
}

/// The host of a key of a Docker configuration, which may be a URL.
fn host(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let host = key.split('/').next().unwrap_or_default();
    if host == "index.docker.io" { "docker.io" } else { host }
}

fn config_of(auth: DockerAuth) -> AuthConfig {
    let decoded = base64::engine::general_purpose::STANDARD.decode(&auth.auth).unwrap_or_default();
    let decoded = String::from_utf8(decoded).unwrap_or_default();
    let (username, password) = decoded.split_once(':').unwrap_or((&auth.username, &auth.password));
    AuthConfig {
        username: username.to_owned(),
        password: password.to_owned(),
        identity_token: auth.identitytoken,
        ..AuthConfig::default()
    }
}
