//! Tells that a container has ended, from whichever stream of events the runtime has.

use corvette_proto::containerd_events::{Envelope, SubscribeRequest, TaskExit};
use corvette_proto::cri::{ContainerEventType, GetEventsRequest};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use prost::Message;

use super::{Error, Result, Runtime};

/// containerd's events of interest: beginnings and ends of processes in CRI's namespace.
const FILTERS: [&str; 2] = [r#"namespace==k8s.io,topic=="/tasks/exit""#, r#"namespace==k8s.io,topic=="/tasks/start""#];

/// What a runtime tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A container or a sandbox has ended.
    Ended,
    /// Something else, which the kubelet did itself.
    Other,
}

impl Runtime {
    /// Subscribes to changes of containers from now on. The stream ends when the runtime goes away. This call may only
    /// return with the first event, so it has no deadline.
    ///
    /// # Errors
    /// [`Error::Unimplemented`] when the runtime tells of no changes: list instead.
    pub async fn changes(&self) -> Result<BoxStream<'static, Result<Change>>> {
        let mut client = self.runtime.clone();
        match client.get_container_events(GetEventsRequest {}).await {
            Ok(answer) => {
                let events = answer.into_inner().map_err(|s| Error::from_status("GetContainerEvents", &s));
                Ok(events.map_ok(|event| of_cri(event.container_event_type())).boxed())
            }
            Err(status) if status.code() == tonic::Code::Unimplemented => self.exits().await,
            Err(status) => Err(Error::from_status("GetContainerEvents", &status)),
        }
    }

    async fn exits(&self) -> Result<BoxStream<'static, Result<Change>>> {
        let mut client = self.events.clone();
        let answer = client.subscribe(SubscribeRequest { filters: FILTERS.map(ToOwned::to_owned).to_vec() }).await;
        let events = answer.map_err(|status| Error::from_status("Subscribe", &status))?.into_inner();
        let events = events.map_err(|status| Error::from_status("Subscribe", &status));
        Ok(events.map_ok(|event| of_containerd(&event)).boxed())
    }
}

fn of_cri(event: ContainerEventType) -> Change {
    match event {
        ContainerEventType::ContainerStoppedEvent | ContainerEventType::ContainerDeletedEvent => Change::Ended,
        ContainerEventType::ContainerCreatedEvent | ContainerEventType::ContainerStartedEvent => Change::Other,
    }
}

/// Only main processes count as containers: commands that were run in them, such as probes, end too.
fn of_containerd(event: &Envelope) -> Change {
    let payload = event.event.as_ref().map(|event| event.value.as_slice()).unwrap_or_default();
    let main = TaskExit::decode(payload).is_ok_and(|exit| exit.id == exit.container_id);
    if event.topic == "/tasks/exit" && main { Change::Ended } else { Change::Other }
}

#[cfg(test)]
mod tests {
    use corvette_proto::containerd_events::Any;

    use super::*;

    #[test]
    fn only_main_processes_count() {
        let exit = |id: &str| {
            let value = TaskExit { container_id: "c".into(), id: id.into() }.encode_to_vec();
            let event = Some(Any { type_url: "containerd.events.TaskExit".into(), value });
            Envelope { namespace: "k8s.io".into(), topic: "/tasks/exit".into(), event }
        };
        assert_eq!((of_containerd(&exit("c")), of_containerd(&exit("exec-1"))), (Change::Ended, Change::Other));
        assert_eq!(of_containerd(&Envelope { topic: "/tasks/start".into(), ..exit("c") }), Change::Other);
        let torn = Envelope { event: Some(Any { type_url: String::new(), value: vec![0xff] }), ..exit("c") };
        assert_eq!(of_containerd(&torn), Change::Other);
    }
}
