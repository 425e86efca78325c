//! `cvctl logs`.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use futures::AsyncReadExt as _;

use super::pod::{self, Pod};
use crate::request::{Accept, with_query};
use crate::session::Session;

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
    /// Only return logs newer than a number of seconds, as 30s or 5m.
    #[arg(long)]
    since: Option<String>,
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
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let pods = match (&flags.selector, &flags.word) {
        (Some(selector), None) => pod::by_selector(session, selector).await?,
        (None, Some(word)) => vec![pod::find(session, word).await?],
        (Some(_), Some(_)) => bail!("only a selector (-l) or a POD name is allowed"),
        (None, None) => bail!(
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command"
        ),
    };
    for pod in &pods {
        let containers = match flags.container.as_ref().or(flags.container_word.as_ref()) {
            Some(container) => vec![container.clone()],
            None if flags.all_containers => pod.containers.clone(),
            None => vec![pod.default_container()?],
        };
        for container in &containers {
            stream(session, &flags, pod, container).await?;
        }
    }
    Ok(())
}

async fn stream(session: &Session, flags: &Flags, pod: &Pod, container: &str) -> Result<()> {
    let flag = |set: bool| if set { "true" } else { "" };
    let tail = if flags.tail < 0 { String::new() } else { flags.tail.to_string() };
    let since = flags.since.as_deref().map(since_seconds).transpose()?.unwrap_or_default();
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
    let mut log = std::pin::pin!(session.requests.stream(&path, Accept::Object).await?);
    let (mut buffer, mut at_start) = (vec![0; 16 * 1024], true);
    loop {
        let read = log.read(&mut buffer).await?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { return Ok(()) };
        write(chunk, flags.prefix.then(|| format!("[pod/{}/{container}] ", pod.name)), &mut at_start)?;
    }
}

/// Writes a piece of a log, with a prefix before each line if there is one.
fn write(chunk: &[u8], prefix: Option<String>, at_start: &mut bool) -> Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match prefix {
        None => out.write_all(chunk)?,
        Some(prefix) => {
            for line in chunk.split_inclusive(|b| *b == b'\n') {
                if *at_start {
                    out.write_all(prefix.as_bytes())?;
                }
                out.write_all(line)?;
                *at_start = line.ends_with(b"\n");
            }
        }
    }
    Ok(out.flush()?)
}

fn since_seconds(text: &str) -> Result<String> {
    let span: jiff::SignedDuration = text.parse().with_context(|| format!("invalid duration \"{text}\""))?;
    Ok(span.as_secs().max(1).to_string())
}
