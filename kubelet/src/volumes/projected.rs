//! projected: files of several sources in one directory.

use futures::FutureExt;
use k8s_openapi::api::core::v1::{Pod, ServiceAccountTokenProjection, Volume, VolumeProjection};

use super::atomic::{File, Payload};
use super::config::{self, DEFAULT_MODE, Source, mode};
use super::{Context, Error, Files, downward};
use crate::objects::Kind;
use crate::pods::spec;

pub(super) fn of_volume<'a>(context: Context<'a>, volume: &'a Volume) -> Files<'a> {
    async move {
        let Some(source) = &volume.projected else { return Err(Error::Invalid("no projected".to_owned())) };
        let mode = mode(source.default_mode, DEFAULT_MODE);
        let mut payload = Payload::new();
        for part in source.sources.iter().flatten() {
            payload.extend(files(context, part, mode).await?);
        }
        Ok(payload)
    }
    .boxed()
}

async fn files(context: Context<'_>, part: &VolumeProjection, mode: u32) -> Result<Payload, Error> {
    let of_map = part.config_map.as_ref().map(|own| (Kind::ConfigMap, &own.name, &own.items, own.optional));
    let of_secret = part.secret.as_ref().map(|own| (Kind::Secret, &own.name, &own.items, own.optional));
    if let Some((kind, name, items, optional)) = of_map.or(of_secret) {
        return config::files(context, Source { kind, name, items: items.as_ref(), mode, optional }).await;
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
