//! Which children belong to an owner: by controller reference and selector.
//!
//! Follows pkg/controller/controller_ref_manager.go: BaseControllerRefManager @ v1.36. The decision is pure;
//! adoption is preceded by a live look at the owner, because a cached one may have been deleted and made again.

use std::fmt::Debug;
use std::sync::Arc;

use corvette_client::kube::api::{Patch, PatchParams};
use corvette_client::kube::core::Selector;
use corvette_client::kube::core::SelectorExt as _;
use corvette_client::kube::{self, Api, Client, Resource};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::framework::{Error, is_not_found, is_status};

/// Returns the owner reference that is marked as controller.
pub fn controller_of(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.as_ref()?.iter().find(|owner| owner.controller == Some(true))
}

/// Makes the controller reference to `owner`, which must come from the API server.
pub fn controller_ref<K: Resource<DynamicType = ()>>(owner: &K) -> OwnerReference {
    let meta = owner.meta();
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Parses a label selector.
///
/// # Errors
/// When an operator is unknown or has the wrong number of values.
pub fn selector(selector: &LabelSelector) -> Result<Selector, Error> {
    Selector::try_from(selector.clone()).map_err(|error| Error::Invalid(format!("invalid label selector: {error}")))
}

/// Says whether the selector selects these labels; an empty one selects nothing.
pub fn selects(selector: &Selector, meta: &ObjectMeta) -> bool {
    static NONE: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    !selector.selects_all() && selector.matches(meta.labels.as_ref().unwrap_or(&NONE))
}

/// What to do about one child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is ours.
    Keep,
    /// It is nobody's and matches: take it.
    Adopt,
    /// It is ours but no longer matches: let it go.
    Release,
    /// It is another's, or nobody's and none of our business.
    Ignore,
}

/// Decides about `child` for the owner `uid`, which may itself be going away.
pub fn decide(child: &ObjectMeta, owner: &ObjectMeta, selector: &Selector) -> Claim {
    let (matches, owner_deleted) = (selects(selector, child), owner.deletion_timestamp.is_some());
    match controller_of(child) {
        Some(reference) if Some(&reference.uid) != owner.uid.as_ref() => Claim::Ignore,
        Some(_) if matches => Claim::Keep,
        Some(_) if owner_deleted => Claim::Ignore,
        Some(_) => Claim::Release,
        None if owner_deleted || !matches || child.deletion_timestamp.is_some() => Claim::Ignore,
        None => Claim::Adopt,
    }
}

/// Returns those of `children` that belong to `owner`, after adopting and releasing where needed.
///
/// # Errors
/// When a patch fails, or the owner turns out to be gone when a child is to be adopted.
pub async fn claim<O, C>(
    client: &Client,
    owner: &O,
    selector: &Selector,
    children: Vec<Arc<C>>,
) -> Result<Vec<Arc<C>>, Error>
where
    O: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    C: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let mut checked = false;
    let mut claimed = Vec::with_capacity(children.len());
    for child in children {
        match decide(child.meta(), owner.meta(), selector) {
            Claim::Keep => claimed.push(child),
            Claim::Ignore => {}
            Claim::Release => release(client, owner, child.as_ref()).await?,
            Claim::Adopt => {
                if !checked {
                    check_alive(client, owner).await?;
                    checked = true;
                }
                if adopt(client, owner, child.as_ref()).await? {
                    claimed.push(child);
                }
            }
        }
    }
    Ok(claimed)
}

/// Looks at the live owner: it must be the same and not be going away.
async fn check_alive<O>(client: &Client, owner: &O) -> Result<(), Error>
where
    O: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let meta = owner.meta();
    let name = meta.name.clone().unwrap_or_default();
    let api = Api::<O>::namespaced(client.clone(), meta.namespace.as_deref().unwrap_or_default());
    let live = api.get(&name).await?;
    if live.meta().uid != meta.uid {
        return Err(Error::Stale(format!("{name} was deleted and created again")));
    }
    if live.meta().deletion_timestamp.is_some() {
        return Err(Error::Stale(format!("{name} has just been deleted")));
    }
    Ok(())
}

/// Adds the controller reference; `false` when the child is gone.
async fn adopt<O, C>(client: &Client, owner: &O, child: &C) -> Result<bool, Error>
where
    O: Resource<DynamicType = ()>,
    C: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let patch = json!({"metadata": {"ownerReferences": [controller_ref(owner)], "uid": child.meta().uid}});
    match patch_child(client, child, patch).await {
        Ok(()) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn release<O, C>(client: &Client, owner: &O, child: &C) -> Result<(), Error>
where
    O: Resource<DynamicType = ()>,
    C: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let reference = json!({"$patch": "delete", "uid": owner.meta().uid});
    let patch = json!({"metadata": {"ownerReferences": [reference], "uid": child.meta().uid}});
    match patch_child(client, child, patch).await {
        // Gone, or already without the reference.
        Err(error) if is_not_found(&error) || is_status(&error, 422, "Invalid") => Ok(()),
        result => result.map_err(Error::from),
    }
}

async fn patch_child<C>(client: &Client, child: &C, patch: serde_json::Value) -> Result<(), kube::Error>
where
    C: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let meta = child.meta();
    let api = Api::<C>::namespaced(client.clone(), meta.namespace.as_deref().unwrap_or_default());
    let name = meta.name.as_deref().unwrap_or_default();
    api.patch(name, &PatchParams::default(), &Patch::Strategic(patch)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use proptest::prelude::*;

    use super::*;

    fn meta(uid: &str, label: bool, owner: Option<&str>, deleted: bool) -> ObjectMeta {
        ObjectMeta {
            uid: Some(uid.to_owned()),
            labels: label.then(|| [("app".to_owned(), "x".to_owned())].into()),
            owner_references: owner.map(|uid| {
                vec![OwnerReference { uid: uid.to_owned(), controller: Some(true), ..OwnerReference::default() }]
            }),
            deletion_timestamp: deleted.then_some(Time(jiff::Timestamp::UNIX_EPOCH)),
            ..ObjectMeta::default()
        }
    }

    proptest! {
        #[test]
        fn a_child_of_another_is_never_touched(label: bool, child_gone: bool, owner_gone: bool) {
            let selector: Selector = [("app".to_owned(), "x".to_owned())].into_iter().collect();
            let owner = meta("me", false, None, owner_gone);
            prop_assert_eq!(decide(&meta("c", label, Some("other"), child_gone), &owner, &selector), Claim::Ignore);
            let own = decide(&meta("c", label, Some("me"), child_gone), &owner, &selector);
            prop_assert_eq!(own == Claim::Keep, label);
            prop_assert_eq!(own == Claim::Release, !label && !owner_gone);
            let orphan = decide(&meta("c", label, None, child_gone), &owner, &selector);
            prop_assert_eq!(orphan == Claim::Adopt, label && !child_gone && !owner_gone);
        }
    }

    #[test]
    fn an_empty_selector_selects_nothing() {
        let selector: Selector = std::iter::empty::<(String, String)>().collect();
        assert!(!selects(&selector, &meta("c", true, None, false)));
    }
}
