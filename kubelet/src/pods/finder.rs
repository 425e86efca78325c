//! Answers the HTTPS server's questions about pods and containers.

use std::path::PathBuf;
use std::sync::Arc;

use corvette_proto::cri::{self as proto, ContainerFilter, PodSandboxFilter, PodSandboxState};
use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;

use super::dispatch::Pods;
use super::lookup::{ContainerInfo, ContainerState, Instance, Lookup, LookupError};
use super::observe::by_uid;
use super::{labels, spec};
use crate::cri;

impl Lookup for Pods {
    fn container<'a>(
        &'a self,
        namespace: &'a str,
        pod: &'a str,
        uid: Option<&'a str>,
        container: &'a str,
        instance: Instance,
    ) -> BoxFuture<'a, Result<ContainerInfo, LookupError>> {
        async move {
            let found = self
                .find(namespace, pod)
                .filter(|found| uid.is_none_or(|uid| spec::uid(found) == uid))
                .ok_or_else(|| LookupError::PodNotFound(format!("{pod}_{namespace}")))?;
            if !has(&found, container) {
                let pod = format!("{pod}_{namespace}");
                return Err(LookupError::ContainerNotFound { pod, container: container.to_owned() });
            }
            self.instance(&found, container, instance).await
        }
        .boxed()
    }

    fn pod(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        self.find(namespace, name)
    }

    fn pods(&self) -> Vec<Arc<Pod>> {
        self.all()
    }
}

fn has(pod: &Pod, name: &str) -> bool {
    spec::container(pod, name).is_some() || spec::is_ephemeral(pod, name)
}

fn failed(error: &cri::Error) -> LookupError {
    LookupError::Runtime(error.to_string())
}

impl Pods {
    async fn instance(&self, pod: &Pod, name: &str, instance: Instance) -> Result<ContainerInfo, LookupError> {
        let runtime = &self.deps().runtime;
        let uid = spec::uid(pod);
        let mut selector = by_uid(uid);
        selector.insert(labels::CONTAINER_NAME.to_owned(), name.to_owned());
        let filter = ContainerFilter { label_selector: selector, ..ContainerFilter::default() };
        let mut instances = runtime.list_containers(filter).await.map_err(|error| failed(&error))?;
        instances.sort_by_key(|container| std::cmp::Reverse((container.created_at, attempt(container))));
        let wanted = match instance {
            Instance::Current => instances.into_iter().next(),
            Instance::Previous => instances.into_iter().nth(1),
        };
        match (wanted, instance) {
            (Some(found), _) => self.describe(pod, name, found).await,
            (None, Instance::Previous) => {
                Err(LookupError::NoPrevious { pod: spec::name(pod).to_owned(), container: name.to_owned() })
            }
            (None, Instance::Current) => Ok(ContainerInfo {
                id: String::new(),
                pod_uid: uid.to_owned(),
                sandbox_id: self.sandbox(uid).await?,
                log_path: self.log_path(pod, name, 0),
                state: ContainerState::Waiting,
                restart_count: 0,
            }),
        }
    }

    async fn describe(&self, pod: &Pod, name: &str, found: proto::Container) -> Result<ContainerInfo, LookupError> {
        let annotation = found.annotations.get(labels::RESTART_COUNT).and_then(|text| text.parse().ok());
        let restart_count = annotation.unwrap_or_else(|| attempt(&found));
        let state = match found.state() {
            proto::ContainerState::ContainerRunning => ContainerState::Running,
            proto::ContainerState::ContainerExited => ContainerState::Terminated,
            proto::ContainerState::ContainerCreated | proto::ContainerState::ContainerUnknown => {
                ContainerState::Waiting
            }
        };
        let status = self.deps().runtime.container_status(&found.id).await.map_err(|error| failed(&error))?;
        let log_path = status.status.map(|status| status.log_path).filter(|path| !path.is_empty());
        Ok(ContainerInfo {
            pod_uid: spec::uid(pod).to_owned(),
            sandbox_id: found.pod_sandbox_id,
            log_path: log_path.map_or_else(|| self.log_path(pod, name, restart_count), PathBuf::from),
            state,
            restart_count,
            id: found.id,
        })
    }

    async fn sandbox(&self, uid: &str) -> Result<String, LookupError> {
        let filter = PodSandboxFilter { label_selector: by_uid(uid), ..PodSandboxFilter::default() };
        let found = self.deps().runtime.list_pod_sandboxes(filter).await.map_err(|error| failed(&error))?;
        let ready = found.into_iter().filter(|sandbox| sandbox.state() == PodSandboxState::SandboxReady);
        Ok(ready.max_by_key(|sandbox| sandbox.created_at).map(|sandbox| sandbox.id).unwrap_or_default())
    }

    fn log_path(&self, pod: &Pod, container: &str, restart_count: u32) -> PathBuf {
        let (namespace, name, uid) = (spec::namespace(pod), spec::name(pod), spec::uid(pod));
        let dir = labels::log_directory(&self.deps().host.log_dir, namespace, name, uid);
        dir.join(labels::log_file(container, restart_count))
    }
}

fn attempt(container: &proto::Container) -> u32 {
    container.metadata.as_ref().map_or(0, |meta| meta.attempt)
}
