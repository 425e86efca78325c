//! Signs tokens and reads those it signed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use corvette_component::signing::SigningKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Claims;

/// Tokens whose signature is remembered as good; all are forgotten when there are more.
const REMEMBERED: usize = 4096;

/// Why a token could not be signed or read.
pub type Error = jsonwebtoken::errors::Error;

/// Signs tokens with one key.
pub struct Issuer {
    url: String,
    header: Header,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    keys: Value,
    /// Claims by digest of tokens with a good signature: to check it costs more than the rest of most requests.
    known: Mutex<HashMap<[u8; 32], Arc<Claims>>>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Makes the issuer `url` (https), also the default audience, of a key.
    pub fn new(url: &str, key: &SigningKey) -> Self {
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(key.public_der()));
        let point = key.public_point();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
        let keys = json!({"keys": [{
            "use": "sig", "kty": "EC", "kid": id, "crv": "P-256", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]});
        let mut validation = Validation::new(Algorithm::ES256);
        // Times and audience are compared with the server's clock and the caller's audiences by who verifies.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        validation.set_issuer(&[url]);
        Self {
            url: url.to_owned(),
            header: Header { typ: None, kid: Some(id), ..Header::new(Algorithm::ES256) },
            encoding: EncodingKey::from_ec_der(&key.private_der()),
            decoding: DecodingKey::from_ec_der(point),
            validation,
            keys,
            known: Mutex::default(),
        }
    }

    /// Who issues: value of `iss`, and the audience of tokens that name none.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Signs claims.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, claims: &Claims) -> Result<String, Error> {
        jsonwebtoken::encode(&self.header, claims, &self.encoding)
    }

    /// Reads a token with a good signature of this issuer; it may be too old or void.
    ///
    /// # Errors
    /// When it is no token or somebody else's.
    pub fn read(&self, token: &str) -> Result<Arc<Claims>, Error> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(claims) = self.known.lock().get(&digest) {
            return Ok(Arc::clone(claims));
        }
        let claims = Arc::new(jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)?.claims);
        let mut known = self.known.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(digest, Arc::clone(&claims));
        Ok(claims)
    }

    /// The public keys, as `/openid/v1/jwks` shows them.
    pub fn keys(&self) -> &Value {
        &self.keys
    }

    /// The document at `/.well-known/openid-configuration`; `address` (host and port) is where the keys are served.
    pub fn configuration(&self, address: &str) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("https://{address}/openid/v1/jwks"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::{Bound, Reference};

    fn claims(issuer: &Issuer) -> Claims {
        let account = Reference { name: "a".to_owned(), uid: "u".to_owned() };
        let bound = Bound {
            namespace: "n".to_owned(),
            node: None,
            pod: None,
            secret: None,
            serviceaccount: account,
            warnafter: None,
        };
        Claims {
            aud: vec![issuer.url().to_owned()],
            exp: 2,
            iat: 1,
            iss: issuer.url().to_owned(),
            jti: "j".to_owned(),
            bound,
            nbf: 1,
            sub: "system:serviceaccount:n:a".to_owned(),
        }
    }

    #[test]
    fn reads_only_what_it_signed() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let issuer = Issuer::new("https://a", &key);
        let token = issuer.sign(&claims(&issuer)).unwrap();
        for _ in 0..2 {
            assert_eq!(*issuer.read(&token).unwrap(), claims(&issuer));
        }
        assert!(Issuer::new("https://a", &other).read(&token).is_err(), "another key");
        assert!(Issuer::new("https://b", &key).read(&token).is_err(), "another issuer");
        let (head, rest) = token.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let forged = URL_SAFE_NO_PAD.encode(json!({"sub": "system:admin"}).to_string());
        assert!(issuer.read(&format!("{head}.{forged}.{signature}")).is_err(), "another payload");
        let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none"}).to_string());
        assert!(issuer.read(&format!("{none}.{forged}.")).is_err(), "no signature");
    }
}
