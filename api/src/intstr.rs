//! Values that are a number or a percentage: `maxUnavailable: 1` or `25%`, and ports by number or name.

use serde_json::Value;

use crate::names;

/// A number, or a text (a percentage or a name).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntOrString {
    /// A 32 bit number.
    Int(i32),
    /// A text.
    String(String),
}

/// How a share that is not whole is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
}

/// A text that is no percentage where one is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text does not end in a percent sign, or is no number.
    #[error("invalid value for IntOrString: invalid type: string is not a percentage")]
    NotAPercentage,
    /// The text before the percent sign is no number.
    #[error("invalid value for IntOrString: invalid value {}: strconv.Atoi: parsing {}: invalid syntax", crate::quote::quote(.0), crate::quote::quote(.0.trim_end_matches('%')))]
    NotANumber(String),
}

impl IntOrString {
    /// Reads a JSON number or string; `None` when it is neither, or out of 32 bits.
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(n) => n.as_i64().and_then(|n| i32::try_from(n).ok()).map(Self::Int),
            Value::String(s) => Some(Self::String(s.clone())),
            _ => None,
        }
    }

    /// Returns the number itself, or the percentage of `total`.
    ///
    /// # Errors
    /// [`Error`] when the text is no percentage.
    pub fn scaled(&self, total: i64, rounding: Rounding) -> Result<i64, Error> {
        match self {
            Self::Int(n) => Ok(i64::from(*n)),
            Self::String(text) => {
                let digits = text.strip_suffix('%').ok_or(Error::NotAPercentage)?;
                let percent: i64 = digits.parse().map_err(|_| Error::NotANumber(text.clone()))?;
                let share = i128::from(percent) * i128::from(total);
                let whole = match rounding {
                    Rounding::Down => share / 100,
                    Rounding::Up => share / 100 + i128::from(share % 100 > 0),
                };
                Ok(i64::try_from(whole).unwrap_or(i64::MAX))
            }
        }
    }

    /// Returns the percentage, if the value is one.
    pub fn percent(&self) -> Option<i64> {
        match self {
            Self::String(text) if names::is_percent(text).is_ok() => text.trim_end_matches('%').parse().ok(),
            _ => None,
        }
    }
}

/// Returns the number in a value, or its percentage of `total`; see [`IntOrString::scaled`].
///
/// # Errors
/// [`Error`] when the value is neither a number nor a percentage.
pub fn scaled(value: &Value, total: i64, rounding: Rounding) -> Result<i64, Error> {
    IntOrString::from_value(value).ok_or(Error::NotAPercentage)?.scaled(total, rounding)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn percentages_are_scaled_and_rounded() {
        assert_eq!(scaled(&json!(3), 10, Rounding::Up), Ok(3));
        assert_eq!(scaled(&json!("25%"), 10, Rounding::Up), Ok(3));
        assert_eq!(scaled(&json!("25%"), 10, Rounding::Down), Ok(2));
        assert_eq!(scaled(&json!("0%"), 10, Rounding::Up), Ok(0));
        assert_eq!(scaled(&json!("100%"), i64::MAX, Rounding::Up), Ok(i64::MAX));
        assert_eq!(scaled(&json!("x"), 10, Rounding::Up), Err(Error::NotAPercentage));
        assert_eq!(
            scaled(&json!("x%"), 10, Rounding::Up).unwrap_err().to_string(),
            "invalid value for IntOrString: invalid value \"x%\": strconv.Atoi: parsing \"x\": invalid syntax"
        );
        assert_eq!(scaled(&json!([]), 10, Rounding::Up), Err(Error::NotAPercentage));
        assert_eq!(IntOrString::from_value(&json!("33%")).and_then(|v| v.percent()), Some(33));
    }
}
