//! `fsGroup`: gives a volume's files to a group.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;

/// Whether pods may write to the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only: configMap, secret, downwardAPI, projected.
    Read,
    /// Read and write: emptyDir.
    Write,
}

/// Gives `root` and everything below it to `group`, with the permissions that membership should bring; directories pass
/// the group on. As upstream's `pkg/volume/volume_linux.go: changeFilePermission @ v1.36`.
///
/// # Errors
/// The first refusal of the file system.
pub fn give_to_group(root: &Path, group: u32, access: Access) -> io::Result<()> {
    let meta = fs::symlink_metadata(root)?;
    if meta.gid() != group {
        lchown(root, None, Some(group))?;
    }
    if meta.is_symlink() {
        return Ok(());
    }
    let mut mode = match access {
        Access::Read => 0o440,
        Access::Write => 0o660,
    };
    if meta.is_dir() {
        mode |= 0o2110;
    }
    let wanted = meta.permissions().mode() | mode;
    fs::set_permissions(root, fs::Permissions::from_mode(wanted))?;
    if meta.is_dir() {
        for entry in fs::read_dir(root)? {
            give_to_group(&entry?.path(), group, access)?;
        }
    }
    Ok(())
}
