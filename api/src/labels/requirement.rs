//! One requirement of a label selector.

use std::fmt;

use super::Labels;
use crate::field::{Errors, Path};
use crate::names;

/// How a requirement compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `key in (a,b)`
    In,
    /// `key notin (a,b)`
    NotIn,
    /// `key=a`
    Equals,
    /// `key==a`
    DoubleEquals,
    /// `key!=a`
    NotEquals,
    /// `key`
    Exists,
    /// `!key`
    DoesNotExist,
    /// `key>1`
    GreaterThan,
    /// `key<1`
    LessThan,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    operator: Operator,
    /// Sorted, each once.
    values: Vec<String>,
}

impl Requirement {
    /// Makes a requirement.
    ///
    /// # Errors
    /// What is wrong with the key, the number of values for this operator, or a value.
    pub fn new(key: &str, operator: Operator, mut values: Vec<String>) -> Result<Self, Errors> {
        let mut errs = Errors::new();
        check_key(key, &Path::new("key"), &mut errs);
        let path = Path::new("values");
        let complaint = match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                Some("for 'in', 'notin' operators, values set can't be empty")
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
                Some("exact-match compatibility requires one single value")
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                Some("values set must be empty for exists and does not exist")
            }
            Operator::GreaterThan | Operator::LessThan if values.len() != 1 => {
                Some("for 'Gt', 'Lt' operators, exactly one value is required")
            }
            _ => None,
        };
        if let Some(complaint) = complaint {
            errs.invalid_value(&path, values.clone(), complaint);
        }
        for (i, value) in values.iter().enumerate() {
            if operator.is_numeric() && value.parse::<i64>().is_err() {
                errs.invalid_value(
                    &path.index(i),
                    value.as_str(),
                    "for 'Gt', 'Lt' operators, the value must be an integer",
                );
            }
            if let Err(complaints) = names::is_label_value(value) {
                errs.invalid_value(&path.index(i).key(key), value.as_str(), complaints.join("; "));
            }
        }
        errs.into_result()?;
        values.sort();
        values.dedup();
        Ok(Self { key: key.to_owned(), operator, values })
    }

    /// Makes a requirement of parts that are known to be right.
    pub(super) fn unchecked(key: &str, operator: Operator, values: Vec<String>) -> Self {
        Self { key: key.to_owned(), operator, values }
    }

    /// Returns the label's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the operator.
    pub const fn operator(&self) -> Operator {
        self.operator
    }

    /// Returns the values, sorted.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Says whether labels fulfil the requirement.
    pub fn matches(&self, labels: &(impl Labels + ?Sized)) -> bool {
        let found = labels.lookup(&self.key);
        let listed = |value: &str| self.values.iter().any(|v| v == value);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => found.is_some_and(listed),
            Operator::NotIn | Operator::NotEquals => !found.is_some_and(listed),
            Operator::Exists => found.is_some(),
            Operator::DoesNotExist => found.is_none(),
            Operator::GreaterThan => self.numbers(found).is_some_and(|(label, bound)| label > bound),
            Operator::LessThan => self.numbers(found).is_some_and(|(label, bound)| label < bound),
        }
    }

    fn numbers(&self, found: Option<&str>) -> Option<(i64, i64)> {
        Some((found?.parse().ok()?, self.values.first()?.parse().ok()?))
    }
}

impl Operator {
    const fn is_numeric(self) -> bool {
        matches!(self, Self::GreaterThan | Self::LessThan)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, values) = (&self.key, self.values.join(","));
        match self.operator {
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

/// Adds what is wrong with a label's key.
pub(super) fn check_key(key: &str, path: &Path, errs: &mut Errors) {
    if let Err(complaints) = names::is_qualified_name(key) {
        errs.invalid_value(path, key, complaints.join("; "));
    }
}
