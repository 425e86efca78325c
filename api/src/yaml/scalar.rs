//! What a plain scalar means in YAML 1.1, as Go's YAML library resolves it.

use serde_json::{Number, Value};

/// Says what a plain scalar is; `None` when it is text.
pub(super) fn resolve(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Some(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Some(Value::Bool(false));
        }
        _ => {}
    }
    match text.as_bytes().first()? {
        b'0'..=b'9' | b'+' | b'-' => integer(text).or_else(|| float(text)),
        b'.' => float(text),
        _ => None,
    }
}

/// Says whether text would be taken for something else when written plainly.
pub(super) fn is_ambiguous(text: &str) -> bool {
    resolve(text).is_some() || is_special(text) || is_sexagesimal(text) || looks_like_time(text)
}

/// Infinities and "not a number", which JSON cannot say, and the merge key.
pub(super) fn is_special(text: &str) -> bool {
    matches!(text, ".nan" | ".NaN" | ".NAN" | "<<")
        || matches!(text.trim_start_matches(['+', '-']), ".inf" | ".Inf" | ".INF")
}

pub(super) fn integer(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, lower.get(2..)?),
        Some("0b") => (2, lower.get(2..)?),
        Some("0o") => (8, lower.get(2..)?),
        Some(two) if two.starts_with('0') => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    // A second sign would be taken by the number parser.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if !negative {
        return Some(Value::from(magnitude));
    }
    let number = i64::try_from(-i128::from(magnitude)).ok()?;
    Some(Value::from(number))
}

pub(super) fn float(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let shaped =
        digits(whole) && fraction.is_none_or(digits) && (!whole.is_empty() || fraction.is_some_and(|f| !f.is_empty()));
    let exponent_shaped = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    if !shaped || !exponent_shaped {
        return None;
    }
    let number: f64 = plain.parse().ok()?;
    if !number.is_finite() {
        return None;
    }
    // JSON writes a whole number without a fraction, and then it is an integer.
    if number.fract() == 0.0 && number.abs() < 9e18 {
        return Some(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::Number)
}

/// `1:30`, a number of base 60 for older readers.
fn is_sexagesimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default();
    let number = |s: &str| {
        s.starts_with(|c: char| c.is_ascii_digit()) && s.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'_' | b'.'))
    };
    let mut rest = parts.peekable();
    number(first) && rest.peek().is_some() && rest.all(number)
}

/// A date or time, which a YAML reader may turn into something else than text.
fn looks_like_time(text: &str) -> bool {
    let shape: String = text.chars().take(10).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if shape != "0000-00-00" {
        return false;
    }
    let rest = text.get(10..).unwrap_or_default();
    rest.is_empty()
        || rest.starts_with(['T', 't', ' '])
            && rest.bytes().skip(1).all(|b| b.is_ascii_digit() || b":.+-Z ".contains(&b))
}
