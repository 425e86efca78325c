//! The revisions of a pod template, kept as ControllerRevisions.
//!
//! Follows pkg/controller/history/controller_history.go @ v1.36.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use corvette_client::informer::Informer;
use corvette_client::kube::api::{DeleteParams, ObjectMeta, PostParams};
use corvette_client::kube::core::Selector;
use corvette_client::kube::{Api, Client, Resource, ResourceExt as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::claim::{self, controller_ref};
use super::hash::hash_of;
use super::pods;
use crate::framework::{Error, is_not_found, is_status};

/// The label with a revision's hash, on pods and on the revisions of daemon sets.
pub const HASH_LABEL: &str = "controller-revision-hash";
/// How many revisions may collide by name before a reconcile gives up.
const ATTEMPTS: usize = 8;

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

/// Decides how `template` becomes the newest of `revisions` (oldest first); a new one has its hash in `label`.
pub fn plan<O: Resource<DynamicType = ()>>(
    owner: &O,
    label: &str,
    template: &PodTemplateSpec,
    revisions: &[Arc<ControllerRevision>],
    collisions: Option<i32>,
) -> Next {
    let data = content(template);
    let newest = revisions.last().map_or(0, |newest| newest.revision);
    let number = newest.saturating_add(1);
    let same = |revision: &&Arc<ControllerRevision>| revision.data.as_ref().is_some_and(|known| known.0 == data);
    match revisions.iter().rev().find(same) {
        Some(found) if found.revision == newest => Next::Keep(found.clone()),
        Some(found) => Next::Renumber(Box::new(ControllerRevision { revision: number, ..found.as_ref().clone() })),
        None => {
            let hash = hash_of(&data, collisions);
            let mut labels = template.metadata.as_ref().and_then(|meta| meta.labels.clone()).unwrap_or_default();
            labels.insert(label.to_owned(), hash.clone());
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

/// Returns the revisions of `owner`, oldest first, after adopting and releasing where needed.
///
/// # Errors
/// As [`claim::claim`].
pub async fn of<O>(
    client: &Client,
    cache: &Informer<ControllerRevision>,
    owner: &O,
    selector: &Selector,
) -> Result<Vec<Arc<ControllerRevision>>, Error>
where
    O: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let mut found = cache.by_index(pods::BY_CONTROLLER, owner.meta().uid.as_deref().unwrap_or_default());
    found.extend(cache.by_index(pods::ORPHANS, owner.meta().namespace.as_deref().unwrap_or_default()));
    Ok(sorted(claim::claim(client, owner, selector, found).await?))
}

/// Makes `template` the newest of `revisions` and returns its revision; counts collisions of names.
///
/// # Errors
/// The API's, or that all names tried are taken.
pub async fn current<O>(
    client: &Client,
    owner: &O,
    label: &str,
    template: &PodTemplateSpec,
    revisions: &[Arc<ControllerRevision>],
    collisions: &mut Option<i32>,
) -> Result<Arc<ControllerRevision>, Error>
where
    O: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Debug,
{
    for _ in 0..ATTEMPTS {
        if let Some(found) = ensure(client, owner, plan(owner, label, template, revisions, *collisions)).await? {
            return Ok(found);
        }
        *collisions = Some(collisions.unwrap_or_default().wrapping_add(1));
    }
    let name = owner.meta().name.as_deref().unwrap_or_default();
    Err(Error::Invalid(format!("the names of revisions of {name} are taken")))
}

/// Carries a plan out and returns the revision; `None` when its name is taken by another, so that the owner's
/// collision count must be raised.
///
/// # Errors
/// When the API fails.
async fn ensure<O>(client: &Client, owner: &O, next: Next) -> Result<Option<Arc<ControllerRevision>>, Error>
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

    use proptest::prelude::*;

    use super::*;
    use crate::controllers::shared::testing::template;

    #[test]
    fn a_template_that_returns_gets_its_old_revision_under_a_new_number() {
        let owner = DaemonSet {
            metadata: ObjectMeta { name: Some("d".to_owned()), ..ObjectMeta::default() },
            ..DaemonSet::default()
        };
        let make = |image: &str, known: &[Arc<ControllerRevision>]| {
            plan(&owner, HASH_LABEL, &template("x", image), known, None)
        };
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
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_template_in_use_has_the_newest_revision_and_each_has_one(
            used in prop::collection::vec(0..5_u8, 1..30), limit in 0..4_i32,
        ) {
            let mut known: Vec<Arc<ControllerRevision>> = Vec::new();
            for image in used {
                let wanted = template("x", &format!("v{image}"));
                match plan(&DaemonSet::default(), HASH_LABEL, &wanted, &known, None) {
                    Next::Keep(_) => {}
                    Next::Renumber(found) => {
                        let slot = known.iter_mut().find(|r| r.name_any() == found.name_any()).unwrap();
                        *slot = Arc::new(*found);
                    }
                    Next::Create(made) => known.push(Arc::new(*made)),
                }
                known = sorted(known);
                let newest = known.last().unwrap().clone();
                prop_assert_eq!(template_of(&newest).unwrap(), wanted);
                let names: BTreeSet<String> = known.iter().map(|r| r.name_any()).collect();
                let numbers: BTreeSet<i64> = known.iter().map(|r| r.revision).collect();
                prop_assert_eq!((names.len(), numbers.len()), (known.len(), known.len()));
                let gone = surplus(&known, &[newest.name_any()].into(), limit);
                known.retain(|r| !gone.contains(&r.name_any()));
                prop_assert!(known.len() <= usize::try_from(limit).unwrap() + 1);
                prop_assert_eq!(known.last().unwrap().name_any(), newest.name_any());
            }
        }
    }
}
