use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::fault::Fault;
use super::open;
use crate::{Error, Result};

/// Connections that read at the same time; more requests wait their turn.
const CONNECTIONS: usize = 4;

/// A small pool of reading connections; its work runs on the blocking pool.
#[derive(Debug, Clone)]
pub(super) struct Readers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    place: String,
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        let place = path.display().to_string();
        Self(Arc::new(Pool { path, place, permits: Semaphore::new(CONNECTIONS), idle: Mutex::default() }))
    }

    /// Runs `work` with a connection that no one else uses meanwhile.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    {
        let _permit = self.0.permits.acquire().await.map_err(|error| Error::unavailable(&self.0.place, error))?;
        let pool = self.0.clone();
        tokio::task::spawn_blocking(move || pool.run(work))
            .await
            .map_err(|error| Error::unavailable(&self.0.place, error))?
            .map_err(|fault| fault.at(&self.0.place))
    }
}

impl Pool {
    fn run<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = self.idle.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => open::reader(&self.path)?,
        };
        let result = work(&mut connection);
        // After an error of SQLite the connection's state is not worth guessing.
        if !matches!(result, Err(Fault::Sql(_))) {
            self.idle.lock().push(connection);
        }
        result
    }
}
