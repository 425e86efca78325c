//! Mount points: asking the kernel, mounting tmpfs, unmounting.

use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags};

/// Mount points of this mount namespace, in mount order.
///
/// # Errors
/// When `/proc/self/mountinfo` cannot be read.
pub fn list() -> io::Result<Vec<PathBuf>> {
    let text = std::fs::read("/proc/self/mountinfo")?;
    Ok(parse(&text))
}

fn parse(text: &[u8]) -> Vec<PathBuf> {
    let lines = text.split(|byte| *byte == b'\n');
    lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4)).map(unescape).collect()
}

/// Undoes the octal escapes of the kernel (`\040` for a space).
fn unescape(field: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let digits = after.get(..3).filter(|digits| byte == b'\\' && digits.iter().all(|d| (b'0'..b'8').contains(d)));
        if let Some(digits) = digits {
            out.push(digits.iter().fold(0_u8, |value, digit| value.wrapping_mul(8).wrapping_add(digit - b'0')));
            rest = after.get(3..).unwrap_or_default();
        } else {
            out.push(byte);
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(out))
}

/// Whether something is mounted on `path`.
///
/// # Errors
/// When the mount table cannot be read.
pub fn is_mount_point(path: &Path) -> io::Result<bool> {
    Ok(list()?.iter().any(|mount| mount == path))
}

/// Mounts a tmpfs on `path`, with a size limit in bytes when given.
///
/// # Errors
/// When the kernel refuses.
pub fn mount_tmpfs(path: &Path, size: Option<u64>) -> io::Result<()> {
    let options = size.map(|size| format!("size={size}"));
    nix::mount::mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), options.as_deref())?;
    Ok(())
}

/// Unmounts everything on and below `root`, last mounted first. What is busy is detached.
///
/// # Errors
/// When the kernel refuses.
pub fn unmount_below(root: &Path) -> io::Result<()> {
    for mount in list()?.iter().rev().filter(|mount| mount.starts_with(root)) {
        match nix::mount::umount2(mount, MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) | Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOENT) => {}
            Err(_) => nix::mount::umount2(mount, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)?,
        }
    }
    Ok(())
}

/// Unmounts everything below `root`, then removes it. A tree that is not there is success.
///
/// # Errors
/// When the kernel refuses; nothing is removed while anything is still mounted below.
pub fn remove_tree(root: &Path) -> io::Result<()> {
    unmount_below(root)?;
    if let Some(mount) = list()?.iter().find(|mount| mount.starts_with(root)) {
        let busy = format!("{} is still mounted", mount.display());
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, busy));
    }
    match std::fs::remove_dir_all(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_with_their_escapes() {
        let text = b"24 1 0:22 / /proc rw - proc proc rw\n25 1 0:23 / /a\\040b\\134c rw shared:1 - tmpfs tmpfs rw\n";
        assert_eq!(parse(text), [PathBuf::from("/proc"), PathBuf::from("/a b\\c")]);
    }

    #[test]
    fn the_root_is_a_mount_point() {
        assert!(is_mount_point(Path::new("/")).unwrap());
    }
}
