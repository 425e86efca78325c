//! Every spawned task of a process: named, in a span, cancelled together and drained by a deadline.
//!
//! Scopes form a tree. Cancelling a scope cancels its children; a panic anywhere is logged, recorded as
//! the failure of the whole tree and cancels the root, so that the process ends and is restarted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// A scope of tasks. Clones are the same scope.
#[derive(Clone)]
pub struct Tasks {
    shared: Arc<Shared>,
    path: Arc<str>,
    token: CancellationToken,
}

struct Shared {
    root: CancellationToken,
    live: Mutex<Live>,
    ended: Notify,
}

#[derive(Default)]
struct Live {
    next: u64,
    tasks: BTreeMap<u64, Entry>,
    failure: Option<String>,
}

struct Entry {
    scope: Arc<str>,
    name: String,
    abort: Option<AbortHandle>,
}

/// Removes its task from the table when the task ends, however it ends.
struct Registration {
    shared: Arc<Shared>,
    id: u64,
}

impl Tasks {
    /// Makes the root scope of a process (or of a test).
    #[must_use]
    pub fn new(name: &str) -> Self {
        let root = CancellationToken::new();
        let shared = Shared { root: root.clone(), live: Mutex::default(), ended: Notify::new() };
        Self { shared: Arc::new(shared), path: name.into(), token: root }
    }

    /// Makes a scope below this one: cancelled with it, and drained alone by its own [`Tasks::shutdown`].
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        Self {
            shared: self.shared.clone(),
            path: format!("{}/{name}", self.path).into(),
            token: self.token.child_token(),
        }
    }

    /// Returns the token that tells the scope's tasks to end.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Returns the scope's path, such as `corvette/apiserver`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the first failure of the whole tree: what [`Tasks::fail`] was told, or `task: panicked`. The process then exits non-zero.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.shared.live.lock().failure.clone()
    }

    /// Records the failure of a part that the process cannot go on without, and cancels the whole tree. The first one is kept.
    pub fn fail(&self, reason: impl Into<String>) {
        let reason = reason.into();
        tracing::error!(reason, "the process ends");
        self.shared.live.lock().failure.get_or_insert(reason);
        self.shared.root.cancel();
    }

    /// Spawns a task that watches [`Tasks::token`] itself and ends soon after it is cancelled.
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = name.into();
        let span = tracing::info_span!("task", scope = %self.path, name = %name);
        let registration = self.register(&name);
        let id = registration.id;
        let handle = tokio::spawn(
            async move {
                let _registration = registration;
                future.await;
            }
            .instrument(span),
        );
        let abort = handle.abort_handle();
        if let Some(entry) = self.shared.live.lock().tasks.get_mut(&id) {
            entry.abort = Some(abort.clone());
        }
        abort
    }

    /// Spawns a task that is dropped at its next await point once the scope is cancelled.
    pub fn spawn_until_cancelled<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let token = self.token();
        self.spawn(name, async move {
            token.run_until_cancelled_owned(future).await;
        })
    }

    /// Runs blocking work on the blocking pool. It cannot be aborted: keep it short or let it check the token.
    pub fn spawn_blocking<T, F>(&self, name: impl Into<Cow<'static, str>>, work: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let name = name.into();
        let span = tracing::info_span!("task", scope = %self.path, name = %name);
        let registration = self.register(&name);
        tokio::task::spawn_blocking(move || {
            let _registration = registration;
            span.in_scope(work)
        })
    }

    /// Cancels the scope and waits until its tasks and those of its children have ended.
    ///
    /// # Errors
    /// The names of the tasks still running after `deadline`; those that can be aborted are.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), Vec<String>> {
        self.token.cancel();
        if tokio::time::timeout(deadline, self.drained()).await.is_ok() {
            return Ok(());
        }
        let mut late = Vec::new();
        for entry in self.shared.live.lock().tasks.values().filter(|entry| self.owns(&entry.scope)) {
            late.push(format!("{}/{}", entry.scope, entry.name));
            if let Some(abort) = &entry.abort {
                abort.abort();
            }
        }
        if late.is_empty() { Ok(()) } else { Err(late) }
    }

    /// Waits until no task of the scope or of its children runs, without cancelling them.
    pub async fn drained(&self) {
        loop {
            let mut ended = std::pin::pin!(self.shared.ended.notified());
            ended.as_mut().enable();
            if !self.shared.live.lock().tasks.values().any(|entry| self.owns(&entry.scope)) {
                return;
            }
            ended.await;
        }
    }

    fn owns(&self, scope: &str) -> bool {
        scope.strip_prefix(&*self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn register(&self, name: &str) -> Registration {
        let mut live = self.shared.live.lock();
        let id = live.next;
        live.next += 1;
        live.tasks.insert(id, Entry { scope: self.path.clone(), name: name.to_owned(), abort: None });
        Registration { shared: self.shared.clone(), id }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut live = self.shared.live.lock();
        let entry = live.tasks.remove(&self.id);
        if std::thread::panicking() {
            let name = entry.map_or_else(String::new, |entry| format!("{}/{}", entry.scope, entry.name));
            tracing::error!(task = %name, "task panicked; the process shuts down");
            live.failure.get_or_insert_with(|| format!("{name}: panicked"));
            self.shared.root.cancel();
        }
        drop(live);
        self.shared.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn shutdown_waits_for_tasks_that_heed_the_token() {
        let tasks = Tasks::new("test");
        let token = tasks.token();
        tasks.spawn("good", async move { token.cancelled().await });
        tasks.spawn_until_cancelled("dropped", std::future::pending());
        assert_eq!(tasks.shutdown(Duration::from_secs(1)).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_names_the_tasks_that_do_not_end() {
        let tasks = Tasks::new("test");
        tasks.child("part").spawn("stuck", std::future::pending());
        assert_eq!(tasks.shutdown(Duration::from_secs(1)).await, Err(vec!["test/part/stuck".to_owned()]));
        tasks.drained().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_child_is_drained_alone() {
        let tasks = Tasks::new("test");
        let (one, other) = (tasks.child("one"), tasks.child("one-more"));
        one.spawn_until_cancelled("x", std::future::pending());
        other.spawn_until_cancelled("y", std::future::pending());
        assert_eq!(one.shutdown(Duration::from_secs(1)).await, Ok(()));
        assert!(!other.token().is_cancelled());
        assert_eq!(tasks.shutdown(Duration::from_secs(1)).await, Ok(()));
    }

    #[tokio::test]
    async fn a_panic_cancels_the_root_and_is_recorded() {
        let tasks = Tasks::new("test");
        tasks.child("part").spawn("bad", async { panic!("on purpose") });
        tasks.token().cancelled().await;
        tasks.drained().await;
        assert_eq!(tasks.failure().as_deref(), Some("test/part/bad: panicked"));
    }
}
