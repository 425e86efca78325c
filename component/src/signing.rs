//! The key that signs service account tokens, kept as PEM files.

use std::fmt;
use std::path::Path;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};

use crate::files;
use crate::pki::{self, Error};

/// An ECDSA P-256 key pair.
pub struct SigningKey(KeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Makes a new key that is kept nowhere.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn generate() -> Result<Self, Error> {
        let made = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
        made.map(Self).map_err(|source| Error::Issue { name: "signing key".to_owned(), source })
    }

    /// Loads `<dir>/<name>.key`, or makes it and `<name>.pub` when it is missing.
    ///
    /// # Errors
    /// Unreadable or damaged files, which are never overwritten.
    pub fn load_or_create(dir: &Path, name: &str) -> Result<Self, Error> {
        let path = dir.join(format!("{name}.key"));
        if path.exists() {
            return Self::load(&path);
        }
        let made = Self::generate()?;
        files::create_dir(dir, 0o700).map_err(|source| Error::File { path: dir.to_owned(), source })?;
        let public = dir.join(format!("{name}.pub"));
        let (private_pem, public_pem) = (made.0.serialize_pem(), made.0.public_key_pem());
        for (file, pem, mode) in [(public, public_pem, 0o644), (path, private_pem, 0o600)] {
            files::write_atomic(&file, pem.as_bytes(), mode).map_err(|source| Error::File { path: file, source })?;
        }
        Ok(made)
    }

    /// Loads the private key in the PEM file `path`.
    ///
    /// # Errors
    /// Unreadable or damaged files.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let damaged = |message: String| Error::Damaged { path: path.to_owned(), message };
        let key = KeyPair::from_pem(&pki::read_pem(path)?).map_err(|error| damaged(error.to_string()))?;
        if !key.is_compatible(&PKCS_ECDSA_P256_SHA256) {
            return Err(damaged("is no ECDSA P-256 key".to_owned()));
        }
        Ok(Self(key))
    }

    /// The private key as PKCS #8 DER.
    pub fn private_der(&self) -> Vec<u8> {
        self.0.serialize_der()
    }

    /// The public key as an uncompressed point: 4, then x and y of 32 bytes each.
    pub fn public_point(&self) -> &[u8] {
        self.0.public_key_raw()
    }

    /// The public key as SubjectPublicKeyInfo DER.
    pub fn public_der(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_damage_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        let made = SigningKey::load_or_create(dir.path(), "sa").unwrap();
        let loaded = SigningKey::load_or_create(dir.path(), "sa").unwrap();
        assert_eq!(made.public_point(), loaded.public_point());
        assert_eq!(made.public_point().len(), 65);
        std::fs::write(dir.path().join("sa.key"), "no key").unwrap();
        let error = SigningKey::load_or_create(dir.path(), "sa").unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}
