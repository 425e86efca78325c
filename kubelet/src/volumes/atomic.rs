//! Writes a set of files into a directory so that readers see either all old or all new ones.
//!
//! Files live in a dated directory; `..data` is a symlink to it, swapped by rename; each file's user-visible name is a
//! symlink through `..data`. As upstream's `pkg/volume/util/atomic_writer.go @ v1.36`. Everything may be killed at any
//! point: the next write finishes or removes what is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

const DATA: &str = "..data";
const DATA_TEMPORARY: &str = "..data_tmp";

/// One file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Content.
    pub data: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// Owner that replaces root, for service account tokens.
    pub user: Option<u32>,
}

/// Files by relative path.
pub type Payload = BTreeMap<String, File>;

/// Why a payload cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path is empty, absolute, or leaves the directory.
    #[error("invalid path: {0:?}")]
    Path(String),
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { path, source }
}

/// Checks that a path stays below the directory and does not collide with the writer's own names.
pub fn check_path(path: &str) -> Result<(), Error> {
    let bad = path.is_empty()
        || path.len() > 4096
        || path.starts_with("..")
        || Path::new(path).components().any(|part| !matches!(part, Component::Normal(_)));
    if bad { Err(Error::Path(path.to_owned())) } else { Ok(()) }
}

/// Makes `dir` hold exactly the payload. `own` sets ownership of a finished tree before readers see it.
/// Returns whether anything was written.
///
/// # Errors
/// [`Error`]; readers keep seeing the old files.
pub fn write(dir: &Path, payload: &Payload, own: impl Fn(&Path) -> io::Result<()>) -> Result<bool, Error> {
    for path in payload.keys() {
        check_path(path)?;
    }
    let link = dir.join(DATA);
    let current = fs::read_link(&link).ok();
    if let Some(current) = &current
        && same(&dir.join(current), payload)
    {
        links(dir, payload)?;
        sweep(dir, Some(current))?;
        return Ok(false);
    }
    let fresh = stage(dir, payload)?;
    own(&dir.join(&fresh)).map_err(io_error(dir))?;
    let temporary = dir.join(DATA_TEMPORARY);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(&temporary)(error)),
        _ => {}
    }
    symlink(&fresh, &temporary).map_err(io_error(&temporary))?;
    fs::rename(&temporary, &link).map_err(io_error(&link))?;
    links(dir, payload)?;
    sweep(dir, Some(&fresh))?;
    Ok(true)
}

/// Writes the payload into a new dated directory; returns its name.
fn stage(dir: &Path, payload: &Payload) -> Result<PathBuf, Error> {
    let now = jiff::Timestamp::now().strftime("%Y_%m_%d_%H_%M_%S").to_string();
    let name = PathBuf::from(format!("..{now}.{:09}", rand::random_range(0..1_000_000_000_u32)));
    let root = dir.join(&name);
    fs::create_dir(&root).map_err(io_error(&root))?;
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).map_err(io_error(&root))?;
    for (path, file) in payload {
        let target = root.join(path);
        directories(&root, path)?;
        put(&target, file).map_err(io_error(&target))?;
    }
    Ok(name)
}

/// Makes the directories above a file, open to all whatever the process's mask is.
fn directories(root: &Path, path: &str) -> Result<(), Error> {
    let Some(parent) = Path::new(path).parent() else { return Ok(()) };
    let mut dir = root.to_owned();
    for part in parent {
        dir.push(part);
        match fs::create_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            other => other.map_err(io_error(&dir))?,
        }
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).map_err(io_error(&dir))?;
    }
    Ok(())
}

fn put(target: &Path, file: &File) -> io::Result<()> {
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(target)?;
    out.write_all(&file.data)?;
    // Set apart from creation, where the process's mask would apply.
    out.set_permissions(fs::Permissions::from_mode(file.mode & 0o7777))?;
    if file.user.is_some() {
        std::os::unix::fs::chown(target, file.user, None)?;
    }
    Ok(())
}

/// Whether a tree holds exactly the payload.
fn same(root: &Path, payload: &Payload) -> bool {
    let equal = payload.iter().all(|(path, file)| {
        let target = root.join(path);
        fs::read(&target).is_ok_and(|data| data == file.data)
            && fs::metadata(&target).is_ok_and(|meta| meta.permissions().mode() & file.mode == file.mode)
    });
    equal && count(root) == payload.len()
}

fn count(root: &Path) -> usize {
    let Ok(entries) = fs::read_dir(root) else { return 0 };
    entries
        .flatten()
        .map(|entry| if entry.file_type().is_ok_and(|kind| kind.is_dir()) { count(&entry.path()) } else { 1 })
        .sum()
}

/// First components of the payload's paths: what users see at the top.
fn tops(payload: &Payload) -> BTreeSet<&str> {
    payload.keys().filter_map(|path| path.split('/').find(|part| !part.is_empty() && *part != ".")).collect()
}

/// Makes the user-visible links, and removes those that no file of the payload needs.
fn links(dir: &Path, payload: &Payload) -> Result<(), Error> {
    let tops = tops(payload);
    for top in &tops {
        let link = dir.join(top);
        let target = Path::new(DATA).join(top);
        if fs::read_link(&link).is_ok_and(|current| current == target) {
            continue;
        }
        match symlink(&target, &link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io_error(&link)(error)),
            _ => {}
        }
    }
    for entry in fs::read_dir(dir).map_err(io_error(dir))?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if is_link && !name.starts_with("..") && !tops.contains(name.as_ref()) {
            fs::remove_file(entry.path()).map_err(io_error(&entry.path()))?;
        }
    }
    Ok(())
}

/// Removes dated directories that are not current.
fn sweep(dir: &Path, current: Option<&Path>) -> Result<(), Error> {
    for entry in fs::read_dir(dir).map_err(io_error(dir))?.flatten() {
        let name = entry.file_name();
        let dated = name.to_string_lossy().starts_with("..");
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if dated && is_dir && current != Some(Path::new(&name)) {
            fs::remove_dir_all(entry.path()).map_err(io_error(&entry.path()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(files: &[(&str, &str, u32)]) -> Payload {
        files
            .iter()
            .map(|(path, data, mode)| {
                ((*path).to_owned(), File { data: data.as_bytes().to_vec(), mode: *mode, user: None })
            })
            .collect()
    }

    fn visible(dir: &Path) -> BTreeSet<String> {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with("..")).collect()
    }

    fn dated(dir: &Path) -> usize {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
        entries.filter(|entry| entry.file_type().unwrap().is_dir()).count()
    }

    #[test]
    fn files_appear_change_and_go_through_links() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let first = payload(&[("a", "1", 0o644), ("d/e/f", "2", 0o400)]);
        assert!(write(dir, &first, |_| Ok(())).unwrap());
        assert_eq!(fs::read_to_string(dir.join("a")).unwrap(), "1");
        assert_eq!(fs::read_to_string(dir.join("d/e/f")).unwrap(), "2");
        let mode = |path: &str| fs::metadata(dir.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a"), mode("d/e/f")), (0o644, 0o400));
        assert!(!write(dir, &first, |_| Ok(())).unwrap());

        let second = payload(&[("b", "3", 0o644)]);
        assert!(write(dir, &second, |_| Ok(())).unwrap());
        assert_eq!(visible(dir), ["b".to_owned()].into());
        assert_eq!(dated(dir), 1);
    }

    #[test]
    fn leftovers_of_a_killed_write_are_cleaned_up() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let files = payload(&[("a", "1", 0o644)]);
        write(dir, &files, |_| Ok(())).unwrap();
        fs::create_dir(dir.join("..2020_01_01_00_00_00.1")).unwrap();
        fs::write(dir.join("..2020_01_01_00_00_00.1/a"), "half").unwrap();
        symlink("..nowhere", dir.join(DATA_TEMPORARY)).unwrap();
        fs::remove_file(dir.join("a")).unwrap();
        assert!(!write(dir, &files, |_| Ok(())).unwrap());
        assert_eq!(fs::read_to_string(dir.join("a")).unwrap(), "1");
        assert_eq!(dated(dir), 1);
        let next = payload(&[("a", "2", 0o644)]);
        assert!(write(dir, &next, |_| Ok(())).unwrap());
        assert_eq!(fs::read_to_string(dir.join("a")).unwrap(), "2");
    }

    #[test]
    fn paths_that_leave_the_directory_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["../x", "/x", "a/../../x", "", "..x", "a/../b"] {
            let files = payload(&[(path, "1", 0o644)]);
            assert!(matches!(write(dir.path(), &files, |_| Ok(())), Err(Error::Path(_))), "{path}");
        }
        assert!(visible(dir.path()).is_empty());
    }
}
