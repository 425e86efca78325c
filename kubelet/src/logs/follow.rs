//! Drives the filter over a file: to its end, or on while the container writes, across rotation.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;

use super::filter::{Filter, More, Options};
use super::tail;

/// How much is read at a time, in bytes.
const CHUNK: usize = 64 * 1024;
/// How often a followed file is looked at.
const POLL: Duration = Duration::from_millis(100);
/// After how many looks without news the container's state is asked for.
const LOOKS_PER_STATE: u32 = 5;
/// Longest line kept while its end is not there yet, in bytes. The runtime cuts lines far below it.
const LINE_MAX: usize = 1024 * 1024;

/// Reads the log at `path` into `out` until its end, or with `follow` until the container has ended and all it wrote
/// was sent. `running` tells whether the container runs; it is asked only when nothing new was written. Ends quietly
/// when the receiver is gone. When the receiver is slow the reader waits.
///
/// # Errors
/// Of opening and reading the file; the text of `NotFound` names the path.
pub async fn read<R, F>(path: PathBuf, options: Options, running: R, out: mpsc::Sender<Bytes>) -> io::Result<()>
where
    R: Fn() -> F,
    F: Future<Output = bool>,
{
    let mut reader = Reader { file: open(&path).await?, lines: Lines::new(&options), out };
    if let Some(lines) = options.tail {
        reader.file = seek_tail(reader.file, lines).await?;
    }
    if options.limit_bytes == Some(0) || reader.drain().await? == More::Enough {
        return Ok(());
    }
    if !options.follow {
        reader.finish().await;
        return Ok(());
    }
    let mut ticks = tokio::time::interval(POLL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut quiet = 0;
    loop {
        tokio::select! {
            () = reader.out.closed() => return Ok(()),
            _ = ticks.tick() => {}
        }
        match reader.news(&path).await? {
            News::None => {
                quiet += 1;
                if quiet < LOOKS_PER_STATE {
                    continue;
                }
                quiet = 0;
                if running().await {
                    continue;
                }
                // What it wrote between the look at the file and its end.
                if reader.drain().await? == More::Wanted {
                    reader.finish().await;
                }
                return Ok(());
            }
            News::Grown => {}
            News::Replaced(file) => {
                if reader.drain().await? == More::Enough {
                    return Ok(());
                }
                reader.file = file;
                reader.lines.rest.clear();
            }
        }
        quiet = 0;
        if reader.drain().await? == More::Enough {
            return Ok(());
        }
    }
}

/// What happened to a followed file.
enum News {
    None,
    Grown,
    /// Another file stands at the path, or the same one was cut.
    Replaced(File),
}

/// An open file on its way to a receiver.
struct Reader {
    file: File,
    lines: Lines,
    out: mpsc::Sender<Bytes>,
}

impl Reader {
    /// Sends what the file has from here to its end.
    async fn drain(&mut self) -> io::Result<More> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = self.file.read(&mut chunk).await?;
            if count == 0 {
                return Ok(More::Wanted);
            }
            let (bytes, more) = self.lines.push(chunk.get(..count).unwrap_or_default());
            if !bytes.is_empty() && self.out.send(bytes).await.is_err() {
                return Ok(More::Enough);
            }
            if more == More::Enough {
                return Ok(More::Enough);
            }
        }
    }

    /// Sends a last line that has no end.
    async fn finish(&mut self) {
        let bytes = self.lines.finish();
        if !bytes.is_empty() && self.out.send(bytes).await.is_err() {
            tracing::debug!("the reader of a log left");
        }
    }

    /// Compares the open file with the path.
    async fn news(&mut self, path: &Path) -> io::Result<News> {
        let position = self.file.stream_position().await?;
        let ours = self.file.metadata().await?;
        match tokio::fs::metadata(path).await {
            Ok(theirs) if theirs.ino() != ours.ino() || theirs.dev() != ours.dev() => {
                // Between the two looks it may have been moved away again.
                Ok(File::open(path).await.map_or(News::None, News::Replaced))
            }
            Ok(theirs) if theirs.len() < position => {
                self.file.seek(SeekFrom::Start(0)).await?;
                self.lines.rest.clear();
                Ok(News::Grown)
            }
            Ok(theirs) if theirs.len() > position => Ok(News::Grown),
            Ok(_) => Ok(News::None),
            // Moved away and not made anew yet, or removed for good: the rest of the open file counts.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(if ours.len() > position { News::Grown } else { News::None })
            }
            Err(error) => Err(error),
        }
    }
}

/// Cuts chunks into lines and filters them.
struct Lines {
    filter: Filter,
    /// A line whose end has not been read.
    rest: Vec<u8>,
}

impl Lines {
    fn new(options: &Options) -> Self {
        Self { filter: Filter::new(options), rest: Vec::new() }
    }

    /// Takes the next bytes of the file and gives the output of the lines that are whole now.
    fn push(&mut self, chunk: &[u8]) -> (Bytes, More) {
        let mut out = Vec::with_capacity(chunk.len());
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = piece.strip_suffix(b"\n") else {
                if self.rest.len() + piece.len() <= LINE_MAX {
                    self.rest.extend_from_slice(piece);
                }
                break;
            };
            let more = if self.rest.is_empty() {
                self.filter.line(line, &mut out)
            } else {
                self.rest.extend_from_slice(line);
                let more = self.filter.line(&self.rest, &mut out);
                self.rest.clear();
                more
            };
            if more == More::Enough {
                return (out.into(), More::Enough);
            }
        }
        (out.into(), More::Wanted)
    }

    /// The output of a last line without end.
    fn finish(&mut self) -> Bytes {
        let mut out = Vec::new();
        self.filter.line(&std::mem::take(&mut self.rest), &mut out);
        out.into()
    }
}

/// Opens a log; the error of a missing one names it.
async fn open(path: &Path) -> io::Result<File> {
    File::open(path).await.map_err(|error| {
        io::Error::new(error.kind(), format!("failed to open log file {:?}: {error}", path.display().to_string()))
    })
}

/// Moves to where the last lines begin.
async fn seek_tail(file: File, lines: u64) -> io::Result<File> {
    let mut file = file.into_std().await;
    let moved = tokio::task::spawn_blocking(move || {
        use std::io::Seek;
        let start = tail::start(&mut file, lines)?;
        file.seek(SeekFrom::Start(start))?;
        Ok::<_, io::Error>(file)
    });
    Ok(File::from_std(moved.await.map_err(io::Error::other)??))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use proptest::prelude::*;

    use super::*;

    fn entry(text: &str) -> String {
        format!("2026-01-02T03:04:05Z stdout F {text}\n")
    }

    async fn all(path: &Path, options: Options) -> io::Result<String> {
        let (sender, mut receiver) = mpsc::channel(1000);
        read(path.to_owned(), options, || async { false }, sender).await?;
        let mut out = Vec::new();
        while let Some(bytes) = receiver.recv().await {
            out.extend_from_slice(&bytes);
        }
        Ok(String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn a_file_is_read_to_its_end_with_tail_and_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let text: String = (0..5000).map(|n| entry(&n.to_string())).collect();
        std::fs::write(&path, text + "2026-01-02T03:04:05Z stdout F cut").unwrap();
        let whole = all(&path, Options::default()).await.unwrap();
        assert_eq!(whole.lines().count(), 5001);
        let tail = Options { tail: Some(2), ..Options::default() };
        assert_eq!(all(&path, tail).await.unwrap(), "4998\n4999\ncut\n");
        let limit = Options { limit_bytes: Some(3), ..Options::default() };
        assert_eq!(all(&path, limit).await.unwrap(), "0\n1");
        let error = all(&dir.path().join("none"), Options::default()).await.expect_err("missing");
        assert!(error.to_string().starts_with("failed to open log file"), "{error}");
    }

    #[tokio::test]
    async fn following_crosses_rotation_and_ends_with_the_container() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        std::fs::write(&path, entry("one")).unwrap();
        let alive = Arc::new(AtomicBool::new(true));
        let (sender, mut receiver) = mpsc::channel(1000);
        let options = Options { follow: true, ..Options::default() };
        let state = alive.clone();
        let running = move || {
            let alive = state.load(Ordering::SeqCst);
            async move { alive }
        };
        let reader = tokio::spawn(read(path.clone(), options, running, sender));
        assert_eq!(receiver.recv().await.unwrap(), "one\n");

        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"2026-01-02T03:04:05Z stdout F tw").unwrap();
        file.write_all(b"o\n").unwrap();
        assert_eq!(receiver.recv().await.unwrap(), "two\n");

        file.write_all(entry("three").as_bytes()).unwrap();
        std::fs::rename(&path, dir.path().join("0.log.old")).unwrap();
        std::fs::write(&path, entry("four")).unwrap();
        assert_eq!(receiver.recv().await.unwrap(), "three\n");
        assert_eq!(receiver.recv().await.unwrap(), "four\n");

        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(entry("end").as_bytes()).unwrap();
        alive.store(false, Ordering::SeqCst);
        assert_eq!(receiver.recv().await.unwrap(), "end\n");
        assert_eq!(receiver.recv().await, None);
        reader.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn following_ends_when_the_client_leaves() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        std::fs::write(&path, "").unwrap();
        let (sender, receiver) = mpsc::channel(1);
        drop(receiver);
        let options = Options { follow: true, ..Options::default() };
        read(path, options, || async { true }, sender).await.unwrap();
    }

    proptest! {
        /// The output does not depend on how the file is cut into chunks.
        #[test]
        fn chunks_do_not_matter(lines in prop::collection::vec("[a-z ]{0,30}", 0..20), cuts in prop::collection::vec(1_usize..40, 1..20)) {
            let text: String = lines.iter().map(|line| entry(line)).collect();
            let expected: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut state = Lines::new(&Options::default());
            let mut out = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, after) = rest.split_at((*cut).min(rest.len()));
                out.extend_from_slice(&state.push(chunk).0);
                rest = after;
            }
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
            prop_assert!(state.finish().is_empty());
        }
    }
}
