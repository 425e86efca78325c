//! Where the kubeconfig comes from.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corvette_client::kube::config::Kubeconfig;

/// The kubeconfig's files: the one named by the flag, else those in `KUBECONFIG`, else `~/.kube/config`. Only the first need not
/// be there in the latter cases.
#[derive(Debug, Clone)]
pub struct Files {
    paths: Vec<PathBuf>,
    named: bool,
}

impl Files {
    /// The files for a flag and the environment.
    pub fn find(flag: Option<&Path>) -> Self {
        if let Some(path) = flag {
            return Self { paths: vec![path.to_owned()], named: true };
        }
        let list = std::env::var_os("KUBECONFIG").unwrap_or_default();
        let mut paths: Vec<PathBuf> = std::env::split_paths(&list).filter(|p| !p.as_os_str().is_empty()).collect();
        if paths.is_empty() {
            paths.extend(std::env::home_dir().map(|home| home.join(".kube").join("config")));
        }
        Self { paths, named: false }
    }

    /// All files as one; entries of earlier files win. `None` when no file is there.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged; a missing one when it was named by the flag.
    pub fn read(&self) -> Result<Option<Kubeconfig>> {
        let mut merged: Option<Kubeconfig> = None;
        for path in &self.paths {
            if !path.exists() {
                if self.named {
                    bail!("stat {}: no such file or directory", path.display());
                }
                continue;
            }
            let next = read(path).with_context(|| format!("error loading config file \"{}\"", path.display()))?;
            merged = Some(match merged {
                None => next,
                Some(before) => before.merge(next)?,
            });
        }
        Ok(merged)
    }

    /// The file that changes are written to: the first that is there, else the first.
    ///
    /// # Errors
    /// Without any, which takes a user without home directory.
    pub fn to_change(&self) -> Result<&Path> {
        let found = self.paths.iter().find(|path| path.exists()).or(self.paths.first());
        found.map(PathBuf::as_path).context("no home directory")
    }
}

fn read(path: &Path) -> Result<Kubeconfig> {
    // Our parser says where a mistake is.
    corvette_api::yaml::parse(&std::fs::read_to_string(path)?)?;
    Ok(Kubeconfig::read_from(path)?)
}
