//! Field selectors: `status.phase!=Failed,spec.nodeName=a`.
//!
//! Grammar and texts follow `apimachinery/pkg/fields/selector.go @ v1.36`: terms joined by commas, `\` escapes `,`, `=` and `\`.

use std::fmt;

/// How a term compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=` or `==`
    Equals,
    /// `!=`
    NotEquals,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Name of the field, such as `metadata.name`.
    pub field: String,
    /// How it compares.
    pub operator: Operator,
    /// The value it is compared with.
    pub value: String,
}

/// A selector: all of its terms must hold. The empty one selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    terms: Vec<Term>,
}

/// A selector that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A term holds no operator.
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Term {
        /// The whole selector.
        selector: String,
        /// The term.
        term: String,
    },
    /// A backslash stands before something that needs none.
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    /// An unescaped `,` or `=` stands in a value.
    #[error("invalid field selector: unescaped character in value: {0}")]
    Unescaped(char),
}

impl Selector {
    /// Parses a selector.
    ///
    /// # Errors
    /// [`Error`] when a term cannot be understood.
    pub fn parse(selector: &str) -> Result<Self, Error> {
        let mut terms = Vec::new();
        for term in split_terms(selector) {
            if term.is_empty() {
                continue;
            }
            let fail = || Error::Term { selector: selector.to_owned(), term: term.to_owned() };
            let (field, operator, value) = split_term(term).ok_or_else(fail)?;
            terms.push(Term { field: field.to_owned(), operator, value: unescape(value)? });
        }
        terms.sort_by(|a, b| a.field.cmp(&b.field));
        Ok(Self { terms })
    }

    /// Makes a selector of one exact match.
    pub fn one_term_equal(field: &str, value: &str) -> Self {
        Self { terms: vec![Term { field: field.to_owned(), operator: Operator::Equals, value: value.to_owned() }] }
    }

    /// Says whether everything is selected.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Returns the terms.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Says whether an object is selected; `get` returns a field's value (absent counts as empty).
    pub fn matches<'a>(&self, get: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.terms.iter().all(|t| {
            let equal = get(&t.field).unwrap_or_default() == t.value;
            equal == (t.operator == Operator::Equals)
        })
    }

    /// Returns the value a field must have exactly, if the selector says so.
    pub fn requires_exact_match(&self, field: &str) -> Option<&str> {
        self.terms.iter().find(|t| t.operator == Operator::Equals && t.field == field).map(|t| t.value.as_str())
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, term) in self.terms.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            let operator = if term.operator == Operator::Equals { "=" } else { "!=" };
            write!(f, "{}{operator}{}", term.field, escape(&term.value))?;
        }
        Ok(())
    }
}

/// Splits at commas that are not escaped.
fn split_terms(selector: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (i, c) in selector.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(selector.get(start..i).unwrap_or_default());
                start = i + 1;
            }
            _ => {}
        }
    }
    terms.push(selector.get(start..).unwrap_or_default());
    terms
}

/// Splits a term at its first operator.
fn split_term(term: &str) -> Option<(&str, Operator, &str)> {
    term.char_indices().find_map(|(i, _)| {
        let (field, rest) = term.split_at(i);
        [("!=", Operator::NotEquals), ("==", Operator::Equals), ("=", Operator::Equals)]
            .into_iter()
            .find_map(|(text, operator)| rest.strip_prefix(text).map(|value| (field, operator, value)))
    })
}

fn unescape(value: &str) -> Result<String, Error> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(next @ ('\\' | ',' | '=')) => out.push(next),
                Some(next) => return Err(Error::Escape(format!("\\{next}"))),
                None => return Err(Error::Escape("\\".to_owned())),
            },
            ',' | '=' => return Err(Error::Unescaped(c)),
            c => out.push(c),
        }
    }
    Ok(out)
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '\\' | ',' | '=') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_and_matches() {
        let selector = Selector::parse("status.phase!=Failed,spec.nodeName==a,metadata.name=b").unwrap();
        assert_eq!(selector.to_string(), "metadata.name=b,spec.nodeName=a,status.phase!=Failed");
        let get = |phase| {
            move |f: &str| match f {
                "status.phase" => Some(phase),
                "spec.nodeName" => Some("a"),
                "metadata.name" => Some("b"),
                _ => None,
            }
        };
        assert!(selector.matches(get("Running")) && !selector.matches(get("Failed")));
        assert_eq!(selector.requires_exact_match("spec.nodeName"), Some("a"));
        assert!(Selector::parse("").unwrap().is_empty());
        assert_eq!(Selector::parse("abc").unwrap_err().to_string(), "invalid selector: 'abc'; can't understand 'abc'");
        assert!(Selector::parse("a=b=c").is_err() && Selector::parse("a=\\b").is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_parses_to_the_same(value in "[a-c,=\\\\!]{0,6}") {
            let selector = Selector::one_term_equal("metadata.name", &value);
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }
    }
}
