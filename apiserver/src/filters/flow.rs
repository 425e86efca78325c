//! Flow control: a bound on requests in flight, one for readers and one for writers.

use std::sync::Arc;

use corvette_api::status::{self, Status};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::request_info::RequestInfo;
use crate::{UserInfo, metrics, user::SYSTEM_MASTERS};

/// Upstream's `--max-requests-inflight`.
pub const MAX_READ_ONLY: usize = 400;
/// Upstream's `--max-mutating-requests-inflight`.
pub const MAX_MUTATING: usize = 200;

/// The two pools of requests in flight.
#[derive(Clone, Debug)]
pub struct Limits {
    read_only: Arc<Semaphore>,
    mutating: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(MAX_READ_ONLY, MAX_MUTATING)
    }
}

/// Place of one request in flight, given back when dropped.
#[derive(Debug)]
pub struct Place {
    _permit: Option<OwnedSemaphorePermit>,
    kind: &'static str,
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::IN_FLIGHT.with_label_values(&[self.kind]).dec();
    }
}

impl Limits {
    /// Makes pools of the given sizes.
    pub fn new(read_only: usize, mutating: usize) -> Self {
        Self { read_only: Arc::new(Semaphore::new(read_only)), mutating: Arc::new(Semaphore::new(mutating)) }
    }

    /// Takes a place for a request. Long-running requests need none; `system:masters` are never refused.
    ///
    /// # Errors
    /// 429 with a retry hint of one second when the pool is full.
    pub fn admit(&self, info: &RequestInfo, user: &UserInfo) -> Result<Option<Place>, Status> {
        if info.is_long_running() {
            return Ok(None);
        }
        let (pool, kind) =
            if info.verb.is_read_only() { (&self.read_only, "readOnly") } else { (&self.mutating, "mutating") };
        let permit = Arc::clone(pool).try_acquire_owned().ok();
        if permit.is_none() && !user.in_group(SYSTEM_MASTERS) {
            return Err(status::too_many_requests("too many requests, please try again later", 1));
        }
        metrics::IN_FLIGHT.with_label_values(&[kind]).inc();
        Ok(Some(Place { _permit: permit, kind }))
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn info(method: Method, path: &str) -> RequestInfo {
        RequestInfo::parse(&method, &path.parse().unwrap())
    }

    #[test]
    fn a_full_pool_refuses_all_but_masters_and_watches() {
        let limits = Limits::new(1, 1);
        let user = UserInfo::new("x", &[]);
        let get = info(Method::GET, "/api/v1/pods");
        let held = limits.admit(&get, &user).unwrap();
        assert_eq!(limits.admit(&get, &user).unwrap_err().code, 429);
        assert!(limits.admit(&info(Method::POST, "/api/v1/pods"), &user).is_ok());
        assert!(limits.admit(&get, &UserInfo::new("a", &[SYSTEM_MASTERS])).is_ok());
        assert!(limits.admit(&info(Method::GET, "/api/v1/pods?watch=1"), &user).unwrap().is_none());
        drop(held);
        assert!(limits.admit(&get, &user).is_ok());
    }
}
