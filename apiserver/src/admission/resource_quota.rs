//! ResourceQuota: refuses what would exceed a quota of the namespace, and counts what it lets pass.
//!
//! Follows `staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go @ v1.36`. The use is written to
//! the quota before the object is stored, so that requests under way at the same time see each other; should the object not
//! be stored in the end, the quota controller counts afresh.

use async_trait::async_trait;
use corvette_api::{
    gvk::GroupResource,
    meta,
    quota::{self, Amounts},
    status::{self, Status},
};
use corvette_store::Expect;
use serde_json::Value;

use super::{Attributes, Operation, Plugin};
use crate::objects::Written;

/// Attempts at a write that others keep overtaking.
const ATTEMPTS: usize = 50;

/// The plugin.
pub struct ResourceQuota;

#[async_trait]
impl Plugin for ResourceQuota {
    fn name(&self) -> &'static str {
        "ResourceQuota"
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Value>) -> Result<(), Status> {
        let Some(object) = object.filter(|_| !attributes.namespace.is_empty() && handles(attributes)) else {
            return Ok(());
        };
        let quotas = attributes.app.cached_of("", "resourcequotas", Some(attributes.namespace))?;
        let resource = attributes.row.group_resource();
        for found in quotas.iter().filter(|found| quota::applies(found, &resource, object)) {
            charge(attributes, &resource, object, found).await?;
        }
        Ok(())
    }
}

/// Says whether a write may use more of something.
fn handles(attributes: &Attributes<'_>) -> bool {
    match (attributes.operation, attributes.subresource) {
        (Operation::Create, "") => true,
        (Operation::Update, "") => attributes.is("", "services") || attributes.is("", "persistentvolumeclaims"),
        (Operation::Update, "resize") => attributes.row.group.is_empty() && attributes.row.plural == "pods",
        _ => false,
    }
}

/// Charges what `object` uses more than before to one quota.
async fn charge(
    attributes: &Attributes<'_>,
    resource: &GroupResource,
    object: &Value,
    found: &Value,
) -> Result<(), Status> {
    let now = attributes.app.clock.now();
    let mut wanted = quota::usage(resource, object, now);
    if let Some(old) = attributes.old.filter(|old| quota::applies(found, resource, old)) {
        let before = quota::usage(resource, old, now);
        for (name, amount) in &mut wanted {
            *amount -= before.get(name).copied().unwrap_or_default();
        }
    }
    let key = format!("/registry/resourcequotas/{}/{}", attributes.namespace, meta::name(found));
    for _ in 0..ATTEMPTS {
        let Some(mut current) = attributes.app.objects.fresh(&key).await? else { return Ok(()) };
        let used = match checked(resource, object, &wanted, &current.value) {
            Ok(Some(used)) => used,
            Ok(None) => return Ok(()),
            Err(refusal) => return Err(super::forbidden(attributes, object, refusal)),
        };
        if attributes.dry_run {
            return Ok(());
        }
        let status = meta::child_map(meta::as_map(&mut current.value), "status");
        let list = meta::child_map(status, "used");
        list.extend(used.into_iter().map(|(name, amount)| (name, amount.to_string().into())));
        let expected = Expect::Revision(current.revision);
        if let Written::Done(_) = attributes.app.objects.put(&key, expected, current.value, None).await? {
            return Ok(());
        }
    }
    Err(status::object_modified(&GroupResource::new("", "resourcequotas"), meta::name(found)))
}

/// Returns what is used in the end, as far as it changes; `None` when nothing does.
fn checked(
    resource: &GroupResource,
    object: &Value,
    wanted: &Amounts,
    found: &Value,
) -> Result<Option<Amounts>, String> {
    let name = meta::name(found);
    let (hard, used) = (quota::amounts(found, "/status/hard"), quota::amounts(found, "/status/used"));
    let names: Vec<&str> =
        hard.keys().map(String::as_str).filter(|name| quota::counted(name).as_ref() == Some(resource)).collect();
    if resource.group.is_empty()
        && resource.resource == "pods"
        && let Some(missing) = quota::unspecified(&names, object)
    {
        return Err(format!("failed quota: {name}: {missing}"));
    }
    if names.iter().any(|name| !used.contains_key(*name)) {
        return Err(format!("status unknown for quota: {name}, resources: {}", names.join(",")));
    }
    let only = |all: &Amounts, names: &[&str]| -> Amounts {
        names.iter().filter_map(|name| Some(((*name).to_owned(), *all.get(*name)?))).collect()
    };
    let mut wanted = only(wanted, &names);
    wanted.retain(|_, amount| !amount.is_zero() && !amount.is_negative());
    let mut sum = only(&used, &wanted.keys().map(String::as_str).collect::<Vec<_>>());
    quota::add(&mut sum, &wanted);
    let exceeded: Vec<&str> =
        sum.iter().filter(|(name, sum)| hard.get(*name).is_some_and(|hard| *sum > hard)).map(|(n, _)| &**n).collect();
    if !exceeded.is_empty() {
        let of = |all: &Amounts| quota::describe(&only(all, &exceeded));
        let (requested, used, limited) = (of(&wanted), of(&used), of(&hard));
        return Err(format!("exceeded quota: {name}, requested: {requested}, used: {used}, limited: {limited}"));
    }
    Ok((!wanted.is_empty()).then_some(sum))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_exceeds_a_quota_is_refused_in_upstreams_words() {
        let pods = GroupResource::new("", "pods");
        let pod = json!({"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "600m"}}}]}});
        let wanted = quota::usage(&pods, &pod, jiff::Timestamp::UNIX_EPOCH);
        let with = |used: Value| {
            json!({"metadata": {"name": "q"}, "status": {
                "hard": {"pods": "2", "requests.cpu": "1", "secrets": "1"}, "used": used}})
        };
        let check = |used: Value| checked(&pods, &pod, &wanted, &with(used));
        let used = check(json!({"pods": "1", "requests.cpu": "400m", "secrets": "5"})).unwrap().unwrap();
        assert_eq!(quota::describe(&used), "pods=2,requests.cpu=1");
        assert_eq!(
            check(json!({"pods": "2", "requests.cpu": "500m"})).unwrap_err(),
            "exceeded quota: q, requested: pods=1,requests.cpu=600m, used: pods=2,requests.cpu=500m, limited: pods=2,requests.cpu=1"
        );
        assert_eq!(
            check(json!({"pods": "2"})).unwrap_err(),
            "status unknown for quota: q, resources: pods,requests.cpu"
        );
        let secret = GroupResource::new("", "configmaps");
        let wanted = quota::usage(&secret, &json!({}), jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(checked(&secret, &json!({}), &wanted, &with(json!({}))).unwrap(), None);
    }
}
