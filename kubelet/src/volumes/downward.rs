//! downwardAPI: files with facts of the pod.

use std::path::PathBuf;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, Volume};

use super::atomic::{File, Payload};
use super::config::{DEFAULT_MODE, mode, put};
use super::empty_dir::Medium;
use super::{Context, Error};
use crate::env::{self, Place};
use crate::pods::spec;
use crate::resources;

pub(super) fn set_up<'a>(
    context: Context<'a>,
    volume: &'a Volume,
    dir: PathBuf,
) -> BoxFuture<'a, Result<PathBuf, Error>> {
    async move {
        let Some(source) = &volume.downward_api else { return Err(Error::Invalid("no downwardAPI".to_owned())) };
        let mode = mode(source.default_mode, DEFAULT_MODE);
        let payload = files(context, source.items.as_deref().unwrap_or_default(), mode)?;
        put(context, dir, Medium::Memory(None), payload).await
    }
    .boxed()
}

/// Renders the files of a downward API source.
pub(super) fn files(context: Context<'_>, items: &[DownwardAPIVolumeFile], default: u32) -> Result<Payload, Error> {
    let mut payload = Payload::new();
    for item in items {
        let text = render(context, item)?;
        let file = File { data: text.into_bytes(), mode: mode(item.mode, default), user: None };
        payload.insert(item.path.clone(), file);
    }
    Ok(payload)
}

fn render(context: Context<'_>, item: &DownwardAPIVolumeFile) -> Result<String, Error> {
    if let Some(reference) = &item.field_ref {
        let nowhere = Place { host_ips: &[], pod_ips: &[] };
        return env::field(context.pod, &reference.field_path, nowhere)
            .ok_or_else(|| Error::Invalid(format!("unsupported fieldPath: {}", reference.field_path)));
    }
    let Some(reference) = &item.resource_field_ref else { return Ok(String::new()) };
    let name = reference.container_name.as_deref().unwrap_or_default();
    let container = spec::container(context.pod, name)
        .ok_or_else(|| Error::Invalid(format!("failed to find container {name} in the pod")))?;
    resources::field(container, &reference.resource, reference.divisor.as_ref(), context.node)
        .ok_or_else(|| Error::Invalid(format!("unsupported container resource : {}", reference.resource)))
}
