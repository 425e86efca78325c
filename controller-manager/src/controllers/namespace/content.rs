//! Deletes what a namespace holds, one resource at a time.

use corvette_client::kube::api::{DeleteParams, DynamicObject, ListParams, PropagationPolicy};
use corvette_client::kube::core::PartialObjectMeta;
use corvette_client::kube::{self, Api, Client, ResourceExt as _};
use jiff::Timestamp;

use super::conditions::Findings;
use crate::controllers::shared::discovery::{Served, resources};
use crate::framework::{api_message, is_not_found, is_status};

/// Assumed for objects with finalizers, in seconds.
const FINALIZER_ESTIMATE: u64 = 15;

/// Deletes everything in `namespace` and reports what is left. Pods must be gone before the rest is touched.
pub async fn delete_all(client: &Client, namespace: &str, now: Timestamp) -> Findings {
    let served = match resources(client).await {
        Ok(served) => served,
        Err(error) => return Findings { discovery: Some(error.to_string()), ..Findings::default() },
    };
    let served: Vec<Served> = served.into_iter().filter(|s| s.namespaced && s.supports(&["list", "delete"])).collect();
    let (pods, rest): (Vec<_>, Vec<_>) =
        served.into_iter().partition(|s| s.resource.group.is_empty() && s.resource.plural == "pods");
    let mut findings = Findings::default();
    for served in &pods {
        findings.merge(delete_resource(client, namespace, served, now).await);
    }
    if !findings.is_empty() {
        return findings;
    }
    for served in &rest {
        findings.merge(delete_resource(client, namespace, served, now).await);
    }
    findings
}

async fn delete_resource(client: &Client, namespace: &str, served: &Served, now: Timestamp) -> Findings {
    let mut findings = Findings::default();
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &served.resource);
    let left = match list(&api).await {
        Ok(left) if left.is_empty() => return findings,
        Ok(left) => left,
        Err(error) if unsupported(&error) => return findings,
        Err(error) => return failed(findings, served, &error),
    };
    let background =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
    let deleted = if served.supports(&["deletecollection"]) {
        api.delete_collection(&background, &ListParams::default()).await.map(drop)
    } else {
        delete_each(&api, &left, &background).await
    };
    if let Err(error) = deleted
        && !unsupported(&error)
    {
        return failed(findings, served, &error);
    }
    match list(&api).await {
        Ok(left) => count(&mut findings, served, &left, now),
        Err(error) => return failed(findings, served, &error),
    }
    findings
}

fn failed(mut findings: Findings, served: &Served, error: &kube::Error) -> Findings {
    findings.failures.push(format!("{}: {}", served.label(), api_message(error)));
    findings
}

/// Lists metadata alone. A collection is a list of pages at most as long as the server's limit.
async fn list(api: &Api<DynamicObject>) -> Result<Vec<PartialObjectMeta<DynamicObject>>, kube::Error> {
    api.list_metadata(&ListParams::default()).await.map(|list| list.items)
}

async fn delete_each(
    api: &Api<DynamicObject>,
    left: &[PartialObjectMeta<DynamicObject>],
    params: &DeleteParams,
) -> Result<(), kube::Error> {
    for object in left {
        match api.delete(&object.name_any(), params).await {
            Err(error) if !is_not_found(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A resource that vanished, or whose verbs are not what discovery says, holds nothing.
fn unsupported(error: &kube::Error) -> bool {
    is_not_found(error) || is_status(error, 405, "MethodNotAllowed")
}

fn count(findings: &mut Findings, served: &Served, left: &[PartialObjectMeta<DynamicObject>], now: Timestamp) {
    if left.is_empty() {
        return;
    }
    findings.remaining.insert(served.label(), left.len());
    for object in left {
        for finalizer in object.finalizers() {
            *findings.finalizers.entry(finalizer.clone()).or_default() += 1;
            findings.estimate = findings.estimate.max(FINALIZER_ESTIMATE);
        }
        let end = object.metadata.deletion_timestamp.as_ref().map(|time| time.0.duration_since(now).as_secs());
        findings.estimate = findings.estimate.max(end.and_then(|rest| u64::try_from(rest).ok()).unwrap_or_default());
    }
}
