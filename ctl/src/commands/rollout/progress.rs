//! Where a rollout stands, in kubectl's words.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::value::{at, int, list, text};

/// What to say, and whether there is anything left to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The line to print.
    pub text: String,
    /// Whether the rollout is complete.
    pub done: bool,
}

fn waiting(text: String) -> Progress {
    Progress { text, done: false }
}

fn done(text: String) -> Progress {
    Progress { text, done: true }
}

/// Reads the progress from a workload's status (`kubectl/pkg/polymorphichelpers/rollout_status.go @ v1.36`). `revision` is the one
/// the rollout must be at, 0 for any.
///
/// # Errors
/// When the rollout cannot complete, and for kinds and strategies without rollouts.
pub fn of(kind: &str, object: &Value, revision: i64) -> Result<Progress> {
    match kind {
        "Deployment" => deployment(object, revision),
        "DaemonSet" => daemon_set(object),
        "StatefulSet" => stateful_set(object),
        other => bail!("no status viewer has been implemented for {other}"),
    }
}

fn is_observed(object: &Value) -> bool {
    int(object, "/metadata/generation") <= int(object, "/status/observedGeneration")
}

fn deployment(object: &Value, revision: i64) -> Result<Progress> {
    let name = text(object, "/metadata/name");
    if revision > 0 {
        let current = corvette_api::meta::annotation(object, super::REVISION).and_then(|r| r.parse::<i64>().ok());
        let current = current.unwrap_or_default();
        if current != revision {
            bail!("desired revision ({revision}) is different from the running revision ({current})");
        }
    }
    if !is_observed(object) {
        return Ok(waiting("Waiting for deployment spec update to be observed...".to_owned()));
    }
    let late = |c: &Value| text(c, "/type") == "Progressing" && text(c, "/reason") == "ProgressDeadlineExceeded";
    if list(object, "/status/conditions").iter().any(late) {
        bail!("deployment \"{name}\" exceeded its progress deadline");
    }
    let wanted = at(object, "/spec/replicas").map_or(1, |_| int(object, "/spec/replicas"));
    let (updated, all) = (int(object, "/status/updatedReplicas"), int(object, "/status/replicas"));
    let available = int(object, "/status/availableReplicas");
    let waits = format!("Waiting for deployment \"{name}\" rollout to finish:");
    Ok(if updated < wanted {
        waiting(format!("{waits} {updated} out of {wanted} new replicas have been updated..."))
    } else if all > updated {
        waiting(format!("{waits} {} old replicas are pending termination...", all - updated))
    } else if available < updated {
        waiting(format!("{waits} {available} of {updated} updated replicas are available..."))
    } else {
        done(format!("deployment \"{name}\" successfully rolled out"))
    })
}

fn daemon_set(object: &Value) -> Result<Progress> {
    let name = text(object, "/metadata/name");
    if text(object, "/spec/updateStrategy/type") != "RollingUpdate" {
        bail!("rollout status is only available for RollingUpdate strategy type");
    }
    if !is_observed(object) {
        return Ok(waiting("Waiting for daemon set spec update to be observed...".to_owned()));
    }
    let wanted = int(object, "/status/desiredNumberScheduled");
    let (updated, available) = (int(object, "/status/updatedNumberScheduled"), int(object, "/status/numberAvailable"));
    let waits = format!("Waiting for daemon set \"{name}\" rollout to finish:");
    Ok(if updated < wanted {
        waiting(format!("{waits} {updated} out of {wanted} new pods have been updated..."))
    } else if available < wanted {
        waiting(format!("{waits} {available} of {wanted} updated pods are available..."))
    } else {
        done(format!("daemon set \"{name}\" successfully rolled out"))
    })
}

fn stateful_set(object: &Value) -> Result<Progress> {
    if text(object, "/spec/updateStrategy/type") != "RollingUpdate" {
        bail!("rollout status is only available for RollingUpdate strategy type");
    }
    if int(object, "/status/observedGeneration") == 0 || !is_observed(object) {
        return Ok(waiting("Waiting for statefulset spec update to be observed...".to_owned()));
    }
    let (wanted, ready) = (int(object, "/spec/replicas"), int(object, "/status/readyReplicas"));
    if ready < wanted {
        return Ok(waiting(format!("Waiting for {} pods to be ready...", wanted - ready)));
    }
    let updated = int(object, "/status/updatedReplicas");
    if let Some(partition) = at(object, "/spec/updateStrategy/rollingUpdate/partition").and_then(Value::as_i64) {
        let expected = wanted - partition;
        return Ok(if updated < expected {
            waiting(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {expected} new pods have been updated..."
            ))
        } else {
            done(format!("partitioned roll out complete: {updated} new pods have been updated..."))
        });
    }
    let (current, update) = (text(object, "/status/currentRevision"), text(object, "/status/updateRevision"));
    Ok(if update == current {
        let replicas = int(object, "/status/currentReplicas");
        done(format!("statefulset rolling update complete {replicas} pods at revision {current}..."))
    } else {
        waiting(format!("waiting for statefulset rolling update to complete {updated} pods at revision {update}..."))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::of;

    fn deployment(updated: i64, all: i64, available: i64) -> Value {
        json!({ "metadata": { "name": "web", "generation": 2 }, "spec": { "replicas": 3 },
            "status": { "observedGeneration": 2, "updatedReplicas": updated, "replicas": all, "availableReplicas": available } })
    }

    #[test]
    fn deployments_say_what_they_wait_for() {
        let waits = "Waiting for deployment \"web\" rollout to finish:";
        let mut unseen = deployment(3, 3, 3);
        unseen["metadata"]["generation"] = json!(3);
        let rows = [
            (unseen, "Waiting for deployment spec update to be observed...".to_owned(), false),
            (deployment(1, 3, 3), format!("{waits} 1 out of 3 new replicas have been updated..."), false),
            (deployment(3, 5, 3), format!("{waits} 2 old replicas are pending termination..."), false),
            (deployment(3, 3, 2), format!("{waits} 2 of 3 updated replicas are available..."), false),
            (deployment(3, 3, 3), "deployment \"web\" successfully rolled out".to_owned(), true),
        ];
        for (object, text, done) in rows {
            let progress = of("Deployment", &object, 0).unwrap();
            assert_eq!((progress.text, progress.done), (text, done));
        }
    }

    #[test]
    fn what_cannot_complete_is_an_error() {
        let mut late = deployment(1, 3, 3);
        late["status"]["conditions"] = json!([{ "type": "Progressing", "reason": "ProgressDeadlineExceeded" }]);
        for (kind, object, revision, said) in [
            ("Deployment", late, 0, "deployment \"web\" exceeded its progress deadline"),
            ("Deployment", deployment(3, 3, 3), 2, "desired revision (2) is different from the running revision (0)"),
            ("DaemonSet", json!({}), 0, "rollout status is only available for RollingUpdate strategy type"),
            ("ConfigMap", json!({}), 0, "no status viewer has been implemented for ConfigMap"),
        ] {
            assert_eq!(of(kind, &object, revision).unwrap_err().to_string(), said);
        }
    }
}
