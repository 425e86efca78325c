//! An own certificate authority and the certificates it issues, kept as PEM files.
//!
//! Keys are ECDSA P-256, files are replaced atomically, private keys are readable by their owner alone.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::files;

/// Ten years, as kubeadm's authorities.
const CA_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How far certificates reach into the past, for machines whose clocks lag.
const BACKDATE: Duration = Duration::from_secs(300);

/// Why a certificate could not be loaded or made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// A file is there but is not what its name says.
    #[error("{}: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The authority's certificate is not valid at the machine's time, and so is nothing it signs.
    #[error("{}: not valid at this machine's time, {now}; set the clock, or remove the file and its key to begin anew", path.display())]
    Time {
        /// The certificate.
        path: PathBuf,
        /// The machine's time.
        now: Timestamp,
    },
    /// The request has more than two organizations.
    #[error("certificate for {name:?}: at most two organizations are supported")]
    Organizations {
        /// The common name asked for.
        name: String,
    },
    /// The request cannot be turned into a certificate, or signing failed.
    #[error("certificate for {name:?}: {source}")]
    Issue {
        /// The common name asked for.
        name: String,
        /// What the library said.
        #[source]
        source: rcgen::Error,
    },
}

/// What a certificate may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// To serve TLS.
    Server,
    /// To identify a client.
    Client,
    /// For both.
    Both,
}

/// A certificate to issue.
#[derive(Debug, Clone)]
pub struct Request {
    /// The subject's common name: the user name of a client.
    pub common_name: String,
    /// The subject's organizations (at most two): the groups of a client.
    pub organizations: Vec<String>,
    /// Host names it is valid for.
    pub dns_names: Vec<String>,
    /// Addresses it is valid for.
    pub ips: Vec<IpAddr>,
    /// What it may be used for.
    pub usage: Usage,
    /// How long it is valid from now.
    pub lifetime: Duration,
}

/// A certificate and its private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The certificate as PEM.
    pub cert_pem: String,
    /// The private key as PEM (PKCS #8).
    pub key_pem: String,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

/// A certificate authority.
pub struct Ca {
    cert_pem: String,
    key_id: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    /// Loads `<dir>/<name>.crt` and `.key`, or makes them (ten years) when both are missing.
    ///
    /// # Errors
    /// Unreadable, damaged or half-missing files; they are never overwritten.
    pub fn load_or_create(dir: &Path, name: &str) -> Result<Self, Error> {
        let paths = Files::new(dir, name);
        match paths.read()? {
            Some(bundle) => Self::from_bundle(bundle, &paths.cert)?.valid_at(Timestamp::now(), paths.cert),
            None => {
                let bundle = self_signed(name, Timestamp::now())?;
                paths.write(&bundle)?;
                Self::from_bundle(bundle, &paths.cert)
            }
        }
    }

    /// Makes an authority that is kept nowhere, for a server nobody gave a certificate to.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn temporary(name: &str) -> Result<Self, Error> {
        Self::from_bundle(self_signed(name, Timestamp::now())?, Path::new(name))
    }

    /// Returns the authority's certificate as PEM.
    #[must_use]
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// Issues a certificate with a new key.
    ///
    /// # Errors
    /// When a name in the request cannot be written into a certificate, or there are over two organizations.
    pub fn issue(&self, request: &Request) -> Result<Bundle, Error> {
        self.issue_at(request, Timestamp::now())
    }

    fn issue_at(&self, request: &Request, now: Timestamp) -> Result<Bundle, Error> {
        let issue = |source| Error::Issue { name: request.common_name.clone(), source };
        if request.organizations.len() > organization_types().len() {
            return Err(Error::Organizations { name: request.common_name.clone() });
        }
        let key = KeyPair::generate().map_err(issue)?;
        let cert = parameters(request, now).and_then(|p| p.signed_by(&key, &self.issuer)).map_err(issue)?;
        Ok(Bundle { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
    }

    fn valid_at(self, now: Timestamp, path: PathBuf) -> Result<Self, Error> {
        let valid = with_certificate(&self.cert_pem, |cert| {
            let validity = cert.validity();
            (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now.as_second())
        });
        match valid {
            Ok(true) => Ok(self),
            Ok(false) => Err(Error::Time { path, now }),
            Err(message) => Err(Error::Damaged { path, message }),
        }
    }

    fn from_bundle(bundle: Bundle, path: &Path) -> Result<Self, Error> {
        let damaged = |message: String| Error::Damaged { path: path.to_owned(), message };
        let key = KeyPair::from_pem(&bundle.key_pem).map_err(|e| damaged(e.to_string()))?;
        let key_id = with_certificate(&bundle.cert_pem, |cert| {
            let same = cert.public_key().subject_public_key.data.as_ref() == key.public_key_raw();
            same.then(|| subject_key_id(cert))
        });
        let key_id = key_id.map_err(damaged)?.ok_or_else(|| damaged("does not belong to its key".to_owned()))?;
        let issuer = Issuer::from_ca_cert_pem(&bundle.cert_pem, key).map_err(|e| damaged(e.to_string()))?;
        Ok(Self { cert_pem: bundle.cert_pem, key_id, issuer })
    }
}

/// Loads `<dir>/<name>.crt` and `.key`, or issues and writes them when they are missing, were made by another
/// authority, have under a third of their lifetime left, or differ from `request` in names, groups or addresses.
///
/// # Errors
/// File system errors, or those of [`Ca::issue`].
pub fn load_or_issue(dir: &Path, name: &str, ca: &Ca, request: &Request) -> Result<Bundle, Error> {
    let paths = Files::new(dir, name);
    let now = Timestamp::now();
    if let Some(bundle) = paths.read()? {
        match still_good(&bundle, ca, request, now) {
            Ok(()) => return Ok(bundle),
            Err(reason) => tracing::info!(certificate = %paths.cert.display(), %reason, "issuing again"),
        }
    }
    let bundle = ca.issue_at(request, now)?;
    paths.write(&bundle)?;
    Ok(bundle)
}

/// The two PEM files of a certificate and its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate, with those of the authorities between it and the root after it.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Files {
    /// Names `<dir>/<name>.crt` and `.key`.
    #[must_use]
    pub fn new(dir: &Path, name: &str) -> Self {
        Self { cert: dir.join(format!("{name}.crt")), key: dir.join(format!("{name}.key")) }
    }

    /// Reads both files.
    ///
    /// # Errors
    /// When one is missing or cannot be read.
    pub fn load(&self) -> Result<Bundle, Error> {
        Ok(Bundle { cert_pem: read_pem(&self.cert)?, key_pem: read_pem(&self.key)? })
    }

    fn read(&self) -> Result<Option<Bundle>, Error> {
        match (read(&self.cert)?, read(&self.key)?) {
            (Some(cert_pem), Some(key_pem)) => Ok(Some(Bundle { cert_pem, key_pem })),
            // The key is written first, so a crash leaves a key alone, which nothing can depend on yet.
            (None, _) => Ok(None),
            (Some(_), None) => {
                let message = "the certificate is there but its key is missing".to_owned();
                Err(Error::Damaged { path: self.key.clone(), message })
            }
        }
    }

    fn write(&self, bundle: &Bundle) -> Result<(), Error> {
        let file = |path: &Path, source| Error::File { path: path.to_owned(), source };
        if let Some(dir) = self.cert.parent() {
            files::create_dir(dir, 0o700).map_err(|e| file(dir, e))?;
        }
        files::write_atomic(&self.key, bundle.key_pem.as_bytes(), 0o600).map_err(|e| file(&self.key, e))?;
        files::write_atomic(&self.cert, bundle.cert_pem.as_bytes(), 0o644).map_err(|e| file(&self.cert, e))
    }
}

/// Reads a PEM file that must be there.
///
/// # Errors
/// [`Error::File`].
pub fn read_pem(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Reads a file that may be missing.
fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File { path: path.to_owned(), source }),
    }
}

fn self_signed(name: &str, now: Timestamp) -> Result<Bundle, Error> {
    let issue = |source| Error::Issue { name: name.to_owned(), source };
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, format!("corvette-{name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    validity(&mut params, CA_LIFETIME, now);
    let key = KeyPair::generate().map_err(issue)?;
    let cert = params.self_signed(&key).map_err(issue)?;
    Ok(Bundle { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
}

fn parameters(request: &Request, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, &*request.common_name);
    for (kind, organization) in organization_types().into_iter().zip(&request.organizations) {
        params.distinguished_name.push(kind, &**organization);
    }
    for name in &request.dns_names {
        params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
    }
    params.subject_alt_names.extend(request.ips.iter().map(|ip| SanType::IpAddress(*ip)));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = match request.usage {
        Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
        Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
        Usage::Both => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
    };
    params.use_authority_key_identifier_extension = true;
    validity(&mut params, request.lifetime, now);
    Ok(params)
}

/// The library's names hold one value per type; the same attribute spelt as a number counts as a second type.
fn organization_types() -> [DnType; 2] {
    [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])]
}

fn validity(params: &mut CertificateParams, lifetime: Duration, now: Timestamp) {
    let since_epoch = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch.saturating_sub(BACKDATE);
    params.not_after = epoch + (since_epoch + lifetime);
}

/// Whom a certificate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The common name: the user name of a client.
    pub common_name: String,
    /// The organizations: the groups of a client.
    pub organizations: Vec<String>,
}

impl Subject {
    /// Reads the subject of a certificate (DER) that TLS has verified; `None` when it has no common name.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject();
        let common_name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
        let organizations = subject.iter_organization().filter_map(|o| o.as_str().ok().map(str::to_owned)).collect();
        Some(Self { common_name, organizations })
    }
}

/// Parses the first certificate of a PEM text and reads something from it.
fn with_certificate<T>(pem: &str, read: impl FnOnce(&X509Certificate<'_>) -> T) -> Result<T, String> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|e| e.to_string())?;
    let cert = pem.parse_x509().map_err(|e| e.to_string())?;
    Ok(read(&cert))
}

fn subject_key_id(cert: &X509Certificate<'_>) -> Vec<u8> {
    let found = cert.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        _ => None,
    });
    found.unwrap_or_default()
}

fn authority_key_id(cert: &X509Certificate<'_>) -> Vec<u8> {
    let found = cert.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0.to_vec()),
        _ => None,
    });
    found.unwrap_or_default()
}

/// Says whether a certificate on disk still serves `request`, or why not.
fn still_good(bundle: &Bundle, ca: &Ca, request: &Request, now: Timestamp) -> Result<(), String> {
    with_certificate(&bundle.cert_pem, |cert| {
        if authority_key_id(cert) != ca.key_id {
            return Err("it was made by another authority".to_owned());
        }
        let validity = cert.validity();
        let (start, end) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        if (end - now.as_second()).saturating_mul(3) < end - start {
            return Err("less than a third of its lifetime is left".to_owned());
        }
        if subject(cert) != wanted_subject(request) || names(cert) != wanted_names(request) {
            return Err("its names differ from those wanted".to_owned());
        }
        Ok(())
    })?
}

fn subject(cert: &X509Certificate<'_>) -> BTreeSet<String> {
    let name = cert.subject();
    let common = name.iter_common_name().filter_map(|a| a.as_str().ok()).map(|s| format!("CN={s}"));
    let groups = name.iter_organization().filter_map(|a| a.as_str().ok()).map(|s| format!("O={s}"));
    common.chain(groups).collect()
}

fn wanted_subject(request: &Request) -> BTreeSet<String> {
    let groups = request.organizations.iter().map(|o| format!("O={o}"));
    groups.chain([format!("CN={}", request.common_name)]).collect()
}

fn names(cert: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(extension)) = cert.subject_alternative_name() else { return BTreeSet::new() };
    let names = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|ip| ip.to_string()),
        _ => None,
    });
    names.collect()
}

fn wanted_names(request: &Request) -> BTreeSet<String> {
    request.dns_names.iter().cloned().chain(request.ips.iter().map(ToString::to_string)).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_from_the_future_names_the_clock() {
        let dir = tempfile::tempdir().unwrap();
        let tomorrow = Timestamp::now() + Duration::from_secs(24 * 3600);
        Files::new(dir.path(), "ca").write(&self_signed("ca", tomorrow).unwrap()).unwrap();
        let refused = Ca::load_or_create(dir.path(), "ca").err().unwrap();
        assert!(refused.to_string().contains("set the clock"), "{refused}");
    }
}
