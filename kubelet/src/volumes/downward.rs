//! downwardAPI: files with facts of the pod.

use futures::FutureExt;
use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, Volume};

use super::atomic::{File, Payload};
use super::config::{DEFAULT_MODE, mode};
use super::{Context, Error, Files};
use crate::env::{self, Place};
use crate::pods::spec;
use crate::resources;

pub(super) fn of_volume<'a>(context: Context<'a>, volume: &'a Volume) -> Files<'a> {
    let payload = match &volume.downward_api {
        Some(source) => {
            let mode = mode(source.default_mode, DEFAULT_MODE);
            files(context, source.items.as_deref().unwrap_or_default(), mode)
        }
        None => Err(Error::Invalid("no downwardAPI".to_owned())),
    };
    futures::future::ready(payload).boxed()
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
