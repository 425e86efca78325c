//! What every namespace gets: the service account `default`, and the root certificate `kube-root-ca.crt`.
//!
//! Two rows: `account` and `root_ca`. Both watch namespaces and their own kind, and put back what is deleted or changed.
//! Follows pkg/controller/serviceaccount/serviceaccounts_controller.go and
//! pkg/controller/certificates/rootcacertpublisher @ v1.36.

mod account;
mod root_ca;

pub use account::build as build_account;
pub use root_ca::build as build_root_ca;

use corvette_client::NamespacedName;
use corvette_client::informer::Informer;
use corvette_client::kube::Error;
use k8s_openapi::api::core::v1::Namespace;

use crate::framework::{Queue, has_cause, is_not_found, is_status};

/// Adds the key of every namespace that is new or changed.
fn watch_namespaces(namespaces: &Informer<Namespace>, queue: Queue) {
    namespaces.on_change(move |change| queue.add(NamespacedName::of(change.object().as_ref())));
}

/// Says whether a namespace is there and not going away.
fn is_active(namespaces: &Informer<Namespace>, key: &NamespacedName) -> bool {
    let namespace = namespaces.get(key);
    namespace.is_some_and(|namespace| {
        let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
        namespace.metadata.deletion_timestamp.is_none() && phase != Some("Terminating")
    })
}

/// Takes for done what someone else did first, and what a namespace that goes away no longer takes.
fn settled<T>(result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Err(error)
            if is_status(&error, 409, "AlreadyExists")
                || has_cause(&error, "NamespaceTerminating")
                || is_not_found(&error) =>
        {
            Ok(())
        }
        result => result.map(drop),
    }
}
