//! Finds the programs that must be installed.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Error;

/// Directories searched after `PATH`: a root shell's path often lacks some.
const DIRECTORIES: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Directories in which distributions and CNI's own archive put network plugins.
const CNI_DIRECTORIES: [&str; 3] = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];
/// The network plugins that our network list names.
const CNI_PLUGINS: [&str; 4] = ["bridge", "host-local", "portmap", "loopback"];

/// Where the programs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// `containerd` (1.6 or later).
    pub containerd: PathBuf,
    /// `ctr`, containerd's client.
    pub ctr: PathBuf,
    /// `runc`.
    pub runc: PathBuf,
    /// Directory of the CNI plugins.
    pub cni: PathBuf,
    /// `PATH` for containerd, which looks for its shim and for runc.
    pub path: String,
}

impl Programs {
    /// Looks in `PATH` and the usual directories.
    ///
    /// # Errors
    /// [`Error::Missing`] with every program that was not found.
    pub fn find() -> Result<Self, Error> {
        let from_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
        Self::find_in(from_path, &CNI_DIRECTORIES.map(PathBuf::from))
    }

    /// Looks in the given directories and then in the usual ones.
    fn find_in(mut directories: Vec<PathBuf>, cni_directories: &[PathBuf]) -> Result<Self, Error> {
        for directory in DIRECTORIES {
            let directory = PathBuf::from(directory);
            if !directories.contains(&directory) {
                directories.push(directory);
            }
        }
        let mut missing = Vec::new();
        let mut find = |name: &str| {
            let found = directories.iter().map(|directory| directory.join(name)).find(|path| is_program(path));
            found.unwrap_or_else(|| {
                missing.push(name.to_owned());
                PathBuf::new()
            })
        };
        let [containerd, ctr, runc, _shim] = ["containerd", "ctr", "runc", "containerd-shim-runc-v2"].map(&mut find);
        let cni = cni_directories.iter().find(|dir| CNI_PLUGINS.iter().all(|name| is_program(&dir.join(name))));
        if cni.is_none() {
            missing.push(format!("CNI plugins ({})", CNI_PLUGINS.join(", ")));
        }
        match cni {
            Some(cni) if missing.is_empty() => {
                let path = env::join_paths(&directories).unwrap_or_default().to_string_lossy().into_owned();
                Ok(Self { containerd, ctr, runc, cni: cni.clone(), path })
            }
            _ => Err(Error::Missing(missing)),
        }
    }
}

/// Whether the path is a file that may be executed.
fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_programs_are_named_in_one_line_with_the_packages() {
        let error = Programs::find_in(Vec::new(), &[PathBuf::from("/nonexistent")]).expect_err("no plugins there");
        let text = error.to_string();
        assert!(text.contains("CNI plugins (bridge, host-local, portmap, loopback)"), "{text}");
        assert!(text.contains("apt-get install") && !text.contains('\n'), "{text}");
    }
}
