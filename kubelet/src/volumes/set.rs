//! The volumes of one pod together: which ones, setting them up, taking them down.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Volume, VolumeProjection};
use parking_lot::Mutex;

use super::{Context, Error, SetUp, Tokens, blocking, config, mounts, plugin};
use crate::env;
use crate::objects::{Kind, Objects, Reference};
use crate::pods::spec;
use crate::resources::Amounts;

/// A volume that could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("MountVolume.SetUp failed for volume {volume:?} : {source}")]
pub struct Failure {
    /// Name of the volume.
    pub volume: String,
    /// Why.
    #[source]
    pub source: Error,
}

/// Host paths of a pod's volumes, by volume name.
pub type Paths = HashMap<String, PathBuf>;

struct Inner {
    root: PathBuf,
    objects: Objects,
    tokens: Tokens,
    node: Box<dyn Fn() -> Amounts + Send + Sync>,
    /// Volumes that are set up and never change, by pod uid.
    done: Mutex<HashMap<String, Paths>>,
}

/// Sets up and takes down the volumes of pods below a root directory. Clones share the same state.
#[derive(Clone)]
pub struct Volumes(Arc<Inner>);

impl std::fmt::Debug for Volumes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Volumes").field("root", &self.0.root).finish_non_exhaustive()
    }
}

impl Volumes {
    /// Makes it; `root` holds `pods/`, `node` tells what the node can allocate.
    pub fn new(
        root: &Path,
        objects: Objects,
        tokens: Tokens,
        node: impl Fn() -> Amounts + Send + Sync + 'static,
    ) -> Self {
        let root = root.to_owned();
        Self(Arc::new(Inner { root, objects, tokens, node: Box::new(node), done: Mutex::default() }))
    }

    /// The pod's directory.
    pub fn pod_dir(&self, uid: &str) -> PathBuf {
        self.0.root.join("pods").join(uid)
    }

    /// Sets up all volumes that containers of the pod mount, and brings those that follow objects up to date.
    ///
    /// # Errors
    /// The first volume that failed; the others are attempted all the same.
    pub async fn set_up(&self, pod: &Pod) -> Result<Paths, Failure> {
        let uid = spec::uid(pod);
        let pod_dir = self.pod_dir(uid);
        let context =
            Context { pod, pod_dir: &pod_dir, objects: &self.0.objects, tokens: &self.0.tokens, node: (self.0.node)() };
        let mut paths = Paths::new();
        let mut failure = None;
        for volume in mounted(pod) {
            let done = self.0.done.lock().get(uid).and_then(|done| done.get(&volume.name).cloned());
            if let Some(path) = done {
                paths.insert(volume.name.clone(), path);
                continue;
            }
            match one(context, volume).await {
                Ok((path, follows)) => {
                    if !follows {
                        let mut done = self.0.done.lock();
                        done.entry(uid.to_owned()).or_default().insert(volume.name.clone(), path.clone());
                    }
                    paths.insert(volume.name.clone(), path);
                }
                Err(source) => {
                    failure.get_or_insert(Failure { volume: volume.name.clone(), source });
                }
            }
        }
        failure.map_or(Ok(paths), Err)
    }

    /// Whether anything of the pod is mounted below its directory.
    ///
    /// # Errors
    /// When the mount table cannot be read.
    pub async fn is_mounted(&self, uid: &str) -> Result<bool, Error> {
        let dir = self.pod_dir(uid);
        blocking(move || {
            let mounts = mounts::list().map_err(Error::io(&dir))?;
            Ok(mounts.iter().any(|mount| mount.starts_with(&dir)))
        })
        .await
    }

    /// Unmounts and removes the pod's volumes.
    ///
    /// # Errors
    /// When the kernel refuses; what could not be removed stays for the next attempt.
    pub async fn take_down(&self, uid: &str) -> Result<(), Error> {
        self.0.done.lock().remove(uid);
        self.0.tokens.forget(uid);
        let dir = self.pod_dir(uid);
        blocking(move || {
            mounts::unmount_below(&dir).map_err(Error::io(&dir))?;
            for part in ["volumes", "volume-subpaths", "plugins"] {
                let part = dir.join(part);
                mounts::remove_tree(&part).map_err(Error::io(&part))?;
            }
            Ok(())
        })
        .await
    }

    /// Removes the pod's directory with everything in it.
    ///
    /// # Errors
    /// As [`Self::take_down`].
    pub async fn remove(&self, uid: &str) -> Result<(), Error> {
        self.take_down(uid).await?;
        let dir = self.pod_dir(uid);
        blocking(move || mounts::remove_tree(&dir).map_err(Error::io(&dir))).await
    }

    /// Uids of the pods that have a directory.
    pub async fn uids(&self) -> Vec<String> {
        let dir = self.0.root.join("pods");
        let list = move || {
            let entries = std::fs::read_dir(dir).map(|entries| entries.flatten().collect::<Vec<_>>());
            Ok(entries.unwrap_or_default().iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        };
        blocking(list).await.unwrap_or_default()
    }
}

/// Sets one volume up; returns its path, and whether it follows objects.
async fn one(context: Context<'_>, volume: &Volume) -> Result<(PathBuf, bool), Error> {
    let Some(plugin) = plugin(volume) else {
        return Err(Error::Invalid(format!("no volume plugin matched for volume {:?}", volume.name)));
    };
    let dir = context.pod_dir.join("volumes").join(plugin.directory).join(&volume.name);
    match plugin.set_up {
        SetUp::Once(set_up) => Ok((set_up(context, volume, dir).await?, false)),
        SetUp::Files(medium, files) => {
            let payload = files(context, volume).await?;
            Ok((config::put(context, dir, medium, payload).await?, true))
        }
    }
}

/// Volumes that any container mounts.
fn mounted(pod: &Pod) -> impl Iterator<Item = &Volume> {
    let ephemeral = spec::ephemeral(pod).iter().map(|container| &container.volume_mounts);
    let mounts = spec::all_containers(pod).map(|container| &container.volume_mounts).chain(ephemeral);
    let names: BTreeSet<&str> = mounts.flatten().flatten().map(|mount| mount.name.as_str()).collect();
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    volumes.iter().filter(move |volume| names.contains(volume.name.as_str()))
}

/// Objects that the pod's volumes and variables are made from.
pub fn references(pod: &Pod) -> BTreeSet<Reference> {
    let mut out = BTreeSet::new();
    let mut add = |kind, name: &str| {
        if !name.is_empty() {
            out.insert(Reference { kind, namespace: spec::namespace(pod).to_owned(), name: name.to_owned() });
        }
    };
    let ephemeral: Vec<_> = spec::ephemeral(pod).iter().map(spec::as_container).collect();
    for container in spec::all_containers(pod).chain(&ephemeral) {
        env::config_maps(container).into_iter().for_each(|name| add(Kind::ConfigMap, name));
        env::secrets(container).into_iter().for_each(|name| add(Kind::Secret, name));
    }
    for volume in mounted(pod) {
        if let Some(source) = &volume.config_map {
            add(Kind::ConfigMap, &source.name);
        }
        if let Some(source) = &volume.secret {
            add(Kind::Secret, source.secret_name.as_deref().unwrap_or_default());
        }
        let parts = volume.projected.as_ref().and_then(|projected| projected.sources.as_deref()).unwrap_or_default();
        for VolumeProjection { config_map, secret, .. } in parts {
            config_map.iter().for_each(|source| add(Kind::ConfigMap, &source.name));
            secret.iter().for_each(|source| add(Kind::Secret, &source.name));
        }
    }
    out
}
