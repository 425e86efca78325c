//! projected: files of several sources in one directory.

use std::path::PathBuf;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Pod, ServiceAccountTokenProjection, Volume, VolumeProjection};

use super::atomic::{File, Payload};
use super::config::{self, DEFAULT_MODE, Need, mode, put};
use super::empty_dir::Medium;
use super::{Context, Error, downward};
use crate::pods::spec;

pub(super) fn set_up<'a>(
    context: Context<'a>,
    volume: &'a Volume,
    dir: PathBuf,
) -> BoxFuture<'a, Result<PathBuf, Error>> {
    async move {
        let Some(source) = &volume.projected else { return Err(Error::Invalid("no projected".to_owned())) };
        let mode = mode(source.default_mode, DEFAULT_MODE);
        let mut payload = Payload::new();
        for part in source.sources.iter().flatten() {
            payload.extend(files(context, part, mode).await?);
        }
        put(context, dir, Medium::Memory(None), payload).await
    }
    .boxed()
}

async fn files(context: Context<'_>, part: &VolumeProjection, mode: u32) -> Result<Payload, Error> {
    if let Some(source) = &part.config_map {
        let items = source.items.as_deref().unwrap_or_default();
        return config::config_map(context, &source.name, items, mode, Need::of(source.optional)).await;
    }
    if let Some(source) = &part.secret {
        let items = source.items.as_deref().unwrap_or_default();
        return config::secret(context, &source.name, items, mode, Need::of(source.optional)).await;
    }
    if let Some(source) = &part.downward_api {
        return downward::files(context, source.items.as_deref().unwrap_or_default(), mode);
    }
    if let Some(source) = &part.service_account_token {
        return token(context, source, mode).await;
    }
    if part.cluster_trust_bundle.is_some() {
        return Err(Error::Invalid("clusterTrustBundle projections are not supported".to_owned()));
    }
    if part.pod_certificate.is_some() {
        return Err(Error::Invalid("podCertificate projections are not supported".to_owned()));
    }
    Ok(Payload::new())
}

async fn token(context: Context<'_>, source: &ServiceAccountTokenProjection, mode: u32) -> Result<Payload, Error> {
    let token = context.tokens.get(context.pod, source).await?;
    let user = only_user(context.pod);
    let mode = if user.is_some() || context.fs_group().is_some() { 0o600 } else { mode };
    let file = File { data: token.into_bytes(), mode, user };
    Ok(Payload::from([(source.path.clone(), file)]))
}

/// The user that all containers run as, when the spec says so and it is the same for all.
fn only_user(pod: &Pod) -> Option<u32> {
    let of_pod = pod.spec.as_ref()?.security_context.as_ref().and_then(|context| context.run_as_user);
    let mut users = spec::all_containers(pod)
        .map(|container| container.security_context.as_ref().and_then(|context| context.run_as_user).or(of_pod));
    let first = users.next()??;
    users.all(|user| user == Some(first)).then_some(first).and_then(|user| u32::try_from(user).ok())
}
