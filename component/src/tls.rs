//! TLS configurations of servers and clients: TLS 1.3 and 1.2, one crypto provider, live certificate rotation.

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::pki::Bundle;

/// Why a configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A PEM text holds no certificate or no key, or is damaged.
    #[error("invalid PEM of the {what}: {source}")]
    Pem {
        /// What the text should have held.
        what: &'static str,
        /// What the parser said.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// A PEM text holds no certificate.
    #[error("the PEM of the {0} holds no certificate")]
    Empty(&'static str),
    /// The certificate and key do not fit together or are not supported.
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
    /// The certificate authority cannot verify clients.
    #[error("client certificate verifier: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// Protocols offered by application-layer negotiation, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate of a server or client, replaceable while it is in use. Clones share it.
#[derive(Debug, Clone)]
pub struct Rotation(Arc<Resolver>);

#[derive(Debug)]
struct Resolver(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().clone())
    }
}

impl ResolvesClientCert for Resolver {
    fn resolve(&self, _roots: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl Rotation {
    fn new(bundle: &Bundle) -> Result<Self, Error> {
        Ok(Self(Arc::new(Resolver(RwLock::new(Arc::new(certified_key(bundle)?))))))
    }

    /// Shows `bundle` in every handshake from now on; open connections keep the old one.
    ///
    /// # Errors
    /// When the certificate or key does not parse or they do not fit together.
    pub fn replace(&self, bundle: &Bundle) -> Result<(), Error> {
        *self.0.0.write() = Arc::new(certified_key(bundle)?);
        Ok(())
    }
}

/// Makes the crypto provider of this project the process's default, for libraries that ask for one. Idempotent.
pub fn install_default_provider() {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        tracing::debug!("a crypto provider is already installed");
    }
}

/// Makes a server's configuration; client certificates are optional, and verified against `client_ca_pem` when sent.
///
/// # Errors
/// When a PEM text does not parse or certificate and key do not fit together.
pub fn server_config(bundle: &Bundle, client_ca_pem: Option<&str>) -> Result<Arc<ServerConfig>, Error> {
    rotating_server_config(bundle, client_ca_pem).map(|(config, _)| config)
}

/// Makes a server's configuration as [`server_config`] does, with a handle that replaces its certificate later.
///
/// # Errors
/// When a PEM text does not parse or certificate and key do not fit together.
pub fn rotating_server_config(
    bundle: &Bundle,
    client_ca_pem: Option<&str>,
) -> Result<(Arc<ServerConfig>, Rotation), Error> {
    let rotation = Rotation::new(bundle)?;
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(rustls::DEFAULT_VERSIONS)?;
    let builder = match client_ca_pem {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(pem)?), provider())
                .allow_unauthenticated()
                .build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(rotation.0.clone());
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    Ok((Arc::new(config), rotation))
}

/// Makes a client's configuration that trusts `ca_pem` alone and shows `identity` when there is one.
///
/// # Errors
/// When a PEM text does not parse or certificate and key do not fit together.
pub fn client_config(ca_pem: &str, identity: &Option<Bundle>) -> Result<Arc<ClientConfig>, Error> {
    client(ca_pem, identity.as_ref().map(Rotation::new).transpose()?.as_ref())
}

/// Makes a client's configuration as [`client_config`] does, with a handle that replaces its certificate later.
///
/// # Errors
/// When a PEM text does not parse or certificate and key do not fit together.
pub fn rotating_client_config(ca_pem: &str, identity: &Bundle) -> Result<(Arc<ClientConfig>, Rotation), Error> {
    let rotation = Rotation::new(identity)?;
    Ok((client(ca_pem, Some(&rotation))?, rotation))
}

fn client(ca_pem: &str, identity: Option<&Rotation>) -> Result<Arc<ClientConfig>, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)?
        .with_root_certificates(roots(ca_pem)?);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(rotation) => builder.with_client_cert_resolver(rotation.0.clone()),
    };
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots(pem: &str) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "certificate authority")? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn certificates(pem: &str, what: &'static str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|source| Error::Pem { what, source })?;
    if chain.is_empty() { Err(Error::Empty(what)) } else { Ok(chain) }
}

fn parse(bundle: &Bundle) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let chain = certificates(&bundle.cert_pem, "certificate")?;
    let key = PrivateKeyDer::from_pem_slice(bundle.key_pem.as_bytes())
        .map_err(|source| Error::Pem { what: "private key", source })?;
    Ok((chain, key))
}

fn certified_key(bundle: &Bundle) -> Result<CertifiedKey, Error> {
    let (chain, key) = parse(bundle)?;
    Ok(CertifiedKey::from_der(chain, key, &provider())?)
}
