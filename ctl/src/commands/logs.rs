//! `cvctl logs`.

use anyhow::{Result, bail};
use clap::Args;
use futures::{AsyncBufReadExt as _, StreamExt as _, TryStreamExt as _};

use super::pod::{self, Pod};
use crate::error;
use crate::request::{Accept, with_query};
use crate::session::{Session, duration};

/// Lines of each container when the pods are selected by labels and all lines would be too many.
const SELECTED_TAIL: i64 = 10;
/// Logs followed at the same time.
const MOST_FOLLOWED: usize = 5;

#[derive(Args)]
pub struct Flags {
    /// POD, or TYPE/NAME.
    word: Option<String>,
    /// Container, when the pod has several.
    container_word: Option<String>,
    /// Print the logs of this container.
    #[arg(short, long)]
    container: Option<String>,
    /// Specify if the logs should be streamed.
    #[arg(short, long)]
    follow: bool,
    /// If true, print the logs for the previous instance of the container in a pod if it exists.
    #[arg(short, long)]
    previous: bool,
    /// Include timestamps on each line in the log output.
    #[arg(long)]
    timestamps: bool,
    /// Lines of recent log file to display; all of them when negative.
    #[arg(long, default_value_t = -1, allow_negative_numbers = true, hide_default_value = true)]
    tail: i64,
    /// Only return logs newer than a relative duration like 5s, 2m, or 3h.
    #[arg(long, value_parser = duration)]
    since: Option<std::time::Duration>,
    /// Only return logs after a specific date (RFC3339).
    #[arg(long)]
    since_time: Option<String>,
    /// Maximum bytes of logs to return.
    #[arg(long)]
    limit_bytes: Option<u64>,
    /// Get all containers' logs in the pod(s).
    #[arg(long)]
    all_containers: bool,
    /// Selector (label query) to filter on.
    #[arg(short = 'l', long)]
    selector: Option<String>,
    /// Prefix each log line with the log source.
    #[arg(long)]
    prefix: bool,
    /// Maximum number of concurrent logs to follow when using by a selector.
    #[arg(long, default_value_t = MOST_FOLLOWED)]
    max_log_requests: usize,
    /// If watching / following pod logs, allow for any errors that occur to be non-fatal.
    #[arg(long)]
    ignore_errors: bool,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    if flags.since.is_some() && flags.since_time.is_some() {
        bail!("at most one of `sinceTime` or `sinceSeconds` may be specified");
    }
    if flags.tail < -1 {
        bail!("--tail must be greater than or equal to -1");
    }
    let pods = match (&flags.selector, &flags.word) {
        (Some(selector), None) => pod::by_selector(session, selector).await?,
        (None, Some(word)) => vec![named(session, word).await?],
        (Some(_), Some(_)) => bail!("only a selector (-l) or a POD name is allowed"),
        (None, None) => bail!(
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\nSee 'cvctl logs -h' for help and examples"
        ),
    };
    if pods.is_empty() {
        super::common::nothing_found(session, true);
    }
    let mut sources = Vec::new();
    for pod in &pods {
        match flags.container.as_ref().or(flags.container_word.as_ref()) {
            Some(container) if !pod.has(container) => {
                bail!("container {container} is not valid for pod {}", pod.name)
            }
            Some(container) => sources.push((pod, container.clone())),
            None if flags.all_containers => sources.extend(pod.all().map(|container| (pod, container.to_owned()))),
            None => sources.push((pod, pod.default_container()?)),
        }
    }
    if !flags.follow {
        for (pod, container) in &sources {
            stream(session, &flags, pod, container).await?;
        }
        return Ok(());
    }
    if sources.len() > flags.max_log_requests {
        bail!(
            "you are attempting to follow {} log streams, but maximum allowed concurrency is {}, use --max-log-requests to increase the limit",
            sources.len(),
            flags.max_log_requests
        );
    }
    let all = sources.iter().map(|(pod, container)| stream(session, &flags, pod, container));
    futures::stream::iter(all).buffer_unordered(flags.max_log_requests.max(1)).try_collect().await
}

/// The pod a word means; with what kubectl says of a missing one.
async fn named(session: &Session, word: &str) -> Result<Pod> {
    match pod::find(session, word, pod::Say::WhichOfSeveral).await {
        Err(failed) if !word.contains('/') && error::is_not_found(&failed) => {
            let namespace = &session.namespace;
            bail!("error from server (NotFound): {} in namespace \"{namespace}\"", error::message(&failed))
        }
        found => found,
    }
}

async fn stream(session: &Session, flags: &Flags, pod: &Pod, container: &str) -> Result<()> {
    match copy(session, flags, pod, container).await {
        Err(failed) if flags.ignore_errors => {
            eprintln!("{}", error::in_kubectls_words(&failed));
            Ok(())
        }
        done => done,
    }
}

async fn copy(session: &Session, flags: &Flags, pod: &Pod, container: &str) -> Result<()> {
    let flag = |set: bool| if set { "true" } else { "" };
    let tail = match flags.tail {
        -1 if flags.selector.is_some() => SELECTED_TAIL.to_string(),
        -1 => String::new(),
        lines => lines.to_string(),
    };
    let since = flags.since.map(|since| since.as_secs().max(1).to_string()).unwrap_or_default();
    let limit = flags.limit_bytes.map(|n| n.to_string()).unwrap_or_default();
    let path = with_query(
        &format!("{}/log", pod.path),
        &[
            ("container", container),
            ("follow", flag(flags.follow)),
            ("previous", flag(flags.previous)),
            ("timestamps", flag(flags.timestamps)),
            ("tailLines", &tail),
            ("sinceSeconds", &since),
            ("sinceTime", flags.since_time.as_deref().unwrap_or_default()),
            ("limitBytes", &limit),
        ],
    );
    let prefix = if flags.prefix { format!("[pod/{}/{container}] ", pod.name) } else { String::new() };
    let mut log = std::pin::pin!(session.requests.stream(&path, Accept::Object).await?);
    let mut line = Vec::new();
    // Line by line, so that lines of several logs do not mix.
    while log.read_until(b'\n', &mut line).await? > 0 {
        write(prefix.as_bytes(), &line)?;
        line.clear();
    }
    Ok(())
}

fn write(prefix: &[u8], line: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    out.write_all(prefix)?;
    out.write_all(line)?;
    Ok(out.flush()?)
}
