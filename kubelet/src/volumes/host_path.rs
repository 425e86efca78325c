//! hostPath: a file or directory of the node.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Volume;

use super::{Context, Error, blocking};

pub(super) fn set_up<'a>(_: Context<'a>, volume: &'a Volume, _: PathBuf) -> BoxFuture<'a, Result<PathBuf, Error>> {
    async move {
        let Some(source) = &volume.host_path else { return Err(Error::Invalid("no hostPath".to_owned())) };
        let path = PathBuf::from(&source.path);
        let kind = source.type_.clone().unwrap_or_default();
        blocking(move || check(&path, &kind).map(|()| path)).await
    }
    .boxed()
}

/// Checks that the path is what the volume says, making it first where the type asks for that. As upstream's
/// `pkg/volume/hostpath: checkType @ v1.36`.
fn check(path: &Path, kind: &str) -> Result<(), Error> {
    match kind {
        "DirectoryOrCreate" if !path.exists() => {
            fs::create_dir_all(path).map_err(Error::io(path))?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(Error::io(path))?;
        }
        "FileOrCreate" if !path.exists() => make_file(path).map_err(Error::io(path))?,
        _ => {}
    }
    let meta = || fs::metadata(path).ok().map(|meta| meta.file_type());
    let (fits, what) = match kind {
        "" => return Ok(()),
        "Directory" | "DirectoryOrCreate" => (meta().is_some_and(|t| t.is_dir()), "a directory"),
        "File" | "FileOrCreate" => (meta().is_some_and(|t| t.is_file()), "a file"),
        "Socket" => (meta().is_some_and(|t| t.is_socket()), "a socket file"),
        "CharDevice" => (meta().is_some_and(|t| t.is_char_device()), "a character device"),
        "BlockDevice" => (meta().is_some_and(|t| t.is_block_device()), "a block device"),
        other => return Err(Error::Invalid(format!("{other} is an invalid volume type"))),
    };
    if fits {
        return Ok(());
    }
    Err(Error::Missing(format!("hostPath type check failed: {} is not {what}", path.display())))
}

fn make_file(path: &Path) -> io::Result<()> {
    let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_checked_and_made_where_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let message = |name: &str, kind: &str| check(&path(name), kind).unwrap_err().to_string();
        assert!(message("none", "Directory").ends_with("is not a directory"));
        assert!(message("none", "File").starts_with("hostPath type check failed: "));
        check(&path("none"), "").unwrap();
        check(&path("d/e"), "DirectoryOrCreate").unwrap();
        check(&path("d"), "Directory").unwrap();
        check(&path("f"), "FileOrCreate").unwrap();
        check(&path("f"), "File").unwrap();
        assert!(message("f", "DirectoryOrCreate").ends_with("is not a directory"));
        assert!(message("f", "Socket").ends_with("is not a socket file"));
    }
}
