//! What containers use.

use corvette_proto::cri::{ContainerStats, ContainerStatsFilter, ContainerStatsRequest, ListContainerStatsRequest};

use super::runtime::{TIMEOUT, call};
use super::{Error, Result, Runtime};

impl Runtime {
    /// Measures one container.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such container.
    pub async fn container_stats(&self, id: &str) -> Result<ContainerStats> {
        let message = ContainerStatsRequest { container_id: id.to_owned() };
        let mut client = self.runtime.clone();
        let answer = call("ContainerStats", TIMEOUT, message, |r| async move { client.container_stats(r).await });
        answer.await?.stats.ok_or_else(|| Error::incomplete("ContainerStats", "stats"))
    }

    /// Measures all running containers.
    ///
    /// # Errors
    /// As every call.
    pub async fn list_container_stats(&self) -> Result<Vec<ContainerStats>> {
        let message = ListContainerStatsRequest { filter: Some(ContainerStatsFilter::default()) };
        let mut client = self.runtime.clone();
        let answer =
            call("ListContainerStats", TIMEOUT, message, |r| async move { client.list_container_stats(r).await });
        Ok(answer.await?.stats)
    }
}
