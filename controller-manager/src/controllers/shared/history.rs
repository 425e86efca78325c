//! The revisions of a pod template, kept as ControllerRevisions.
//!
//! Follows pkg/controller/history/controller_history.go @ v1.36.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use corvette_client::kube::api::{DeleteParams, ObjectMeta, PostParams};
use corvette_client::kube::{Api, Client, Resource, ResourceExt as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::{Value, json};

use super::claim::controller_ref;
use super::hash::hash_of;
use crate::framework::{Error, is_not_found, is_status};

/// The label with a revision's hash, on revisions and pods.
pub const HASH_LABEL: &str = "controller-revision-hash";

/// What a revision keeps: the template, as a patch of the owner that replaces it whole.
fn content(template: &PodTemplateSpec) -> Value {
    let mut template = serde_json::to_value(template).expect("a pod template always encodes");
    if let Some(template) = template.as_object_mut() {
        template.insert("$patch".to_owned(), json!("replace"));
    }
    json!({"spec": {"template": template}})
}

/// Returns the template that a revision keeps.
///
/// # Errors
/// When the revision holds none.
pub fn template_of(revision: &ControllerRevision) -> Result<PodTemplateSpec, Error> {
    let data = revision.data.as_ref().map(|data| &data.0);
    let template = data.and_then(|data| data.pointer("/spec/template")).cloned().unwrap_or_default();
    serde_json::from_value(template)
        .map_err(|error| Error::Invalid(format!("revision {} holds no template: {error}", revision.name_any())))
}

/// Sorts revisions, oldest first.
pub fn sorted(mut revisions: Vec<Arc<ControllerRevision>>) -> Vec<Arc<ControllerRevision>> {
    revisions.sort_by_key(|revision| (revision.revision, revision.name_any()));
    revisions
}

/// What must be done to have a revision of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// The newest is it.
    Keep(Arc<ControllerRevision>),
    /// An older one is it again: give it a new number.
    Renumber(Box<ControllerRevision>),
    /// Make it.
    Create(Box<ControllerRevision>),
}

/// Decides how `template` becomes the newest of `revisions` (oldest first).
pub fn plan<O: Resource<DynamicType = ()>>(
    owner: &O,
    template: &PodTemplateSpec,
    revisions: &[Arc<ControllerRevision>],
    collisions: Option<i32>,
) -> Next {
    let data = content(template);
    let number = revisions.last().map_or(0, |newest| newest.revision) + 1;
    let same = |revision: &&Arc<ControllerRevision>| revision.data.as_ref().is_some_and(|known| known.0 == data);
    match revisions.iter().rev().find(same) {
        Some(found) if found.revision == number - 1 => Next::Keep(found.clone()),
        Some(found) => Next::Renumber(Box::new(ControllerRevision { revision: number, ..found.as_ref().clone() })),
        None => {
            let hash = hash_of(&data, collisions);
            let mut labels = template.metadata.as_ref().and_then(|meta| meta.labels.clone()).unwrap_or_default();
            labels.insert(HASH_LABEL.to_owned(), hash.clone());
            let metadata = ObjectMeta {
                name: Some(format!("{}-{hash}", owner.meta().name.as_deref().unwrap_or_default())),
                namespace: owner.meta().namespace.clone(),
                labels: Some(labels),
                annotations: owner.meta().annotations.clone(),
                owner_references: Some(vec![controller_ref(owner)]),
                ..ObjectMeta::default()
            };
            Next::Create(Box::new(ControllerRevision { metadata, revision: number, data: Some(RawExtension(data)) }))
        }
    }
}

/// Carries a plan out and returns the revision; `None` when its name is taken by another, so that the owner's
/// collision count must be raised.
///
/// # Errors
/// When the API fails.
pub async fn ensure<O>(client: &Client, owner: &O, next: Next) -> Result<Option<Arc<ControllerRevision>>, Error>
where
    O: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Debug,
{
    let namespace = owner.meta().namespace.clone().unwrap_or_default();
    let api = Api::<ControllerRevision>::namespaced(client.clone(), &namespace);
    match next {
        Next::Keep(revision) => Ok(Some(revision)),
        Next::Renumber(revision) => {
            Ok(Some(Arc::new(api.replace(&revision.name_any(), &PostParams::default(), &revision).await?)))
        }
        Next::Create(revision) => match api.create(&PostParams::default(), &revision).await {
            Ok(created) => Ok(Some(Arc::new(created))),
            Err(error) if is_status(&error, 409, "AlreadyExists") => {
                let live = api.get(&revision.name_any()).await?;
                Ok((live.data == revision.data).then(|| Arc::new(live)))
            }
            Err(error) => Err(error.into()),
        },
    }
}

/// Returns the names of the oldest revisions beyond `limit`, sparing those `in_use`.
pub fn surplus(revisions: &[Arc<ControllerRevision>], in_use: &BTreeSet<String>, limit: i32) -> Vec<String> {
    let unused: Vec<String> =
        revisions.iter().map(|revision| revision.name_any()).filter(|name| !in_use.contains(name)).collect();
    let count = unused.len().saturating_sub(usize::try_from(limit).unwrap_or_default());
    unused.into_iter().take(count).collect()
}

/// Deletes revisions by name.
///
/// # Errors
/// When the API fails.
pub async fn delete(client: &Client, namespace: &str, names: Vec<String>) -> Result<(), Error> {
    let api = Api::<ControllerRevision>::namespaced(client.clone(), namespace);
    for name in names {
        match api.delete(&name, &DeleteParams::default()).await {
            Err(error) if !is_not_found(&error) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::DaemonSet;

    use super::*;
    use crate::controllers::shared::testing::template;

    #[test]
    fn a_template_that_returns_gets_its_old_revision_under_a_new_number() {
        let owner = DaemonSet {
            metadata: ObjectMeta { name: Some("d".to_owned()), ..ObjectMeta::default() },
            ..DaemonSet::default()
        };
        let make = |image: &str, known: &[Arc<ControllerRevision>]| plan(&owner, &template("x", image), known, None);
        let Next::Create(first) = make("v1", &[]) else { panic!("not created") };
        let first = Arc::new(*first);
        assert_eq!(make("v1", std::slice::from_ref(&first)), Next::Keep(first.clone()));
        let Next::Create(second) = make("v2", std::slice::from_ref(&first)) else { panic!("not created") };
        let known = [first.clone(), Arc::new(*second)];
        let Next::Renumber(again) = make("v1", &known) else { panic!("not renumbered") };
        assert_eq!((again.name_any(), again.revision), (first.name_any(), 3));
        assert_eq!(template_of(&first).unwrap(), template("x", "v1"));
        assert_eq!(surplus(&known, &[first.name_any()].into(), 0), [known[1].name_any()]);
    }
}
