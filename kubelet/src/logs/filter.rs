//! From lines of a log file to the bytes a client sees. Pure.

use jiff::Timestamp;

/// Which of a container's streams are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stream {
    /// Both.
    #[default]
    All,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What of a log is wanted. The default is all of it, as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Go on with what is written later, until the container ends.
    pub follow: bool,
    /// Only this many lines of the file, counted from its end before any other filter. `None` is all.
    pub tail: Option<u64>,
    /// Only what was written at this time or later.
    pub since: Option<Timestamp>,
    /// Begin every line with its time, in nanoseconds.
    pub timestamps: bool,
    /// End after this many bytes of output.
    pub limit_bytes: Option<u64>,
    /// Which streams.
    pub stream: Stream,
}

/// One parsed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// RFC 3339, as the runtime wrote it.
    pub time: &'a str,
    /// `stdout` or `stderr`.
    pub stream: &'a str,
    /// Whether the line goes on in the next entry of the stream.
    pub partial: bool,
    /// What the container wrote, without line end.
    pub content: &'a [u8],
}

/// Reads one line without its line end; `None` when it is not in CRI format.
pub fn parse(line: &[u8]) -> Option<Entry<'_>> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let time = std::str::from_utf8(parts.next()?).ok()?;
    let stream = std::str::from_utf8(parts.next()?).ok()?;
    // Tags are separated by colons; only the first is defined.
    let tag = parts.next()?.split(|byte| *byte == b':').next()?;
    let content = parts.next().unwrap_or_default();
    let known = matches!(stream, "stdout" | "stderr") && matches!(tag, b"P" | b"F") && time.contains('T');
    known.then_some(Entry { time, stream, partial: tag == b"P", content })
}

/// Whether more input is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// Go on.
    Wanted,
    /// The byte limit is reached.
    Enough,
}

/// Applies the options to line after line.
#[derive(Debug)]
pub struct Filter {
    since: Option<Timestamp>,
    timestamps: bool,
    stream: Stream,
    /// Bytes of output still allowed.
    left: Option<u64>,
    /// Whether the next entry begins a line of the container.
    line_start: bool,
}

impl Filter {
    /// Starts at the beginning of a line.
    pub fn new(options: &Options) -> Self {
        Self {
            since: options.since,
            timestamps: options.timestamps,
            stream: options.stream,
            left: options.limit_bytes,
            line_start: true,
        }
    }

    /// Appends what one line of the file contributes to the output. Lines that are not in CRI format are passed over.
    pub fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> More {
        let Some(entry) = parse(line) else { return More::Wanted };
        let wanted = match self.stream {
            Stream::All => true,
            Stream::Stdout => entry.stream == "stdout",
            Stream::Stderr => entry.stream == "stderr",
        };
        let needs_time = self.since.is_some() || self.timestamps;
        let time: Option<Timestamp> = if needs_time { entry.time.parse().ok() } else { None };
        if !wanted || (needs_time && time.is_none()) || self.since.zip(time).is_some_and(|(since, time)| time < since) {
            return More::Wanted;
        }
        let before = out.len();
        if let Some(time) = time.filter(|_| self.timestamps && self.line_start) {
            out.extend_from_slice(format!("{time:.9} ").as_bytes());
        }
        out.extend_from_slice(entry.content);
        if !entry.partial {
            out.push(b'\n');
        }
        self.line_start = !entry.partial;
        let Some(left) = &mut self.left else { return More::Wanted };
        let written = u64::try_from(out.len().saturating_sub(before)).unwrap_or(u64::MAX);
        if written < *left {
            *left -= written;
            return More::Wanted;
        }
        out.truncate(before.saturating_add(usize::try_from(*left).unwrap_or(usize::MAX)));
        More::Enough
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOG: &str = "\
2026-01-02T03:04:05.1Z stdout F one
2026-01-02T03:04:06.000000001Z stderr P tw
2026-01-02T03:04:06.000000002Z stderr F o
rubbish
2026-01-02T03:04:07Z stdout F \n";

    fn filtered(log: &str, options: &Options) -> String {
        let mut filter = Filter::new(options);
        let mut out = Vec::new();
        for line in log.lines() {
            if filter.line(line.as_bytes(), &mut out) == More::Enough {
                break;
            }
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn partial_lines_are_joined_and_rubbish_passed_over() {
        assert_eq!(filtered(LOG, &Options::default()), "one\ntwo\n\n");
    }

    #[test]
    fn times_have_nine_digits_and_stand_once_per_line() {
        let options = Options { timestamps: true, ..Options::default() };
        let expected =
            "2026-01-02T03:04:05.100000000Z one\n2026-01-02T03:04:06.000000001Z two\n2026-01-02T03:04:07.000000000Z \n";
        assert_eq!(filtered(LOG, &options), expected);
    }

    #[test]
    fn since_stream_and_limit_cut() {
        let since = Options { since: Some("2026-01-02T03:04:06Z".parse().unwrap()), ..Options::default() };
        assert_eq!(filtered(LOG, &since), "two\n\n");
        assert_eq!(filtered(LOG, &Options { stream: Stream::Stderr, ..Options::default() }), "two\n");
        assert_eq!(filtered(LOG, &Options { limit_bytes: Some(5), ..Options::default() }), "one\nt");
        assert_eq!(filtered(LOG, &Options { limit_bytes: Some(4), ..Options::default() }), "one\n");
    }

    proptest! {
        /// Whatever a container writes comes out again, however the runtime cuts its lines.
        #[test]
        fn content_survives(lines in prop::collection::vec("[ -~]{0,40}", 0..20), cut in 1_usize..10) {
            let mut log = String::new();
            let mut expected = String::new();
            for line in &lines {
                let chars: Vec<char> = line.chars().collect();
                let pieces: Vec<String> = chars.chunks(cut).map(|piece| piece.iter().collect()).collect();
                let (last, first) = pieces.split_last().map(|(l, f)| (l.clone(), f)).unwrap_or_default();
                for piece in first {
                    log.push_str(&format!("2026-01-02T03:04:05Z stdout P {piece}\n"));
                }
                log.push_str(&format!("2026-01-02T03:04:05Z stdout F {last}\n"));
                expected.push_str(line);
                expected.push('\n');
            }
            prop_assert_eq!(filtered(&log, &Options::default()), expected.clone());
            let limit = expected.len() as u64 / 2 + 1;
            let limited = filtered(&log, &Options { limit_bytes: Some(limit), ..Options::default() });
            prop_assert_eq!(limited, expected.get(..usize::try_from(limit).unwrap()).unwrap_or(&expected));
        }

        #[test]
        fn no_input_panics(line in prop::collection::vec(any::<u8>(), 0..100)) {
            let options = Options { timestamps: true, limit_bytes: Some(3), ..Options::default() };
            Filter::new(&options).line(&line, &mut Vec::new());
        }
    }
}
