//! Asks the runtime for everything it has of one pod.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use corvette_proto::cri::{
    self as proto, ContainerFilter, ContainerState, NamespaceMode, PodSandboxFilter, PodSandboxState,
};
use jiff::Timestamp;

use super::labels;
use super::observed::{Container, Observed, Sandbox, State};
use super::starting;
use crate::cri::{Error, Runtime};

/// Longest termination message, in bytes.
const MESSAGE_LIMIT: u64 = 4096;
/// Longest message taken from the log, in bytes and lines.
const LOG_LIMIT: u64 = 2048;
const LOG_LINES: usize = 80;

/// Reads the state of one pod from the runtime. Ended containers do not change, so they are asked for once.
#[derive(Debug)]
pub struct Observer {
    runtime: Runtime,
    uid: String,
    pod_dir: PathBuf,
    ended: HashMap<String, Container>,
}

/// A selector of everything that belongs to a pod.
pub fn by_uid(uid: &str) -> HashMap<String, String> {
    HashMap::from([(labels::POD_UID.to_owned(), uid.to_owned())])
}

impl Observer {
    /// Makes an observer of the pod with this uid, whose files are in `pod_dir`.
    pub fn new(runtime: Runtime, uid: &str, pod_dir: PathBuf) -> Self {
        Self { runtime, uid: uid.to_owned(), pod_dir, ended: HashMap::new() }
    }

    /// Asks for everything.
    ///
    /// # Errors
    /// When the runtime does not answer. What vanishes between two questions is left out.
    pub async fn observe(&mut self) -> Result<Observed, Error> {
        let filter = PodSandboxFilter { label_selector: by_uid(&self.uid), ..PodSandboxFilter::default() };
        let mut observed = Observed::default();
        for item in self.runtime.list_pod_sandboxes(filter).await? {
            observed.sandboxes.push(Sandbox {
                attempt: item.metadata.as_ref().map_or(0, |meta| meta.attempt),
                created_at: time(item.created_at).unwrap_or_default(),
                ready: item.state() == PodSandboxState::SandboxReady,
                host_network: false,
                ips: Vec::new(),
                id: item.id,
            });
        }
        observed.sort();
        if let Some(newest) = observed.sandboxes.first_mut() {
            self.detail(newest).await?;
        }
        let filter = ContainerFilter { label_selector: by_uid(&self.uid), ..ContainerFilter::default() };
        let listed = self.runtime.list_containers(filter).await?;
        self.ended.retain(|id, _| listed.iter().any(|item| item.id == *id));
        for item in listed {
            if let Some(known) = self.ended.get(&item.id) {
                observed.containers.push(known.clone());
                continue;
            }
            let container = match self.runtime.container_status(&item.id).await {
                Ok(answer) => container(&item, answer.status.unwrap_or_default()),
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
            let mut container = with_message(container).await;
            let never_ran = container.state == State::Exited && container.started_at.is_none();
            if never_ran && starting::is_marked(&self.pod_dir, &container.id).await {
                container.state = State::Created;
            }
            if container.state == State::Exited {
                self.ended.insert(item.id.clone(), container.clone());
            }
            observed.containers.push(container);
        }
        observed.sort();
        Ok(observed)
    }

    async fn detail(&self, sandbox: &mut Sandbox) -> Result<(), Error> {
        let status = match self.runtime.pod_sandbox_status(&sandbox.id).await {
            Ok(answer) => answer.status.unwrap_or_default(),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        sandbox.ready = status.state() == PodSandboxState::SandboxReady;
        let options = status.linux.and_then(|linux| linux.namespaces).and_then(|namespaces| namespaces.options);
        sandbox.host_network = options.is_some_and(|options| options.network() == NamespaceMode::Node);
        let network = status.network.unwrap_or_default();
        sandbox.ips = std::iter::once(network.ip)
            .chain(network.additional_ips.into_iter().map(|ip| ip.ip))
            .filter(|ip| !ip.is_empty())
            .collect();
        Ok(())
    }
}

/// A container with what is needed to find its termination message.
struct Raw {
    container: Container,
    message_file: Option<String>,
    fallback: bool,
}

fn container(item: &proto::Container, status: proto::ContainerStatus) -> Raw {
    let annotation = |name: &str| status.annotations.get(name).or_else(|| item.annotations.get(name));
    let number = |name: &str| annotation(name).and_then(|text| text.parse::<i64>().ok());
    let label = |name: &str| status.labels.get(name).or_else(|| item.labels.get(name)).cloned();
    let state = match status.state() {
        ContainerState::ContainerCreated => State::Created,
        ContainerState::ContainerRunning => State::Running,
        ContainerState::ContainerExited => State::Exited,
        ContainerState::ContainerUnknown => State::Unknown,
    };
    let attempt = status.metadata.as_ref().map_or(0, |meta| meta.attempt);
    let message_path = annotation(labels::TERMINATION_PATH);
    let message_file = message_path
        .and_then(|path| status.mounts.iter().find(|mount| mount.container_path == *path))
        .map(|mount| mount.host_path.clone());
    let fallback = annotation(labels::TERMINATION_POLICY).is_some_and(|policy| policy == "FallbackToLogsOnError");
    let restart_count = number(labels::RESTART_COUNT).and_then(|count| u32::try_from(count).ok()).unwrap_or(attempt);
    let grace = number(labels::POD_DELETION_GRACE).or_else(|| number(labels::POD_GRACE));
    let hash = annotation(labels::CONTAINER_HASH).cloned().unwrap_or_default();
    let name = label(labels::CONTAINER_NAME)
        .or_else(|| status.metadata.as_ref().map(|meta| meta.name.clone()))
        .unwrap_or_default();
    let image = status.image.map(|image| image.image).unwrap_or_default();
    let ended = state == State::Exited;
    let container = Container {
        id: item.id.clone(),
        name,
        sandbox_id: item.pod_sandbox_id.clone(),
        restart_count,
        state,
        created_at: time(status.created_at).unwrap_or_default(),
        started_at: time(status.started_at),
        finished_at: if ended { time(status.finished_at) } else { None },
        exit_code: if ended { status.exit_code } else { 0 },
        reason: if ended { status.reason } else { String::new() },
        message: if ended { status.message } else { String::new() },
        image,
        image_id: status.image_ref,
        hash,
        sizes: annotation(labels::SIZES).and_then(|text| labels::sizes(text)),
        grace,
        log_path: status.log_path,
    };
    Raw { container, message_file, fallback }
}

/// Reads nanoseconds since the epoch; 0 is none.
fn time(nanoseconds: i64) -> Option<Timestamp> {
    (nanoseconds > 0).then(|| Timestamp::from_nanosecond(i128::from(nanoseconds)).ok()).flatten()
}

/// Fills in what the application wrote as its last words.
async fn with_message(raw: Raw) -> Container {
    let Raw { mut container, message_file, fallback } = raw;
    if container.state != State::Exited {
        return container;
    }
    let failed = container.exit_code != 0;
    let log = container.log_path.clone();
    let words = tokio::task::spawn_blocking(move || {
        let written = message_file.map(|path| tail(Path::new(&path), MESSAGE_LIMIT)).unwrap_or_default();
        if written.is_empty() && fallback && failed && !log.is_empty() { from_log(Path::new(&log)) } else { written }
    })
    .await
    .unwrap_or_default();
    if !words.is_empty() {
        container.message = words;
    }
    container
}

fn tail(path: &Path, limit: u64) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
        let mut data = Vec::new();
        file.take(limit).read_to_end(&mut data)?;
        Ok(data)
    };
    read().map(|data| String::from_utf8_lossy(&data).into_owned()).unwrap_or_default()
}

/// The last lines of a log in CRI format, without their frames.
fn from_log(path: &Path) -> String {
    // Frames take space too; what is cut in the end is the text.
    let raw = tail(path, LOG_LIMIT * 4);
    let lines: Vec<&str> = raw.lines().collect();
    let mut text = String::new();
    for line in lines.iter().skip(lines.len().saturating_sub(LOG_LINES)) {
        let mut parts = line.splitn(4, ' ');
        let (Some(_), Some(stream), Some(tag), Some(content)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        if stream != "stdout" && stream != "stderr" {
            continue;
        }
        text.push_str(content);
        if !tag.starts_with('P') {
            text.push('\n');
        }
    }
    let limit = usize::try_from(LOG_LIMIT).unwrap_or(usize::MAX);
    let start = text.len().saturating_sub(limit);
    let start = (start..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text.split_off(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_log_lose_their_frames() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let line = |tag, text: &str| format!("2024-01-01T00:00:00.000000000Z stderr {tag} {text}\n");
        let text = line("F", "one") + &line("P", "tw") + &line("F", "o words") + "torn";
        std::fs::write(&path, text).unwrap();
        assert_eq!(from_log(&path), "one\ntwo words\n");
    }

    #[test]
    fn messages_are_cut_to_their_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("message");
        std::fs::write(&path, "x".repeat(5000) + "end").unwrap();
        let text = tail(&path, MESSAGE_LIMIT);
        assert!(text.len() == 4096 && text.ends_with("end"));
    }
}
