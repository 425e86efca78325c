//! Certificates kept in files and followed while they are in use: whoever renews the files need not restart anything.

use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ServerConfig};

use crate::pki::{self, Bundle, Files};
use crate::tasks::Tasks;
use crate::tls::{self, Rotation};

/// How often the files are looked at (upstream: DynamicFileCertKeyContent, `FileRefreshDuration` of a minute).
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Why files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They cannot be read.
    #[error(transparent)]
    Pki(#[from] pki::Error),
    /// What is in them cannot be used.
    #[error("{}: {source}", path.display())]
    Tls {
        /// The certificate's file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: tls::Error,
    },
}

/// Makes a server's configuration as [`tls::server_config`] does, from files that may change.
///
/// # Errors
/// [`Error`].
pub fn server_config(files: &Files, client_ca_pem: Option<&str>, tasks: &Tasks) -> Result<Arc<ServerConfig>, Error> {
    let bundle = files.load()?;
    let made = tls::rotating_server_config(&bundle, client_ca_pem);
    let (config, rotation) = made.map_err(|source| Error::Tls { path: files.cert.clone(), source })?;
    follow(files.clone(), bundle, rotation, tasks);
    Ok(config)
}

/// Makes a client's configuration as [`tls::client_config`] does, from files that may change.
///
/// # Errors
/// [`Error`].
pub fn client_config(ca_pem: &str, files: &Files, tasks: &Tasks) -> Result<Arc<ClientConfig>, Error> {
    let bundle = files.load()?;
    let made = tls::rotating_client_config(ca_pem, &bundle);
    let (config, rotation) = made.map_err(|source| Error::Tls { path: files.cert.clone(), source })?;
    follow(files.clone(), bundle, rotation, tasks);
    Ok(config)
}

/// Takes over what the files hold whenever it has changed and fits together; until then the old pair stays in use.
fn follow(files: Files, mut current: Bundle, rotation: Rotation, tasks: &Tasks) {
    tasks.spawn_until_cancelled("follow certificate", async move {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let certificate = files.cert.display();
            match files.load() {
                Ok(bundle) if bundle == current => {}
                Ok(bundle) => match rotation.replace(&bundle) {
                    Ok(()) => {
                        tracing::info!(%certificate, "the certificate was replaced");
                        current = bundle;
                    }
                    Err(error) => tracing::warn!(%certificate, %error, "the new certificate cannot be used yet"),
                },
                Err(error) => tracing::warn!(%error, "the certificate cannot be read again"),
            }
        }
    });
}
