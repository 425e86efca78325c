//! The grammar of quantities.

use super::{Error, Format, NANO, Quantity};

/// The parts of a quantity's text.
struct Parts<'a> {
    negative: bool,
    /// Digits before the point, without leading zeros.
    whole: &'a str,
    /// Digits after the point.
    fraction: &'a str,
    suffix: &'a str,
}

/// What a suffix multiplies by: two or ten to a power.
enum Scale {
    Decimal(i32, Format),
    Binary(u32),
}

pub(super) fn parse(text: &str) -> Result<Quantity, Error> {
    if text.is_empty() {
        return Err(Error::FormatWrong);
    }
    let parts = split(text)?;
    let (nanos, format) = match interpret(parts.suffix).ok_or(Error::Suffix)? {
        Scale::Decimal(exponent, format) => (decimal(&parts, exponent), format),
        Scale::Binary(exponent) => binary(&parts, exponent),
    };
    Ok(Quantity { nanos: if parts.negative { -nanos } else { nanos }, format })
}

fn split(text: &str) -> Result<Parts<'_>, Error> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, rest) = take(rest, |b| b.is_ascii_digit());
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => take(rest, |b| b.is_ascii_digit()),
        None => ("", rest),
    };
    let (_, exponent) = take(suffix, |b| b"eEinumkKMGTP".contains(&b));
    let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::FormatWrong);
    }
    Ok(Parts { negative, whole: whole.trim_start_matches('0'), fraction, suffix })
}

fn take(text: &str, wanted: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|b| !wanted(b)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn interpret(suffix: &str) -> Option<Scale> {
    let si = |exponent| Some(Scale::Decimal(exponent, Format::DecimalSi));
    match suffix {
        "n" => si(-9),
        "u" => si(-6),
        "m" => si(-3),
        "" => si(0),
        "k" => si(3),
        "M" => si(6),
        "G" => si(9),
        "T" => si(12),
        "P" => si(15),
        "E" => si(18),
        "Ki" => Some(Scale::Binary(10)),
        "Mi" => Some(Scale::Binary(20)),
        "Gi" => Some(Scale::Binary(30)),
        "Ti" => Some(Scale::Binary(40)),
        "Pi" => Some(Scale::Binary(50)),
        "Ei" => Some(Scale::Binary(60)),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?.parse::<i64>().ok()?;
            let capped = exponent.clamp(-10_000, 10_000);
            Some(Scale::Decimal(i32::try_from(capped).ok()?, Format::DecimalExponent))
        }
    }
}

/// Shifts the decimal point and cuts at billionths, rounding up; works on digits, so nothing overflows on the way.
fn decimal(parts: &Parts<'_>, exponent: i32) -> i128 {
    let digits = || parts.whole.bytes().chain(parts.fraction.bytes());
    let length = parts.whole.len() + parts.fraction.len();
    let point = i64::try_from(parts.whole.len()).unwrap_or(i64::MAX).saturating_add(i64::from(exponent) + 9);
    let kept = usize::try_from(point).unwrap_or(0);
    let mut nanos: i128 = 0;
    for digit in digits().take(kept) {
        nanos = nanos.saturating_mul(10).saturating_add(i128::from(digit - b'0'));
    }
    if nanos != 0 {
        // Forty places overflow whatever the number is.
        for _ in 0..kept.saturating_sub(length).min(40) {
            nanos = nanos.saturating_mul(10);
        }
    }
    let cut = digits().skip(kept).any(|d| d != b'0');
    nanos.saturating_add(i128::from(cut)).min(i128::MAX - 1)
}

/// Multiplies by a power of two. Binary quantities end at 2⁶³-1, and below one they are written as decimals.
fn binary(parts: &Parts<'_>, exponent: u32) -> (i128, Format) {
    const MAX: i128 = i64::MAX as i128 * NANO;
    const FRACTION_DIGITS: usize = 18;
    const FRACTION_UNIT: i128 = 1_000_000_000_000_000_000;

    let factor = 1i128 << exponent;
    let mut whole: i128 = 0;
    for digit in parts.whole.bytes() {
        whole = whole.saturating_mul(10).saturating_add(i128::from(digit - b'0'));
    }
    let padded = parts.fraction.bytes().chain(std::iter::repeat(b'0')).take(FRACTION_DIGITS);
    let fraction = padded.fold(0i128, |n, digit| n * 10 + i128::from(digit - b'0'));
    let cut = parts.fraction.bytes().skip(FRACTION_DIGITS).any(|d| d != b'0');

    let product = fraction * factor;
    let (units, rest) = (product / FRACTION_UNIT, product % FRACTION_UNIT * NANO);
    let rounded = rest / FRACTION_UNIT + i128::from(rest % FRACTION_UNIT != 0 || cut);
    let nanos =
        whole.saturating_mul(factor).saturating_add(units).saturating_mul(NANO).saturating_add(rounded).min(MAX);
    let format = if nanos > 0 && nanos < NANO { Format::DecimalSi } else { Format::BinarySi };
    (nanos, format)
}
