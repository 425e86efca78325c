//! The name, labels and storage of the pod with a number. Pure.

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec, Volume,
};

use crate::controllers::shared::claim::controller_ref;
use crate::controllers::shared::history::HASH_LABEL;
use crate::controllers::shared::pods;

/// The label with a pod's own name.
pub const NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
/// The label with a pod's number.
pub const INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

/// Returns a set's spec; the server admits none without.
pub fn spec(set: &StatefulSet) -> StatefulSetSpec {
    set.spec.clone().unwrap_or_default()
}

/// Returns the wanted number of pods.
pub fn replicas(set: &StatefulSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// Returns the number of the first pod.
pub fn first(set: &StatefulSet) -> i64 {
    set.spec.as_ref().and_then(|spec| spec.ordinals.as_ref()?.start).unwrap_or_default().into()
}

/// Returns the numbers of the pods a set should have.
pub fn numbers(set: &StatefulSet) -> std::ops::Range<i64> {
    first(set)..first(set) + i64::from(replicas(set))
}

/// Returns the number in the name of a pod of the set called `set`; `None` when it is no such name.
pub fn number_of(set: &str, pod: &Pod) -> Option<i64> {
    let digits = pod.metadata.name.as_deref()?.strip_prefix(set)?.strip_prefix('-')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

/// Returns the claim templates.
pub fn templates(set: &StatefulSet) -> &[PersistentVolumeClaim] {
    set.spec.as_ref().and_then(|spec| spec.volume_claim_templates.as_deref()).unwrap_or_default()
}

/// Returns the name of the claim made from `template` for the pod `pod`.
pub fn claim_name(template: &PersistentVolumeClaim, pod: &str) -> String {
    format!("{}-{pod}", template.name_any())
}

/// Makes the pod with a number from the template of a revision.
pub fn pod(set: &StatefulSet, template: &PodTemplateSpec, revision: &str, number: i64) -> Pod {
    let (name, namespace) = (set.name_any(), set.namespace().unwrap_or_default());
    let mut pod = pods::from_template(template, &name, &namespace, controller_ref(set));
    pod.metadata.name = Some(format!("{name}-{number}"));
    label(&mut pod, number);
    pod.labels_mut().insert(HASH_LABEL.to_owned(), revision.to_owned());
    let own = pod.name_any();
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(own.clone());
    spec.subdomain = set.spec.as_ref().and_then(|spec| spec.service_name.clone()).filter(|name| !name.is_empty());
    let mut volumes: Vec<Volume> = templates(set).iter().map(|template| volume(template, &own)).collect();
    let replaced = |volume: &Volume| templates(set).iter().any(|template| template.name_any() == volume.name);
    volumes.extend(spec.volumes.take().into_iter().flatten().filter(|volume| !replaced(volume)));
    spec.volumes = (!volumes.is_empty()).then_some(volumes);
    pod
}

fn volume(template: &PersistentVolumeClaim, pod: &str) -> Volume {
    let source = PersistentVolumeClaimVolumeSource { claim_name: claim_name(template, pod), read_only: None };
    Volume { name: template.name_any(), persistent_volume_claim: Some(source), ..Volume::default() }
}

/// Puts the labels of its identity on a pod.
pub fn label(pod: &mut Pod, number: i64) {
    let name = pod.name_any();
    let labels = pod.labels_mut();
    labels.insert(NAME_LABEL.to_owned(), name);
    labels.insert(INDEX_LABEL.to_owned(), number.to_string());
}

/// Says whether a pod has the labels of its identity.
pub fn is_labelled(pod: &Pod) -> bool {
    pod.labels().get(NAME_LABEL) == pod.metadata.name.as_ref()
}

/// Returns the name of a pod's revision.
pub fn revision(pod: &Pod) -> &str {
    pod.labels().get(HASH_LABEL).map(String::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;
    use crate::controllers::shared::testing::template;

    #[test]
    fn numbers_are_read_from_names_of_the_set_alone() {
        let named = |name: &str| Pod {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            ..Pod::default()
        };
        for (name, expected) in [
            ("web-0", Some(0)),
            ("web-12", Some(12)),
            ("web-", None),
            ("web", None),
            ("web-x", None),
            ("web-1-2", None),
            ("web--1", None),
            ("web-+1", None),
            ("other-1", None),
        ] {
            assert_eq!(number_of("web", &named(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_pod_has_its_name_its_host_name_and_its_claims() {
        let named = |name: &str| ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let claim = PersistentVolumeClaim { metadata: named("data"), ..PersistentVolumeClaim::default() };
        let spec = StatefulSetSpec {
            service_name: Some("svc".to_owned()),
            volume_claim_templates: Some(vec![claim]),
            ..StatefulSetSpec::default()
        };
        let set = StatefulSet { metadata: named("web"), spec: Some(spec), status: None };
        let mut template = template("x", "v1");
        let volume = |name: &str| Volume { name: name.to_owned(), ..Volume::default() };
        template.spec.as_mut().unwrap().volumes = Some(vec![volume("data"), volume("tmp")]);
        let pod = pod(&set, &template, "web-abc", 3);
        assert!(is_labelled(&pod));
        assert_eq!(
            (pod.name_any(), revision(&pod), pod.labels()[INDEX_LABEL].as_str()),
            ("web-3".to_owned(), "web-abc", "3")
        );
        let spec = pod.spec.unwrap();
        assert_eq!((spec.hostname.as_deref(), spec.subdomain.as_deref()), (Some("web-3"), Some("svc")));
        let volumes = spec.volumes.unwrap();
        assert_eq!(volumes.len(), 2);
        assert_eq!(volumes[0].persistent_volume_claim.as_ref().unwrap().claim_name, "data-web-3");
    }
}
