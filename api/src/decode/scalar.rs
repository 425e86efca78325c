//! Scalars with a form of their own: quantities, times, base64, int-or-string.

use std::fmt::{self, Write};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::quantity::{self, Quantity};
use crate::time;

/// Reads as Go does: bits that the last character has too many are ignored.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// Puts a quantity into canonical form.
pub(super) fn quantity(value: &mut Value) -> Result<(), String> {
    let quantity = match value {
        Value::String(text) => {
            let quantity = Quantity::parse(text.trim()).map_err(|e| e.to_string())?;
            if shows_as(quantity, text) {
                return Ok(());
            }
            quantity
        }
        Value::Number(number) => Quantity::parse(&number.to_string()).map_err(|e| e.to_string())?,
        _ => return Err(quantity::Error::FormatWrong.to_string()),
    };
    *value = Value::String(quantity.to_string());
    Ok(())
}

/// Compares what a value displays with a text, without making a string of it.
fn shows_as(shown: impl fmt::Display, text: &str) -> bool {
    struct Rest<'a>(&'a str);

    impl Write for Rest<'_> {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(piece).ok_or(fmt::Error)?;
            Ok(())
        }
    }

    let mut rest = Rest(text);
    write!(rest, "{shown}").is_ok() && rest.0.is_empty()
}

/// Checks a number or string.
pub(super) fn int_or_string(value: &Value) -> Result<(), String> {
    let fail = |what: &str| Err(format!("json: cannot unmarshal {what} into Go value of type int32"));
    match value {
        Value::String(_) => Ok(()),
        Value::Number(n) if n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => Ok(()),
        Value::Number(n) => fail(&format!("number {n}")),
        other => fail(kind_of(other)),
    }
}

/// Puts a time into canonical form: UTC with whole seconds, or with microseconds.
pub(super) fn time(value: &mut Value, micro: Precision) -> Result<(), String> {
    let Value::String(text) = value else {
        return Err(format!("json: cannot unmarshal {} into Go value of type string", kind_of(value)));
    };
    let canonical = match micro {
        Precision::Seconds => {
            if is_canonical_seconds(text) && time::parse(text).is_ok() {
                return Ok(());
            }
            time::format(time::parse(text).map_err(|e| e.to_string())?)
        }
        Precision::Micros => time::format_micro(time::parse_micro(text).map_err(|e| e.to_string())?),
    };
    if *text != canonical {
        *text = canonical;
    }
    Ok(())
}

/// How exact a time is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    Seconds,
    Micros,
}

fn is_canonical_seconds(text: &str) -> bool {
    text.len() == 20 && text.ends_with('Z')
}

/// Checks base64 and puts it into canonical form (no line breaks, no excess bits).
pub(super) fn bytes(text: &mut String) -> Result<(), String> {
    check_base64(text.as_bytes()).map_err(|at| format!("illegal base64 data at input byte {at}"))?;
    if text.contains(['\r', '\n']) {
        text.retain(|c| !matches!(c, '\r' | '\n'));
    }
    if text.ends_with('=') {
        let decoded = LENIENT.decode(text.as_bytes()).map_err(|e| e.to_string())?;
        let canonical = base64::engine::general_purpose::STANDARD.encode(decoded);
        if *text != canonical {
            *text = canonical;
        }
    }
    Ok(())
}

/// Finds the place Go's decoder complains about.
fn check_base64(text: &[u8]) -> Result<(), usize> {
    let is_break = |b: u8| matches!(b, b'\r' | b'\n');
    let skip_breaks = |mut at: usize| {
        while text.get(at).is_some_and(|b| is_break(*b)) {
            at += 1;
        }
        at
    };
    let (mut at, mut digits) = (0, 0);
    while let Some(b) = text.get(at).copied() {
        at += 1;
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => digits = (digits + 1) % 4,
            b if is_break(b) => {}
            b'=' if digits >= 2 => {
                if digits == 2 {
                    at = skip_breaks(at);
                    match text.get(at) {
                        None => return Err(text.len()),
                        Some(b'=') => at += 1,
                        Some(_) => return Err(at - 1),
                    }
                }
                at = skip_breaks(at);
                return if at == text.len() { Ok(()) } else { Err(at) };
            }
            _ => return Err(at - 1),
        }
    }
    if digits == 0 { Ok(()) } else { Err(at - digits) }
}

/// Returns Go's name of a JSON value's kind.
pub(super) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_checked_where_go_checks_it() {
        for (text, outcome) in [
            ("", Ok("")),
            ("YQ==", Ok("YQ==")),
            ("YR==", Ok("YQ==")),
            ("YW\nJj", Ok("YWJj")),
            ("YWJ=", Ok("YWI=")),
            ("abc", Err(0)),
            ("YWJjZ", Err(4)),
            ("!", Err(0)),
            ("YQ=", Err(3)),
            ("YQ==x", Err(4)),
            ("Y===", Err(1)),
            ("YQ=x", Err(2)),
        ] {
            let mut bytes_text = text.to_owned();
            match (bytes(&mut bytes_text), outcome) {
                (Ok(()), Ok(canonical)) => assert_eq!(bytes_text, canonical, "{text}"),
                (Err(message), Err(at)) => {
                    assert_eq!(message, format!("illegal base64 data at input byte {at}"), "{text}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
