//! Quantities: `100m`, `1.5Gi`, `2e3`.
//!
//! Grammar, rounding and canonical form follow `apimachinery/pkg/api/resource/quantity.go @ v1.36`. The value is exact in
//! billionths (128 bits), which covers ±1.7·10²⁹; what lies outside is capped.

mod parse;

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde_json::Value;

/// How a quantity is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `1e3`
    DecimalExponent,
    /// `1Ki`
    BinarySi,
    /// `1k`
    #[default]
    DecimalSi,
}

/// A quantity that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text has the wrong shape.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    FormatWrong,
    /// The suffix is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// An exact number with the form it is written in. Equality and order look at the number alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

const NANO: i128 = 1_000_000_000;

impl Quantity {
    /// Zero.
    pub const ZERO: Self = Self { nanos: 0, format: Format::DecimalSi };

    /// Makes a whole quantity.
    pub const fn new(value: i64, format: Format) -> Self {
        Self { nanos: value as i128 * NANO, format }
    }

    /// Makes a quantity of thousandths.
    pub const fn from_millis(millis: i64, format: Format) -> Self {
        Self { nanos: millis as i128 * 1_000_000, format }
    }

    /// Parses a quantity.
    ///
    /// # Errors
    /// [`Error`] when the text is none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::parse(text)
    }

    /// Reads a JSON string or number; surrounding blanks are ignored.
    ///
    /// # Errors
    /// [`Error`] when the value is no quantity.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        match value {
            Value::String(text) => Self::parse(text.trim()),
            Value::Number(number) => Self::parse(&number.to_string()),
            Value::Null => Ok(Self::ZERO),
            _ => Err(Error::FormatWrong),
        }
    }

    /// Returns the number in billionths.
    pub const fn nanos(self) -> i128 {
        self.nanos
    }

    /// Returns the number in thousandths, rounded away from zero, capped at 64 bits.
    pub fn millis(self) -> i64 {
        scaled(self.nanos, 1_000_000)
    }

    /// Returns the number, rounded away from zero, capped at 64 bits.
    pub fn value(self) -> i64 {
        scaled(self.nanos, NANO)
    }

    /// Returns the form it is written in.
    pub const fn format(self) -> Format {
        self.format
    }

    /// Says whether the number is whole.
    pub const fn is_whole(self) -> bool {
        self.nanos % NANO == 0
    }

    /// Says whether the number is zero.
    pub const fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Says whether the number is below zero.
    pub const fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// Returns the number as floating point, for scores and metrics.
    pub fn as_f64(self) -> f64 {
        self.nanos as f64 / NANO as f64
    }

    /// Returns mantissa and exponent (a multiple of three) without trailing zeros.
    fn decimal_parts(self) -> (i128, i32) {
        let (mut mantissa, mut exponent) = (self.nanos, -9);
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        while exponent % 3 != 0 {
            mantissa *= 10;
            exponent -= 1;
        }
        (mantissa, exponent)
    }

    fn write_binary(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut mantissa, mut power) = (self.nanos / NANO, 0);
        while mantissa % 1024 == 0 && power < 6 {
            mantissa /= 1024;
            power += 1;
        }
        let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].get(power).copied().unwrap_or_default();
        write!(f, "{mantissa}{suffix}")
    }
}

impl fmt::Display for Quantity {
    /// Writes the canonical form: the largest suffix that leaves no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        if self.format == Format::BinarySi && self.nanos.abs() >= 1024 * NANO && self.is_whole() {
            return self.write_binary(f);
        }
        let (mantissa, exponent) = self.decimal_parts();
        if exponent == 0 {
            return write!(f, "{mantissa}");
        }
        let suffix = match exponent {
            -9 => "n",
            -6 => "u",
            -3 => "m",
            3 => "k",
            6 => "M",
            9 => "G",
            12 => "T",
            15 => "P",
            18 => "E",
            _ => "",
        };
        if self.format == Format::DecimalExponent || suffix.is_empty() {
            return write!(f, "{mantissa}e{exponent}");
        }
        write!(f, "{mantissa}{suffix}")
    }
}

impl FromStr for Quantity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Add for Quantity {
    type Output = Self;

    /// Adds; the sum keeps the left form, unless that is zero.
    fn add(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_add(other.nanos), format: self.form_with(other) }
    }
}

impl Sub for Quantity {
    type Output = Self;

    /// Subtracts; the difference keeps the left form, unless that is zero.
    fn sub(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_sub(other.nanos), format: self.form_with(other) }
    }
}

impl Quantity {
    fn form_with(self, other: Self) -> Format {
        if self.is_zero() { other.format } else { self.format }
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Quantity {
    type Output = Self;

    fn neg(self) -> Self {
        Self { nanos: self.nanos.saturating_neg(), format: self.format }
    }
}

impl std::iter::Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// Divides, rounding away from zero, and caps at 64 bits.
fn scaled(nanos: i128, unit: i128) -> i64 {
    let whole = nanos / unit;
    let rest = nanos % unit;
    i64::try_from(whole + rest.signum()).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> String {
        Quantity::parse(text).map_or_else(|e| e.to_string(), |q| q.to_string())
    }

    #[test]
    fn canonical_forms_are_upstreams() {
        for (input, output) in [
            ("0", "0"),
            ("0n", "0"),
            ("0Mi", "0"),
            ("1Ki", "1Ki"),
            ("1024", "1024"),
            ("1000", "1k"),
            ("1000000", "1M"),
            ("1000m", "1"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("5.", "5"),
            ("1.5", "1500m"),
            ("1.5Gi", "1536Mi"),
            ("1500Mi", "1500Mi"),
            ("1024Mi", "1Gi"),
            (".000001024", "1024n"),
            ("0.0000000001", "1n"),
            ("-0.0000000001", "-1n"),
            ("100", "100"),
            ("12000", "12k"),
            ("1e3", "1e3"),
            ("1E3", "1e3"),
            ("1e6", "1e6"),
            ("12e-3", "12e-3"),
            ("1E", "1E"),
            ("0.3Ki", "307200m"),
            ("1.1Ki", "1126400m"),
            ("500Ki", "500Ki"),
            ("0.0001Ki", "102400u"),
            ("-1Ki", "-1Ki"),
            ("+5", "5"),
            ("1234.567", "1234567m"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808Ki", "9223372036854775807"),
            ("1000Ki", "1000Ki"),
            ("1023", "1023"),
            ("100Ei", "9223372036854775807"),
            ("1e-9", "1e-9"),
            ("1e21", "1e21"),
            ("0.25m", "250u"),
        ] {
            assert_eq!(canonical(input), output, "{input}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for input in ["", "1.1.M", "1+1.0M", "aoeu", "1 Ki", "1Ki ", "x", "1_000"] {
            assert_eq!(Quantity::parse(input), Err(Error::FormatWrong), "{input}");
        }
        for input in
            ["0.1mi", ".5i", "1i", "-3.01i", "1K", "1e", "1Mib".trim_end_matches('b').repeat(2).as_str(), "3.01e-"]
        {
            assert!(Quantity::parse(input).is_err(), "{input}");
        }
    }

    #[test]
    fn numbers_round_away_from_zero() {
        let q = |t| Quantity::parse(t).unwrap();
        assert_eq!(
            (q("1m").value(), q("-1m").value(), q("1500m").value(), q("1").millis(), q("1u").millis()),
            (1, -1, 2, 1000, 1)
        );
        assert_eq!((q("1Gi") + q("1M")).to_string(), "1074741824");
        assert_eq!((q("0") + q("1Gi")).to_string(), "1Gi");
        assert!(q("1Gi") > q("1G") && q("1000m") == q("1"));
        assert_eq!(Quantity::from_value(&serde_json::json!(0.5)).unwrap().to_string(), "500m");
        assert_eq!(Quantity::from_value(&serde_json::json!(" 2 ")).unwrap().to_string(), "2");
    }

    proptest! {
        #[test]
        fn what_is_shown_parses_to_the_same(nanos in -(1i128 << 90)..(1i128 << 90), format in 0..3) {
            let format = [Format::DecimalSi, Format::BinarySi, Format::DecimalExponent][format as usize];
            let q = Quantity { nanos, format };
            let shown = q.to_string();
            if format != Format::BinarySi || nanos.abs() < i128::from(i64::MAX) * NANO {
                prop_assert_eq!(Quantity::parse(&shown).unwrap(), q, "{}", shown);
                prop_assert_eq!(Quantity::parse(&shown).unwrap().to_string(), shown);
            }
        }

        #[test]
        fn decimals_are_exact(whole in 0u64..1_000_000_000, nano in 0u32..1_000_000_000) {
            let q = Quantity::parse(&format!("{whole}.{nano:09}")).unwrap();
            prop_assert_eq!(q.nanos(), i128::from(whole) * NANO + i128::from(nano));
            let ki = Quantity::parse(&format!("{whole}.{nano:09}Ki")).unwrap();
            prop_assert_eq!(ki.nanos(), q.nanos() * 1024);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "[-+0-9.eEinumkKMGTP]{0,24}") {
            let _ = Quantity::parse(&text).map(|q| q.to_string());
        }

        #[test]
        fn addition_undoes_subtraction(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (Quantity::from_millis(a, Format::DecimalSi), Quantity::from_millis(b, Format::BinarySi));
            prop_assert_eq!(a + b - b, a);
        }
    }
}
