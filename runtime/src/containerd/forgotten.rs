//! Takes away what containerd has made and forgotten: shims and network namespaces.

use std::time::Duration;

use super::process::Process;
use super::{Config, Error, namespaces, shims};

/// How often they are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// What looked forgotten, and may only be just starting or ending.
#[derive(Debug, Default)]
struct Suspects {
    shims: Vec<Process>,
    namespaces: namespaces::Seen,
}

/// Takes them away until dropped.
pub(super) async fn reap(config: Config) {
    let mut suspects = Suspects::default();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let (config, before) = (config.clone(), std::mem::take(&mut suspects));
        match tokio::task::spawn_blocking(move || look(&config, &before)).await {
            Ok(Ok(now)) => suspects = now,
            Ok(Err(error)) => tracing::warn!(%error, "what containerd forgot is not taken away, will retry"),
            Err(error) => tracing::warn!(%error, "what containerd forgot is not taken away, will retry"),
        }
    }
}

fn look(config: &Config, before: &Suspects) -> Result<Suspects, Error> {
    Ok(Suspects {
        shims: shims::end_forgotten(config, &before.shims)?,
        namespaces: namespaces::remove_unused(config, &before.namespaces)?,
    })
}
