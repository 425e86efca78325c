//! Volumes of pods: one file per plugin, one row per plugin in the table below.
//!
//! Owns `<root>/pods/<uid>/volumes`. Setting up is idempotent and may be killed anywhere; taking down unmounts before
//! it removes. Must not know containers, except for sub-paths.

pub mod atomic;
mod config;
mod downward;
mod empty_dir;
mod host_path;
pub mod mounts;
mod ownership;
mod projected;
mod set;
pub mod subpath;
mod tokens;

use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Pod, Volume};

pub use set::{Volumes, references};
pub use tokens::Tokens;

use self::atomic::Payload;
use self::empty_dir::Medium;
use crate::objects::{self, Objects};
use crate::pods::spec;
use crate::resources::Amounts;

/// Why a volume cannot be set up; the text follows `MountVolume.SetUp failed for volume "x" : `.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that the volume is made from is not there; it may come.
    #[error("{0}")]
    Missing(String),
    /// The volume's source is not supported or not valid.
    #[error("{0}")]
    Invalid(String),
    /// The API did not give what was asked for.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// Files could not be written.
    #[error(transparent)]
    Atomic(#[from] atomic::Error),
    /// The kernel refused.
    #[error("{path}: {source}")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// What plugins work with.
#[derive(Clone, Copy)]
struct Context<'a> {
    pod: &'a Pod,
    /// `<root>/pods/<uid>`.
    pod_dir: &'a Path,
    objects: &'a Objects,
    tokens: &'a Tokens,
    node: Amounts,
}

impl Context<'_> {
    fn fs_group(&self) -> Option<u32> {
        let group = self.pod.spec.as_ref()?.security_context.as_ref()?.fs_group?;
        u32::try_from(group).ok()
    }

    fn namespace(&self) -> &str {
        spec::namespace(self.pod)
    }
}

/// The files of a volume, in the making.
type Files<'a> = BoxFuture<'a, Result<Payload, Error>>;

/// How a volume is set up.
enum SetUp {
    /// In a directory of its own, once; gives the path to mount.
    Once(for<'a> fn(Context<'a>, &'a Volume, PathBuf) -> BoxFuture<'a, Result<PathBuf, Error>>),
    /// From files that follow objects which change.
    Files(Medium, for<'a> fn(Context<'a>, &'a Volume) -> Files<'a>),
}

/// One kind of volume.
struct Plugin {
    /// Directory below `volumes`.
    directory: &'static str,
    /// Whether a volume is of this kind.
    claims: fn(&Volume) -> bool,
    /// Sets a volume up, or brings it up to date.
    set_up: SetUp,
}

const PLUGINS: &[Plugin] = &[
    Plugin {
        directory: "kubernetes.io~empty-dir",
        claims: |volume| volume.empty_dir.is_some(),
        set_up: SetUp::Once(empty_dir::set_up),
    },
    Plugin {
        directory: "kubernetes.io~host-path",
        claims: |volume| volume.host_path.is_some(),
        set_up: SetUp::Once(host_path::set_up),
    },
    Plugin {
        directory: "kubernetes.io~configmap",
        claims: |volume| volume.config_map.is_some(),
        set_up: SetUp::Files(Medium::Disk, config::of_config_map),
    },
    Plugin {
        directory: "kubernetes.io~secret",
        claims: |volume| volume.secret.is_some(),
        set_up: SetUp::Files(Medium::Memory(None), config::of_secret),
    },
    Plugin {
        directory: "kubernetes.io~downward-api",
        claims: |volume| volume.downward_api.is_some(),
        set_up: SetUp::Files(Medium::Memory(None), downward::of_volume),
    },
    Plugin {
        directory: "kubernetes.io~projected",
        claims: |volume| volume.projected.is_some(),
        set_up: SetUp::Files(Medium::Memory(None), projected::of_volume),
    },
];

fn plugin(volume: &Volume) -> Option<&'static Plugin> {
    PLUGINS.iter().find(|plugin| (plugin.claims)(volume))
}

/// Runs file work on the blocking pool.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Invalid(format!("volume work was interrupted: {error}"))),
    }
}
