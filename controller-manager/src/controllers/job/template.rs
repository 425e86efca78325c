//! The pod that a job makes. Pure.

use corvette_client::kube::ResourceExt as _;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod, PodSpec};

use super::model::{FAILURES, FINALIZER, IGNORED, INDEX};
use super::plan::New;
use crate::controllers::shared::claim::controller_ref;
use crate::controllers::shared::pods;

/// The variable with a container's completion index.
const VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// Makes a pod, with a completion index when the job is indexed.
pub fn pod(job: &Job, new: New) -> Pod {
    let template = job.spec.as_ref().map(|spec| spec.template.clone()).unwrap_or_default();
    let name = job.name_any();
    let mut pod = pods::from_template(&template, &name, &job.namespace().unwrap_or_default(), controller_ref(job));
    let finalizers = pod.finalizers_mut();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        finalizers.push(FINALIZER.to_owned());
    }
    if let Some(failed) = new.failed {
        pod.annotations_mut().insert(FAILURES.to_owned(), failed.failures.to_string());
        if failed.ignored > 0 {
            pod.annotations_mut().insert(IGNORED.to_owned(), failed.ignored.to_string());
        }
    }
    if let Some(index) = new.index {
        pod.metadata.generate_name = Some(format!("{name}-{index}-"));
        pod.annotations_mut().insert(INDEX.to_owned(), index.to_string());
        pod.labels_mut().insert(INDEX.to_owned(), index.to_string());
        let spec: &mut PodSpec = pod.spec.get_or_insert_default();
        spec.hostname = Some(format!("{name}-{index}"));
        let containers = spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten());
        containers.for_each(tell_index);
    }
    pod
}

fn tell_index(container: &mut Container) {
    let variables = container.env.get_or_insert_default();
    if variables.iter().any(|variable| variable.name == VARIABLE) {
        return;
    }
    let field = ObjectFieldSelector { field_path: format!("metadata.labels['{INDEX}']"), api_version: None };
    let source = EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() };
    variables.push(EnvVar { name: VARIABLE.to_owned(), value_from: Some(source), ..EnvVar::default() });
}
