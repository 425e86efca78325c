//! Service accounts.

use serde_json::Value;

use super::super::related::Need;
use super::super::related::Related;
use super::super::text::{Text, line};
use crate::value::{list, text};
use corvette_api::meta::annotation;

const SECRETS: &str = "secrets";

/// Asks for the secrets in the account's namespace.
pub fn needs(account: &Value) -> Vec<Need> {
    vec![Need::new(SECRETS, format!("/api/v1/namespaces/{}/secrets", text(account, "/metadata/namespace")))]
}

/// Writes a service account and the secrets that belong to it.
pub fn describe(out: &mut Text, account: &Value, related: &Related) {
    out.name_and_namespace(account);
    out.labels_and_annotations(account);
    let secrets = related.items(SECRETS);
    let missing = |name: &str| secrets.is_ok_and(|all| !all.iter().any(|s| text(s, "/metadata/name") == name));
    let names = |pointer: &str| list(account, pointer).iter().map(|s| text(s, "/name")).collect::<Vec<_>>();
    let (name, uid) = (text(account, "/metadata/name"), text(account, "/metadata/uid"));
    let own = |secret: &&Value| {
        text(secret, "/type") == "kubernetes.io/service-account-token"
            && annotation(secret, "kubernetes.io/service-account.name") == Some(name)
            && annotation(secret, "kubernetes.io/service-account.uid") == Some(uid)
    };
    let tokens = secrets.unwrap_or_default().iter().filter(own).map(|s| text(s, "/metadata/name")).collect();
    for (header, names) in [
        ("Image pull secrets:", names("/imagePullSecrets")),
        ("Mountable secrets: ", names("/secrets")),
        ("Tokens:            ", tokens),
    ] {
        if names.is_empty() {
            line!(out, 0, "{header}\t<none>");
        }
        for (i, name) in names.iter().enumerate() {
            let header = if i == 0 { header } else { "                   " };
            line!(out, 0, "{header}\t{name}{}", if missing(name) { " (not found)" } else { "" });
        }
    }
}
