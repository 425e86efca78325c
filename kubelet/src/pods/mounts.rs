//! Mounts of a container: its volumes, `/etc/hosts` and the file of its termination message.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use corvette_proto::cri::{Mount, MountPropagation};
use k8s_openapi::api::core::v1::{Container, Pod, VolumeMount};

use super::spec;
use crate::blueprint::hosts;
use crate::env;
use crate::volumes::subpath;

/// Host paths of volumes, by name.
pub type Paths = std::collections::HashMap<String, PathBuf>;

/// What mounts are made from.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The container.
    pub container: &'a Container,
    /// The pod's directory on the node.
    pub pod_dir: PathBuf,
    /// Its volumes.
    pub volumes: &'a Paths,
    /// The container's environment, for `subPathExpr`.
    pub variables: &'a BTreeMap<String, String>,
    /// Addresses of the pod.
    pub ips: &'a [String],
    /// Host name of the pod and its domain.
    pub hostname: (String, Option<String>),
    /// The node's `/etc/hosts`.
    pub node_hosts: &'a str,
}

/// A mount with the sub-path that must be bound before it can be used.
#[derive(Debug)]
struct Prepared {
    mount: Mount,
    /// Volume, path in it, and where it is bound.
    bind: Option<(PathBuf, String, PathBuf)>,
}

/// Prepares all mounts of a container, on the blocking pool.
///
/// # Errors
/// The message of CreateContainerConfigError.
pub async fn prepare(inputs: Inputs<'_>) -> Result<Vec<Mount>, String> {
    let mut all = Vec::new();
    for (index, mount) in inputs.container.volume_mounts.iter().flatten().enumerate() {
        all.push(of_volume(&inputs, index, mount)?);
    }
    let taken = |path: &str| all.iter().any(|one: &Prepared| one.mount.container_path == path);
    let hosts = (!taken("/etc/hosts")).then(|| {
        let (name, domain) = &inputs.hostname;
        hosts::content(inputs.pod, inputs.ips, name, domain.as_deref(), inputs.node_hosts)
    });
    let message_path = spec::termination_path(inputs.container).to_owned();
    let message_path = (!message_path.is_empty() && !taken(&message_path)).then_some(message_path);
    let (pod_dir, name) = (inputs.pod_dir.clone(), inputs.container.name.clone());
    let work = move || -> Result<Vec<Mount>, String> {
        let mut out = Vec::new();
        for Prepared { mount, bind } in all {
            if let Some((volume, path, target)) = bind {
                subpath::bind(&volume, &path, &target).map_err(|error| {
                    format!("failed to prepare subPath for volumeMount \"{path}\" of container \"{name}\": {error}")
                })?;
            }
            out.push(mount);
        }
        if let Some(content) = hosts {
            let file = pod_dir.join("etc-hosts");
            write(&file, content.as_bytes(), 0o644).map_err(|error| failed(&file, &error))?;
            out.push(plain("/etc/hosts", &file));
        }
        if let Some(path) = message_path {
            let file = pod_dir.join("containers").join(&name).join(format!("{:08x}", rand::random::<u32>()));
            write(&file, b"", 0o666).map_err(|error| failed(&file, &error))?;
            out.push(plain(&path, &file));
        }
        Ok(out)
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn plain(container_path: &str, host_path: &Path) -> Mount {
    Mount { container_path: container_path.to_owned(), host_path: host_path.display().to_string(), ..Mount::default() }
}

/// Writes a file without ever showing half of it. The inode stays when the content does, since it may be mounted.
fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::write(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn of_volume(inputs: &Inputs<'_>, index: usize, mount: &VolumeMount) -> Result<Prepared, String> {
    let volume = inputs.volumes.get(&mount.name).ok_or_else(|| {
        format!("cannot find volume {:?} to mount into container {:?}", mount.name, inputs.container.name)
    })?;
    let sub = sub_path(inputs, mount)?;
    let target =
        inputs.pod_dir.join("volume-subpaths").join(&mount.name).join(&inputs.container.name).join(index.to_string());
    let (host_path, bind) = match sub {
        Some(path) => (target.clone(), Some((volume.clone(), path, target))),
        None => (volume.clone(), None),
    };
    let container_path =
        if mount.mount_path.starts_with('/') { mount.mount_path.clone() } else { format!("/{}", mount.mount_path) };
    let propagation = match mount.mount_propagation.as_deref() {
        Some("HostToContainer") => MountPropagation::PropagationHostToContainer,
        Some("Bidirectional") => MountPropagation::PropagationBidirectional,
        _ => MountPropagation::PropagationPrivate,
    };
    let mount = Mount {
        container_path,
        host_path: host_path.display().to_string(),
        readonly: mount.read_only.unwrap_or(false),
        propagation: propagation.into(),
        ..Mount::default()
    };
    Ok(Prepared { mount, bind })
}

/// The sub-path of a mount, expanded and checked.
fn sub_path(inputs: &Inputs<'_>, mount: &VolumeMount) -> Result<Option<String>, String> {
    let plain = mount.sub_path.clone().filter(|path| !path.is_empty());
    let expression = mount.sub_path_expr.as_deref().filter(|path| !path.is_empty());
    let path = match expression {
        None => plain,
        Some(expression) => {
            let lookup = |name: &str| inputs.variables.get(name).map(String::as_str);
            let expanded = env::expand_strictly(expression, lookup)
                .map_err(|missing| format!("missing value for {:?}", missing.join(", ")))?;
            Some(expanded)
        }
    };
    let Some(path) = path.filter(|path| !path.is_empty()) else { return Ok(None) };
    subpath::check(&path)?;
    Ok(Some(path))
}
