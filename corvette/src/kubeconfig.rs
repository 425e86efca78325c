//! Kubeconfig files with embedded credentials.

use std::path::Path;

use anyhow::{Context as _, Result};
use corvette_component::files;
use corvette_component::pki::Bundle;
use serde_json::json;

/// Writes a kubeconfig, readable by its owner alone. JSON is YAML; every client reads it.
pub fn write(path: &Path, server: &str, ca_pem: &str, user: &str, identity: &Bundle) -> Result<()> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "corvette", "cluster": { "server": server, "certificate-authority-data": base64(ca_pem) } }],
        "users": [{ "name": user, "user": {
            "client-certificate-data": base64(&identity.cert_pem),
            "client-key-data": base64(&identity.key_pem),
        } }],
        "contexts": [{ "name": "corvette", "context": { "cluster": "corvette", "user": user } }],
        "current-context": "corvette",
    });
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    }
    let text = serde_json::to_vec_pretty(&config).context("kubeconfig")?;
    // Most starts change nothing, and replacing a file waits for the disk.
    if std::fs::read(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    files::write_atomic(path, &text, 0o600).with_context(|| format!("cannot write {}", path.display()))
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
