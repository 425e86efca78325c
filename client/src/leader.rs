//! Leader election on a Lease.
//!
//! Follows client-go/tools/leaderelection: LeaderElector @ v1.36. Clocks of machines are never compared: a lease has
//! expired when this process has watched it unchanged for its duration. The leader's work is fenced: its token is
//! cancelled at the renew deadline, before anyone else can take the lease.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use corvette_component::CancellationToken;
use corvette_component::clock::{self, SharedClock};
use corvette_component::tasks::Tasks;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::time::Instant;

use crate::metrics;

/// An election.
#[derive(Debug, Clone)]
pub struct Config {
    /// The namespace of the Lease.
    pub namespace: String,
    /// The name of the Lease.
    pub name: String,
    /// This candidate; unique among all, such as `<host>_<uuid>`.
    pub identity: String,
    /// How long followers wait after the last renewal they saw. 15 s.
    pub lease_duration: Duration,
    /// How long the leader tries to renew before it gives up. 10 s, less than the lease duration.
    pub renew_deadline: Duration,
    /// How long to wait between two tries. 2 s.
    pub retry_period: Duration,
}

impl Config {
    /// Makes an election with upstream's default times.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            identity: identity.into(),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

/// One candidate of an election.
pub struct Elector {
    api: Api<Lease>,
    config: Arc<Config>,
    clock: SharedClock,
    seen: Option<Seen>,
}

/// The lease as last read, and since when it has looked like that.
struct Seen {
    lease: Lease,
    since: Instant,
}

impl Elector {
    /// Makes a candidate that does not run yet.
    #[must_use]
    pub fn new(client: Client, config: Config) -> Self {
        let api = Api::namespaced(client, &config.namespace);
        Self { api, config: Arc::new(config), clock: clock::system(), seen: None }
    }

    /// Tries once to take or renew the lease and says whether this candidate holds it now.
    async fn try_hold(&mut self) -> Result<bool, kube::Error> {
        let now = self.clock.now();
        let Some(lease) = self.api.get_opt(&self.config.name).await? else {
            let lease = Lease {
                metadata: ObjectMeta { name: Some(self.config.name.clone()), ..ObjectMeta::default() },
                spec: Some(claim(&LeaseSpec::default(), &self.config, now)),
            };
            let created = self.api.create(&PostParams::default(), &lease).await?;
            self.saw(created);
            return Ok(true);
        };
        let since = self.saw(lease.clone());
        let spec = lease.spec.clone().unwrap_or_default();
        if !free(&spec, &self.config.identity, since.elapsed()) {
            return Ok(false);
        }
        let lease = Lease { spec: Some(claim(&spec, &self.config, now)), ..lease };
        let replaced = self.api.replace(&self.config.name, &PostParams::default(), &lease).await?;
        self.saw(replaced);
        Ok(true)
    }

    /// Notes what the lease looks like and returns since when.
    fn saw(&mut self, lease: Lease) -> Instant {
        match &mut self.seen {
            Some(seen) if seen.lease.spec == lease.spec => {
                seen.lease = lease;
                seen.since
            }
            seen => seen.insert(Seen { lease, since: Instant::now() }).since,
        }
    }

    async fn acquire(&mut self) {
        loop {
            // A call that hangs is given up, so that a dead connection is not kept for ever.
            match tokio::time::timeout(self.config.renew_deadline, self.try_hold()).await {
                Ok(Ok(true)) => return,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::debug!(lease = %self.config.name, %error, "not acquired; trying again"),
                Err(_) => tracing::warn!(lease = %self.config.name, "acquiring timed out; trying again"),
            }
            tokio::time::sleep(self.config.retry_period).await;
        }
    }

    /// Renews until the lease is lost or cannot be renewed in time.
    async fn renew(&mut self) {
        let mut deadline = Instant::now() + self.config.renew_deadline;
        loop {
            tokio::time::sleep(self.config.retry_period).await;
            let tried = Instant::now();
            match tokio::time::timeout_at(deadline, self.try_hold()).await {
                Ok(Ok(true)) => deadline = tried + self.config.renew_deadline,
                Ok(Ok(false)) => return tracing::warn!(lease = %self.config.name, "lost the lease to another"),
                Ok(Err(error)) => tracing::debug!(lease = %self.config.name, %error, "not renewed; trying again"),
                Err(_) => return tracing::warn!(lease = %self.config.name, "could not renew the lease in time"),
            }
        }
    }

    /// Gives the lease up so that a follower need not wait. Failing is harmless: the lease expires.
    async fn release(&mut self) {
        let Some(seen) = self.seen.take() else { return };
        let spec = seen.lease.spec.clone().unwrap_or_default();
        if spec.holder_identity.as_deref() != Some(&self.config.identity) {
            return;
        }
        let spec = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(self.clock.now())),
            ..spec
        };
        let lease = Lease { spec: Some(spec), ..seen.lease };
        let params = PostParams::default();
        let replaced = self.api.replace(&self.config.name, &params, &lease);
        match tokio::time::timeout(self.config.retry_period, replaced).await {
            Ok(Ok(_)) => tracing::info!(lease = %self.config.name, "released the lease"),
            Ok(Err(error)) => tracing::debug!(lease = %self.config.name, %error, "not released"),
            Err(_) => tracing::debug!(lease = %self.config.name, "releasing timed out"),
        }
    }
}

/// Runs `lead` whenever `elector` holds its lease, until the scope of `tasks` is cancelled or `lead` ends by itself.
///
/// The future of `lead` must end soon after its token is cancelled (which happens at shutdown and when the lease is
/// lost); it is dropped when the lease could have gone to another. After a loss the election starts again.
pub async fn run<F, Fut>(mut elector: Elector, tasks: &Tasks, mut lead: F)
where
    F: FnMut(CancellationToken) -> Fut,
    Fut: Future<Output = ()>,
{
    let config = elector.config.clone();
    let leading = metrics::LEADER.with_label_values(&[&config.name]);
    let shutdown = tasks.token();
    leading.set(0);
    while shutdown.run_until_cancelled(elector.acquire()).await.is_some() {
        tracing::info!(lease = %config.name, identity = %config.identity, "leading");
        leading.set(1);
        let token = shutdown.child_token();
        let mut work = std::pin::pin!(lead(token.clone()));
        let ended = tokio::select! {
            () = &mut work => true,
            () = elector.renew() => false,
        };
        if !ended {
            token.cancel();
            let rest = config.lease_duration.saturating_sub(config.renew_deadline);
            if tokio::time::timeout(rest, &mut work).await.is_err() {
                tracing::error!(lease = %config.name, "work did not end in time after the lease was lost");
            }
        }
        leading.set(0);
        elector.release().await;
        if ended {
            return;
        }
    }
}

/// Says whether a candidate may take a lease that has looked like `spec` for `age`.
fn free(spec: &LeaseSpec, identity: &str, age: Duration) -> bool {
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.unwrap_or_default();
    let lasts = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    holder.is_empty() || holder == identity || age > lasts
}

/// Returns the lease after this candidate took or renewed it.
fn claim(spec: &LeaseSpec, config: &Config, now: Timestamp) -> LeaseSpec {
    let renewal = spec.holder_identity.as_deref() == Some(&config.identity);
    let taken_over = spec.acquire_time.is_some() && !renewal;
    let transitions = spec.lease_transitions.unwrap_or_default() + i32::from(taken_over);
    let acquired = if renewal { spec.acquire_time.clone() } else { None };
    LeaseSpec {
        holder_identity: Some(config.identity.clone()),
        lease_duration_seconds: Some(i32::try_from(config.lease_duration.as_secs()).unwrap_or(i32::MAX)),
        acquire_time: Some(acquired.unwrap_or(MicroTime(now))),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(transitions),
        ..spec.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(identity: &str) -> Config {
        Config::new("kube-system", "test", identity)
    }

    #[test]
    fn a_lease_is_free_when_released_own_or_expired() {
        let now = Timestamp::UNIX_EPOCH;
        let held = claim(&LeaseSpec::default(), &config("a"), now);
        assert!(free(&held, "a", Duration::ZERO));
        assert!(!free(&held, "b", Duration::from_secs(15)));
        assert!(free(&held, "b", Duration::from_secs(16)));
        let released = LeaseSpec { holder_identity: Some(String::new()), ..held };
        assert!(free(&released, "b", Duration::ZERO));
    }

    #[test]
    fn a_transition_is_counted_when_the_holder_changes() {
        let (then, now) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let first = claim(&LeaseSpec::default(), &config("a"), then);
        assert_eq!(first.lease_transitions, Some(0));
        let renewed = claim(&first, &config("a"), now);
        assert_eq!((renewed.lease_transitions, renewed.acquire_time), (Some(0), Some(MicroTime(then))));
        let taken = claim(&first, &config("b"), now);
        assert_eq!((taken.lease_transitions, taken.acquire_time), (Some(1), Some(MicroTime(now))));
    }
}
