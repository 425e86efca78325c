//! Sub-paths of volumes: a path inside a volume, bound to a place outside the pod's reach before a container gets it.
//!
//! What a pod writes into its volume must never lead outside: every step is resolved by the kernel beneath the volume's
//! root (`openat2` with `RESOLVE_BENEATH`), and what is mounted is the opened file, not a path.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, fstat, mkdirat};

/// Checks a sub-path as upstream does when a container is made.
///
/// # Errors
/// The message of CreateContainerConfigError.
pub fn check(path: &str) -> Result<(), String> {
    if Path::new(path).is_absolute() {
        return Err(format!("error SubPath `{path}` must not be an absolute path"));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(format!("unable to provision SubPath `{path}`: must not contain '..'"));
    }
    Ok(())
}

/// Opens `path` beneath `root`, making missing directories, and binds it to `target`. An older mount on `target` is
/// replaced.
///
/// # Errors
/// When a step leads outside the volume (`EXDEV`), or the kernel refuses.
pub fn bind(root: &Path, path: &str, target: &Path) -> io::Result<()> {
    let file = open(root, path)?;
    let is_dir = fstat(&file)?.st_mode & libc::S_IFMT == libc::S_IFDIR;
    super::mounts::unmount_below(target)?;
    place(target, is_dir)?;
    let source = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    mount(Some(&source), target, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?;
    Ok(())
}

/// Makes the mount point: a directory or an empty file.
fn place(target: &Path, is_dir: bool) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::symlink_metadata(target) {
        Ok(meta) if meta.is_dir() == is_dir => return Ok(()),
        Ok(meta) if meta.is_dir() => fs::remove_dir(target)?,
        Ok(_) => fs::remove_file(target)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    if is_dir { fs::create_dir(target) } else { fs::write(target, []) }
}

fn open(root: &Path, path: &str) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root_fd = nix::fcntl::open(root, flags, Mode::empty())?;
    let mode = Mode::from_bits_truncate(fs::metadata(root)?.mode() & 0o777);
    let mut at = beneath(&root_fd, Path::new("."))?;
    let mut walked = PathBuf::new();
    for part in Path::new(path).components() {
        let Component::Normal(part) = part else {
            if matches!(part, Component::CurDir) {
                continue;
            }
            return Err(io::Error::from_raw_os_error(libc::EXDEV));
        };
        walked.push(part);
        at = match beneath(&root_fd, &walked) {
            Err(Errno::ENOENT) => {
                match mkdirat(at.as_fd(), part, mode) {
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                let made = beneath(&root_fd, &walked)?;
                own(&at, &made, mode)?;
                made
            }
            other => other?,
        };
    }
    Ok(at)
}

fn beneath(root: &OwnedFd, path: &Path) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(root, path, how)
}

/// Gives a directory just made the group of its parent and the full mode, which the process's mask may have cut.
fn own(parent: &OwnedFd, made: &OwnedFd, mode: Mode) -> io::Result<()> {
    let through = PathBuf::from(format!("/proc/self/fd/{}", made.as_raw_fd()));
    let group = fstat(parent)?.st_gid;
    std::os::unix::fs::chown(&through, None, Some(group))?;
    fs::set_permissions(&through, std::os::unix::fs::PermissionsExt::from_mode(mode.bits()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn content(fd: &OwnedFd) -> PathBuf {
        fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap()
    }

    #[test]
    fn missing_directories_are_made_and_links_inside_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        assert_eq!(content(&open(&root, "a/b").unwrap()), root.join("a/b"));
        symlink("a", root.join("link")).unwrap();
        assert_eq!(content(&open(&root, "link/b").unwrap()), root.join("a/b"));
        fs::write(root.join("a/file"), "x").unwrap();
        assert_eq!(content(&open(&root, "a/file").unwrap()), root.join("a/file"));
    }

    #[test]
    fn nothing_leads_outside() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("volume");
        fs::create_dir_all(root.join("in")).unwrap();
        symlink("/etc", root.join("absolute")).unwrap();
        symlink("../..", root.join("in/up")).unwrap();
        symlink("../../x", root.join("in/dangling")).unwrap();
        for path in ["absolute", "absolute/passwd", "in/up", "in/up/etc", "in/dangling", "..", "../volume"] {
            assert!(open(&root, path).is_err(), "{path}");
        }
    }

    #[test]
    fn paths_are_checked_as_upstream_does() {
        assert!(check("a/b").is_ok() && check("a..b").is_ok());
        assert!(check("/a").unwrap_err().contains("must not be an absolute path"));
        assert!(check("a/../b").unwrap_err().contains("must not contain '..'"));
    }
}
