//! Rotation: a log that has grown too large is moved away, older ones are compressed, the oldest go.
//!
//! Names are upstream's (`pkg/kubelet/logs/container_log_manager.go @ v1.36`): `0.log.20260102-030405`, then
//! `0.log.20260102-030405.gz`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

/// How much of a container's log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Size from which a log is moved away, in bytes (`containerLogMaxSize`).
    pub max_bytes: u64,
    /// Files of one container together, at least 2 (`containerLogMaxFiles`).
    pub max_files: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { max_bytes: 10 << 20, max_files: 5 }
    }
}

const COMPRESSED: &str = "gz";
/// A file that is being compressed; what is left of one was cut short by a kill.
const UNFINISHED: &str = "tmp";

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

fn ends_with(path: &Path, suffix: &str) -> bool {
    path.extension().is_some_and(|extension| extension == suffix)
}

/// Files that were moved away from `path`, oldest first.
///
/// # Errors
/// Of reading the directory.
pub fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return Ok(Vec::new()) };
    let prefix = [name.as_encoded_bytes(), b"."].concat();
    let mut out = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(&prefix) {
            out.push(entry.path());
        }
    }
    out.sort();
    Ok(out)
}

/// Moves a log that is too large away and gives its new name; `None` when it is not too large. Older ones are compressed
/// or removed before. The runtime must be told to open the log anew.
///
/// # Errors
/// Of the file system; a log that is not there is none.
pub fn rotate(path: &Path, policy: Policy, now: Timestamp) -> io::Result<Option<PathBuf>> {
    match fs::metadata(path) {
        Ok(meta) if meta.len() >= policy.max_bytes => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => return Ok(None),
    }
    let mut old = rotated(path)?;
    for unfinished in old.extract_if(.., |path| ends_with(path, UNFINISHED)) {
        fs::remove_file(unfinished)?;
    }
    // The log itself and the one that is about to be moved away count too.
    let excess = old.len().saturating_sub(policy.max_files.saturating_sub(2));
    for oldest in old.drain(..excess) {
        fs::remove_file(oldest)?;
    }
    for plain in old.iter().filter(|path| !ends_with(path, COMPRESSED)) {
        compress(plain)?;
    }
    let moved = with_suffix(path, &now.strftime("%Y%m%d-%H%M%S").to_string());
    fs::rename(path, &moved)?;
    Ok(Some(moved))
}

fn compress(path: &Path) -> io::Result<()> {
    let unfinished = with_suffix(path, UNFINISHED);
    let mut encoder = GzEncoder::new(File::create(&unfinished)?, Compression::default());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?;
    fs::rename(&unfinished, with_suffix(path, COMPRESSED))?;
    fs::remove_file(path)
}

/// Removes a log with all that was moved away from it. One that is not there is success.
///
/// # Errors
/// Of the file system.
pub fn remove(path: &Path) -> io::Result<()> {
    let found = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    match rotated(path) {
        Ok(old) => old.iter().try_for_each(|old| found(fs::remove_file(old)))?,
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    found(fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_large_log_is_moved_away_and_only_so_many_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let policy = Policy { max_bytes: 4, max_files: 3 };
        let at = |second: u32| format!("2026-01-02T03:04:{second:02}Z").parse().unwrap();
        assert_eq!(rotate(&path, policy, at(0)).unwrap(), None);
        fs::write(&path, "abc").unwrap();
        assert_eq!(rotate(&path, policy, at(0)).unwrap(), None);
        for second in 1..=4 {
            fs::write(&path, format!("log {second}")).unwrap();
            let moved = rotate(&path, policy, at(second)).unwrap().unwrap();
            assert_eq!(fs::read_to_string(moved).unwrap(), format!("log {second}"));
        }
        fs::write(dir.path().join("0.log.20260102-030405.tmp"), "cut short").unwrap();
        fs::write(dir.path().join("1.log.20260102-030405"), "of another instance").unwrap();
        fs::write(&path, "log 5").unwrap();
        rotate(&path, policy, at(5)).unwrap();
        let expected = ["0.log.20260102-030404.gz", "0.log.20260102-030405", "1.log.20260102-030405"];
        assert_eq!(names(dir.path()), expected);
        let mut text = String::new();
        let file = File::open(dir.path().join(expected[0])).unwrap();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        assert_eq!(text, "log 4");
        remove(&path).unwrap();
        assert_eq!(names(dir.path()), expected[2..]);
        remove(&path).unwrap();
    }
}
