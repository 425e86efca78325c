//! Marks of containers that are being started.
//!
//! A runtime gives a start up when the kubelet that asked for it is killed, and then shows the container as ended. The
//! mark tells the next kubelet that this container did not end but never ran.

use std::io;
use std::path::{Path, PathBuf};

fn path(pod_dir: &Path, id: &str) -> PathBuf {
    pod_dir.join("starting").join(id)
}

/// Marks a container before it is started.
///
/// # Errors
/// When the file system refuses.
pub async fn mark(pod_dir: &Path, id: &str) -> io::Result<PathBuf> {
    let path = path(pod_dir, id);
    if let Some(dir) = path.parent() {
        tokio::fs::create_dir_all(dir).await?;
    }
    tokio::fs::write(&path, []).await?;
    Ok(path)
}

/// Removes a mark: the runtime has said whether the container runs.
pub async fn unmark(mark: &Path) {
    match tokio::fs::remove_file(mark).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(mark = %mark.display(), %error, "mark of a started container not removed");
        }
        _ => {}
    }
}

/// Whether a container is marked.
pub async fn is_marked(pod_dir: &Path, id: &str) -> bool {
    tokio::fs::try_exists(path(pod_dir, id)).await.unwrap_or(false)
}
