//! Times as the API writes them, and ages as people read them.

pub mod duration;

use jiff::fmt::temporal::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};

pub use duration::HumanDuration;

const SECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(0));
const MICROS: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";
const LAYOUT_MICRO: &str = "2006-01-02T15:04:05.000000Z07:00";

/// A time that cannot be read. The message is that of Go's `time.Parse`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parsing time {} as \"{layout}\": cannot parse {} as \"{element}\"", crate::quote::quote(.text), crate::quote::quote(.rest))]
pub struct ParseError {
    layout: &'static str,
    text: String,
    rest: String,
    element: &'static str,
}

/// Formats a `Time`: RFC 3339 in UTC with whole seconds (rounded down), `2024-05-01T10:00:00Z`.
pub fn format(at: Timestamp) -> String {
    let whole = Timestamp::from_second(at.as_nanosecond().div_euclid(1_000_000_000) as i64).unwrap_or(at);
    SECONDS.timestamp_to_string(&whole)
}

/// Formats a `MicroTime`: RFC 3339 in UTC with six digits, `2024-05-01T10:00:00.000000Z`.
pub fn format_micro(at: Timestamp) -> String {
    MICROS.timestamp_to_string(&at)
}

/// Parses RFC 3339 with any offset and fraction.
///
/// # Errors
/// [`ParseError`] when the text is not RFC 3339.
pub fn parse(text: &str) -> Result<Timestamp, ParseError> {
    check_shape(text).map_err(|(at, element)| failure(LAYOUT, text, at, element))?;
    text.parse().map_err(|_| failure(LAYOUT, text, 0, "2006"))
}

/// Parses a `MicroTime`: RFC 3339 with exactly six digits after the seconds.
///
/// # Errors
/// [`ParseError`] when the text is none.
pub fn parse_micro(text: &str) -> Result<Timestamp, ParseError> {
    const FRACTION: usize = "2006-01-02T15:04:05".len();
    check_shape(text).map_err(|(at, element)| failure(LAYOUT_MICRO, text, at, element))?;
    let digits = text.bytes().skip(FRACTION + 1).take_while(u8::is_ascii_digit).count();
    match (text.as_bytes().get(FRACTION), digits) {
        (Some(b'.'), 6) => {}
        (Some(b'.'), 7..) => return Err(failure(LAYOUT_MICRO, text, FRACTION + 7, "Z07:00")),
        _ => return Err(failure(LAYOUT_MICRO, text, FRACTION, ".000000")),
    }
    text.parse().map_err(|_| failure(LAYOUT_MICRO, text, 0, "2006"))
}

fn failure(layout: &'static str, text: &str, at: usize, element: &'static str) -> ParseError {
    ParseError { layout, text: text.to_owned(), rest: text.get(at..).unwrap_or_default().to_owned(), element }
}

/// Returns the time since `from`, never negative.
pub fn since(from: Timestamp, now: Timestamp) -> SignedDuration {
    now.duration_since(from).max(SignedDuration::ZERO)
}

/// Walks the fixed shape `2006-01-02T15:04:05Z07:00`; the error is the offset and the element that does not fit.
fn check_shape(text: &str) -> Result<(), (usize, &'static str)> {
    const ELEMENTS: [(usize, &str); 11] = [
        (4, "2006"),
        (1, "-"),
        (2, "01"),
        (1, "-"),
        (2, "02"),
        (1, "T"),
        (2, "15"),
        (1, ":"),
        (2, "04"),
        (1, ":"),
        (2, "05"),
    ];
    let bytes = text.as_bytes();
    let mut at = 0;
    for (width, element) in ELEMENTS {
        let piece = bytes.get(at..at + width).ok_or((at, element))?;
        let fits = if width == 1 { piece == element.as_bytes() } else { piece.iter().all(u8::is_ascii_digit) };
        if !fits {
            return Err((at, element));
        }
        at += width;
    }
    if bytes.get(at) == Some(&b'.') {
        let digits = bytes.iter().skip(at + 1).take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return Err((at, "Z07:00"));
        }
        at += 1 + digits;
    }
    match bytes.get(at..) {
        Some([b'Z']) => Ok(()),
        Some([b'+' | b'-', a, b, b':', c, d]) if [a, b, c, d].into_iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err((at, "Z07:00")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_seconds_and_micros() {
        let at: Timestamp = "2024-05-01T10:00:00.987654321Z".parse().unwrap();
        assert_eq!(format(at), "2024-05-01T10:00:00Z");
        assert_eq!(format_micro(at), "2024-05-01T10:00:00.987654Z");
        let old: Timestamp = "1969-12-31T23:59:58.5Z".parse().unwrap();
        assert_eq!(format(old), "1969-12-31T23:59:58Z");
        assert_eq!(format_micro(parse("2024-05-01T10:00:00Z").unwrap()), "2024-05-01T10:00:00.000000Z");
    }

    #[test]
    fn parses_offsets_and_refuses_the_rest() {
        assert_eq!(format(parse("2024-05-01T12:00:00+02:00").unwrap()), "2024-05-01T10:00:00Z");
        for bad in [
            "",
            "yesterday",
            "2024-05-01",
            "2024-05-01T10:00:00",
            "2024-05-01 10:00:00Z",
            "2024-13-01T10:00:00Z",
            "2024-05-01T10:00:00.Z",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            parse("x").unwrap_err().to_string(),
            "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\""
        );
        assert_eq!(
            format_micro(parse_micro("2024-05-01T12:00:00.123456+02:00").unwrap()),
            "2024-05-01T10:00:00.123456Z"
        );
        assert_eq!(
            parse_micro("2024-05-01T12:00:00Z").unwrap_err().to_string(),
            "parsing time \"2024-05-01T12:00:00Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\""
        );
        assert!(
            parse_micro("2024-05-01T12:00:00.1234567Z").is_err() && parse_micro("2024-05-01T12:00:00.12Z").is_err()
        );
    }
}
