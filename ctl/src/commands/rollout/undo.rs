//! `cvctl rollout undo`.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::REVISION;
use super::history::{Revision, all};
use crate::commands::common::{DryRun, JSON, STRATEGIC, Writing};
use crate::commands::describe;
use crate::commands::select::{Item, Selection};
use crate::session::Session;
use crate::value::{entries, flag};

/// Label that tells a deployment's replica sets apart.
const HASH: &str = "pod-template-hash";
/// Annotations of a deployment that do not come back with an earlier revision.
const KEPT: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    pub selection: Selection,
    /// The revision to rollback to. Default to 0 (last revision).
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, hide_default_value = true)]
    to_revision: i64,
    #[command(flatten)]
    writing: Writing,
}

/// Puts the template of an earlier revision back.
pub async fn run(session: &Session, flags: &Flags, workload: &Item<'_>) -> Result<()> {
    if flags.to_revision < 0 {
        bail!("unable to find specified revision {} in history", flags.to_revision);
    }
    let current = workload.get(session).await?;
    let label = workload.label();
    let revisions = all(session, workload, &current, "rollbacker").await?;
    if flag(&current, "/spec/paused") {
        bail!("you cannot rollback a paused deployment; resume it first with 'cvctl rollout resume' and try again");
    }
    let found = match flags.to_revision {
        0 => revisions.values().rev().nth(1).context("no rollout history found"),
        number => {
            revisions.get(&number).with_context(|| format!("unable to find specified revision {number} in history"))
        }
    };
    let found = found?;
    if flags.writing.dry_run == DryRun::Client {
        println!("{label} {}{}", describe::template_lines(&found.template), flags.writing.dry_run.suffix());
        return Ok(());
    }
    let template = without_hash(found.template.clone());
    if current.pointer("/spec/template").is_some_and(|now| *now == template) {
        println!("{label} skipped rollback (current template already matches revision {})", flags.to_revision);
        return Ok(());
    }
    let path = flags.writing.on(&workload.path());
    if workload.resource.kind == "Deployment" {
        let patch = json!([
            { "op": "replace", "path": "/spec/template", "value": template },
            { "op": "add", "path": "/metadata/annotations", "value": annotations(&current, found) },
        ]);
        session.requests.patch(&path, JSON, &patch).await?;
    } else {
        let change = found.object.get("data").cloned().unwrap_or_default();
        session.requests.patch(&path, STRATEGIC, &change).await?;
    }
    println!("{label} rolled back{}", flags.writing.dry_run.suffix());
    Ok(())
}

fn without_hash(mut template: Value) -> Value {
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(HASH);
    }
    template
}

/// The deployment's annotations with those of the revision: the change cause comes back too.
fn annotations(current: &Value, revision: &Revision) -> Map<String, Value> {
    let kept = entries(current, "/metadata/annotations").filter(|(key, _)| KEPT.contains(&key.as_str()));
    let back = entries(&revision.object, "/metadata/annotations").filter(|(key, _)| !KEPT.contains(&key.as_str()));
    kept.chain(back).map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Revision, annotations, without_hash};

    #[test]
    fn the_hash_goes_and_the_change_cause_comes_back() {
        let template = json!({ "metadata": { "labels": { "app": "a", "pod-template-hash": "x" } } });
        assert_eq!(without_hash(template), json!({ "metadata": { "labels": { "app": "a" } } }));
        let current =
            json!({ "metadata": { "annotations": { "deployment.kubernetes.io/revision": "3", "note": "now" } } });
        let object =
            json!({ "metadata": { "annotations": { "deployment.kubernetes.io/revision": "1", "note": "then" } } });
        let merged = annotations(&current, &Revision { object, template: json!({}) });
        assert_eq!(json!(merged), json!({ "deployment.kubernetes.io/revision": "3", "note": "then" }));
    }
}
