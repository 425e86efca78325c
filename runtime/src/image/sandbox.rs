//! The sandbox image: one layer with our own static program, as an OCI archive built in memory.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::tar;

/// The program, built from `pause/pause.c` by the build script.
const PAUSE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pause"));

/// Architecture in OCI's (Go's) words.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// Builds the archive with the image under `reference`. Equal input gives equal bytes.
pub(super) fn archive(reference: &str) -> Vec<u8> {
    let mut layer = Vec::new();
    tar::append(&mut layer, "pause", 0o755, PAUSE);
    tar::finish(&mut layer);
    let config = json!({
        "architecture": ARCHITECTURE,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": { "Entrypoint": ["/pause"], "User": "65535:65535", "WorkingDir": "/" },
        "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
    })
    .to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
    })
    .to_string();
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());
    if let Some(entry) = entry.as_object_mut() {
        entry.insert("annotations".to_owned(), json!({ "io.containerd.image.name": reference }));
        entry.insert("platform".to_owned(), json!({ "architecture": ARCHITECTURE, "os": "linux" }));
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    })
    .to_string();
    let mut out = Vec::new();
    tar::append(&mut out, "oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#);
    tar::append(&mut out, "index.json", 0o644, index.as_bytes());
    for blob in [config.as_bytes(), manifest.as_bytes(), &layer] {
        tar::append(&mut out, &format!("blobs/{}", digest(blob).replace(':', "/")), 0o644, blob);
    }
    tar::finish(&mut out);
    out
}

/// An OCI content descriptor.
fn descriptor(media_type: &str, content: &[u8]) -> serde_json::Value {
    json!({ "mediaType": media_type, "digest": digest(content), "size": content.len() })
}

/// The digest of content as OCI writes it.
fn digest(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_a_small_static_executable_that_ends_on_sigterm() {
        assert!(PAUSE.starts_with(b"\x7fELF") && PAUSE.len() < 16 * 1024, "{} bytes", PAUSE.len());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pause");
        std::fs::write(&path, PAUSE).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut child = std::process::Command::new(&path).spawn().unwrap();
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        // Before the program blocks the signal its default action ends it too, so only the end is certain.
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn the_archive_is_reproducible() {
        assert_eq!(archive("a/b:1"), archive("a/b:1"));
    }
}
