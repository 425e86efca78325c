//! The image that tests run.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::command::run;

/// An archive with the sample image, made once per process.
///
/// # Panics
/// When it cannot be made, for example without a static busybox.
pub fn sample_image() -> PathBuf {
    static MADE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = MADE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("busybox.tar");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/samples/busybox-image.sh");
        run(Command::new("sh").arg(script).arg(&path), None).expect("the shell starts").success();
        (dir, path)
    });
    path.clone()
}
