//! Carries decisions out: the binding, the condition and events that explain a wait, evictions that make room.

use corvette_client::NamespacedName;
use corvette_client::events::{EventType, Recorder};
use corvette_client::informer::Informer;
use corvette_client::kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use corvette_client::kube::{Api, Client, Error};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Binding, ObjectReference, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::json;

use crate::cycle::{FitError, Placement};
use crate::model::{PodInfo, PodKey};
use crate::preemption::{Nomination, Outcome};

/// Writes to the API on behalf of the scheduler. Deadlines are the client's.
#[derive(Clone)]
pub struct Binder {
    client: Client,
    pods: Informer<Pod>,
    recorder: Recorder,
    scheduler: String,
}

impl Binder {
    /// A binder for the scheduler of this name that looks at `pods` to see what is current.
    pub fn new(client: Client, pods: Informer<Pod>, recorder: Recorder, scheduler: String) -> Self {
        Self { client, pods, recorder, scheduler }
    }

    /// Binds the pod to its node; `false` when the API refused.
    pub async fn bind(&self, pod: &PodInfo, placement: &Placement) -> bool {
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(pod.key.name.to_string()),
                namespace: Some(pod.key.namespace.to_string()),
                uid: Some(pod.key.uid.to_string()),
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                kind: Some("Node".to_owned()),
                name: Some(placement.node.to_string()),
                ..ObjectReference::default()
            },
        };
        match self.post_binding(pod, &binding).await {
            Ok(()) => {
                let PodKey { namespace, name, .. } = &pod.key;
                let message = format!("Successfully assigned {namespace}/{name} to {}", placement.node);
                self.recorder.event(&reference(&pod.key), EventType::Normal, "Scheduled", message);
                true
            }
            Err(error) => {
                tracing::warn!(pod = %pod.key.name, namespace = %pod.key.namespace, %error, "binding failed");
                let message = format!("binding rejected: {error}");
                self.recorder.event(&reference(&pod.key), EventType::Warning, "FailedScheduling", message);
                false
            }
        }
    }

    async fn post_binding(&self, pod: &PodInfo, binding: &Binding) -> Result<(), Error> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.key.namespace);
        let _: serde_json::Value =
            api.create_subresource("binding", &pod.key.name, &PostParams::default(), binding).await?;
        Ok(())
    }

    /// Tells why the pod waits: event `FailedScheduling` and condition `PodScheduled`; evicts what a nomination names.
    pub async fn report(&self, pod: &PodInfo, error: &FitError, outcome: Outcome) {
        let message = why_it_waits(error, &outcome);
        self.recorder.event(&reference(&pod.key), EventType::Warning, "FailedScheduling", message.clone());
        let nominated = match &outcome {
            Outcome::Nominated(nomination) => Nominated::To(nomination.node.to_string()),
            Outcome::NoVictims => Nominated::Nowhere,
            Outcome::NotEligible(_) => Nominated::AsBefore,
        };
        self.set_condition(pod, message, nominated).await;
        if let Outcome::Nominated(nomination) = outcome {
            for victim in &nomination.victims {
                self.evict(pod, victim, &nomination).await;
            }
        }
    }

    /// Whether the pod still exists and has no node.
    pub fn still_waits(&self, pod: &PodInfo) -> bool {
        self.current(&pod.key).is_some_and(|p| {
            p.metadata.deletion_timestamp.is_none() && p.spec.as_ref().is_none_or(|s| s.node_name.is_none())
        })
    }

    fn current(&self, key: &PodKey) -> Option<std::sync::Arc<Pod>> {
        let found = self.pods.get(&NamespacedName::new(&*key.namespace, &*key.name))?;
        (found.metadata.uid.as_deref() == Some(&key.uid)).then_some(found)
    }

    async fn set_condition(&self, pod: &PodInfo, message: String, nominated: Nominated) {
        let Some(current) = self.current(&pod.key) else { return };
        let status = current.status.as_ref();
        let conditions = status.and_then(|s| s.conditions.as_ref());
        let known = conditions.into_iter().flatten().find(|c| c.type_ == "PodScheduled");
        let same = known.is_some_and(|c| c.status == "False" && c.message.as_ref() == Some(&message));
        let before = status.and_then(|s| s.nominated_node_name.clone()).filter(|node| !node.is_empty());
        let after = match nominated {
            Nominated::AsBefore => before.clone(),
            Nominated::To(node) => Some(node),
            Nominated::Nowhere => None,
        };
        if same && after == before {
            return;
        }
        let since = known.filter(|c| c.status == "False").and_then(|c| c.last_transition_time.clone());
        let condition = PodCondition {
            type_: "PodScheduled".to_owned(),
            status: "False".to_owned(),
            reason: Some("Unschedulable".to_owned()),
            message: Some(message),
            observed_generation: current.metadata.generation,
            last_transition_time: Some(since.unwrap_or_else(|| Time(Timestamp::now()))),
            ..PodCondition::default()
        };
        let mut status = json!({ "conditions": [condition] });
        if let Some(fields) = status.as_object_mut().filter(|_| after != before) {
            fields.insert("nominatedNodeName".to_owned(), after.into());
        }
        let patch = json!({ "metadata": { "uid": &*pod.key.uid }, "status": status });
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.key.namespace);
        if let Err(error) = api.patch_status(&pod.key.name, &PatchParams::default(), &Patch::Strategic(patch)).await {
            tracing::warn!(pod = %pod.key.name, namespace = %pod.key.namespace, %error, "condition not written");
        }
    }

    /// Tells on the victim why it goes, so that its owner can tell this from a failure.
    async fn mark_victim(&self, api: &Api<Pod>, victim: &PodKey) {
        let message = format!("{}: preempting to accommodate a higher priority pod", self.scheduler);
        let condition = PodCondition {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
            reason: Some("PreemptionByScheduler".to_owned()),
            message: Some(message),
            last_transition_time: Some(Time(Timestamp::now())),
            ..PodCondition::default()
        };
        let patch = json!({ "metadata": { "uid": &*victim.uid }, "status": { "conditions": [condition] } });
        if let Err(error) = api.patch_status(&victim.name, &PatchParams::default(), &Patch::Strategic(patch)).await {
            tracing::warn!(pod = %victim.name, namespace = %victim.namespace, %error, "condition not written");
        }
    }

    async fn evict(&self, preemptor: &PodInfo, victim: &PodKey, nomination: &Nomination) {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &victim.namespace);
        self.mark_victim(&api, victim).await;
        let exactly = Preconditions { uid: Some(victim.uid.to_string()), resource_version: None };
        let params = DeleteParams { preconditions: Some(exactly), ..DeleteParams::default() };
        match api.delete(&victim.name, &params).await {
            Ok(_) => {
                let message = format!("Preempted by pod {} on node {}", preemptor.key.uid, nomination.node);
                self.recorder.event(&reference(victim), EventType::Normal, "Preempted", message);
            }
            Err(error) => tracing::warn!(pod = %victim.name, namespace = %victim.namespace, %error, "not preempted"),
        }
    }
}

/// What becomes of the note on which node room is being made.
enum Nominated {
    AsBefore,
    To(String),
    Nowhere,
}

/// Says why the pod waits, and what upstream's plugins that make room say after that: the one for claims of devices
/// comes before preemption.
fn why_it_waits(error: &FitError, outcome: &Outcome) -> String {
    let room = match (outcome, error.nodes) {
        (Outcome::Nominated(_), _) | (_, 0) => return error.to_string(),
        (Outcome::NotEligible(why), _) => (*why).to_owned(),
        (Outcome::NoVictims, nodes) => format!("0/{nodes} nodes are available: {}.", no_victims(error)),
    };
    format!("{error} no new claims to deallocate, preemption: {room}")
}

/// Why preemption found nothing, per node, in upstream's words.
fn no_victims(error: &FitError) -> String {
    let resolvable = error.resolvable.len();
    let fixed = error.nodes - resolvable.min(error.nodes);
    let part = |count: usize, text: &str| (count > 0).then(|| format!("{count} {text}"));
    let parts = [
        part(resolvable, "No preemption victims found for incoming pod"),
        part(fixed, "Preemption is not helpful for scheduling"),
    ];
    let mut parts: Vec<String> = parts.into_iter().flatten().collect();
    // As the reasons before them.
    parts.sort();
    parts.join(", ")
}

fn reference(key: &PodKey) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: Some(key.namespace.to_string()),
        name: Some(key.name.to_string()),
        uid: Some(key.uid.to_string()),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_waits_is_told_in_upstreams_words() {
        let error = |resolvable: Vec<usize>| FitError {
            nodes: 3,
            reasons: [("Insufficient cpu".into(), 2), ("node(s) had untolerated taint(s)".into(), 1)].into(),
            resolvable,
            ..FitError::default()
        };
        let nodes = "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.";
        assert_eq!(
            why_it_waits(&error(vec![0, 1]), &Outcome::NoVictims),
            format!(
                "{nodes} no new claims to deallocate, preemption: 0/3 nodes are available: \
                 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod."
            )
        );
        assert_eq!(
            why_it_waits(&error(vec![]), &Outcome::NotEligible("not eligible due to preemptionPolicy=Never.")),
            format!("{nodes} no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.")
        );
    }
}
