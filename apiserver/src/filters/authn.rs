//! Authentication: who makes a request.
//!
//! The transport proves identity before a request exists: the TLS layer turns a verified client certificate into an
//! [`Identity`] once for the connection, an in-process connection is made for a user. Others show a service account's
//! token with each request, or are anonymous.

use std::sync::Arc;

use corvette_api::status::{self, Status};
use corvette_component::pki::Subject;
use http::{Extensions, HeaderMap, header};
use sha2::{Digest, Sha256};

use crate::{
    App, UserInfo,
    tokens::{self, Refusal},
};

/// Request extension with the identity the transport proved.
#[derive(Clone, Debug)]
pub struct Identity(pub Arc<UserInfo>);

/// Returns the user of a request.
///
/// # Errors
/// 401 when the request carries a bearer token that is not accepted.
pub async fn authenticate(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Result<Arc<UserInfo>, Status> {
    if let Some(Identity(user)) = extensions.get::<Identity>() {
        return Ok(Arc::clone(user));
    }
    let Some(token) = bearer_token(headers) else { return Ok(Arc::new(UserInfo::anonymous())) };
    let unauthorized = || status::unauthorized("Unauthorized");
    let issuer = app.config.issuer.as_ref().ok_or_else(unauthorized)?;
    match tokens::verify(app, issuer, token, &[issuer.url().to_owned()]).await {
        Ok(verified) => Ok(Arc::new(verified.user)),
        Err(Refusal::Server(failed)) => Err(failed),
        Err(refused) => {
            tracing::debug!(%refused, "bearer token");
            Err(unauthorized())
        }
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

/// Turns a verified client certificate (DER) into a user: common name and organizations are name and groups.
/// Returns `None` when the certificate has no common name.
pub fn user_of_certificate(der: &[u8]) -> Option<UserInfo> {
    let Subject { common_name, organizations } = Subject::of_certificate(der)?;
    let groups: Vec<&str> = organizations.iter().map(String::as_str).collect();
    let mut user = UserInfo::new(&common_name, &groups);
    let digest: String = Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect();
    user.extra.insert("authentication.kubernetes.io/credential-id".to_owned(), vec![format!("X509SHA256={digest}")]);
    Some(user)
}
