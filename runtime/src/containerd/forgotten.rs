//! Takes away what containerd has made and forgotten.
//!
//! A containerd that is killed while it makes a pod, or whose client goes away then, can leave behind the network
//! namespace and the shim that it has just made, the latter with a first process that was never started. Nobody else
//! ever takes them away, not even the deletion of their pod.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::cri::Cri;
use super::process::Process;
use super::{Config, Error, Programs, namespaces, shims};

/// How often such things are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// How often in a row a thing must look forgotten: one that is just being made, or taken away, does so for a while.
const LOOKS: u32 = 4;

/// What looks forgotten, and how often in a row it did.
type Seen<K> = BTreeMap<K, u32>;

/// Takes them away until dropped.
pub(super) async fn reap(config: Config, programs: Programs, cri: Cri) {
    let (mut shims, mut namespaces) = (Seen::new(), Seen::new());
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let looked = async {
            // Without its list nothing is known to be forgotten.
            let known = cri.ids().await?;
            reap_shims(&config, &programs, &known, &mut shims).await?;
            reap_namespaces(&config, &mut namespaces).await
        };
        if let Err(error) = looked.await {
            tracing::warn!(%error, "what containerd forgot is not taken away, will retry");
        }
    }
}

async fn reap_shims(
    config: &Config,
    programs: &Programs,
    known: &BTreeSet<String>,
    seen: &mut Seen<(Process, String)>,
) -> Result<(), Error> {
    let own = config.clone();
    let all = blocking(move || shims::of_pods(&own)).await?;
    for (shim, id) in ripe(all.into_iter().filter(|(_, id)| !known.contains(id)), seen) {
        tracing::info!(pid = shim.pid, id, "ending a shim that containerd has forgotten");
        shims::remove(config, programs, shim, &id).await?;
    }
    Ok(())
}

async fn reap_namespaces(config: &Config, seen: &mut Seen<PathBuf>) -> Result<(), Error> {
    let config = config.clone();
    let unused = blocking(move || namespaces::unused(&config)).await?;
    for path in ripe(unused, seen) {
        tracing::info!(path = %path.display(), "removing a network namespace that containerd has forgotten");
        namespaces::remove(&path)?;
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::Cri(tonic::Status::internal(error.to_string()))))
}

/// Notes what looks forgotten now, and gives what has done so for long enough.
fn ripe<K: Ord>(now: impl IntoIterator<Item = K>, seen: &mut Seen<K>) -> Vec<K> {
    let before = std::mem::take(seen);
    let mut ripe = Vec::new();
    for thing in now {
        let looks = before.get(&thing).copied().unwrap_or_default() + 1;
        if looks < LOOKS {
            seen.insert(thing, looks);
        } else {
            ripe.push(thing);
        }
    }
    ripe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_forgotten_again_and_again_is_taken_away() {
        let mut seen = Seen::new();
        assert_eq!(ripe(["a", "b"], &mut seen), Vec::<&str>::new());
        assert_eq!(ripe(["a"], &mut seen), Vec::<&str>::new());
        assert_eq!(ripe(["a", "b"], &mut seen), Vec::<&str>::new());
        assert_eq!(ripe(["a", "b"], &mut seen), ["a"]);
        assert_eq!(ripe(["b"], &mut seen), Vec::<&str>::new());
        assert_eq!(ripe(["b"], &mut seen), ["b"], "counted anew after it was not seen once");
        assert!(seen.is_empty());
    }
}
