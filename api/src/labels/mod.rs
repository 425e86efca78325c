//! Label selectors: `app=web,tier in (a, b),!canary`, and the LabelSelector objects that mean the same.
//!
//! Grammar, order and texts follow `apimachinery/pkg/labels/selector.go @ v1.36`.

mod parse;
mod requirement;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

pub use requirement::{Operator, Requirement};

use crate::field;

/// A selector that cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The text does not follow the grammar.
    #[error("{0}")]
    Syntax(String),
    /// A key, operator or value is not allowed.
    #[error("{0}")]
    Invalid(#[from] field::Errors),
    /// A LabelSelector names an unknown operator.
    #[error("{} is not a valid label selector operator", crate::quote::quote(.0))]
    UnknownOperator(String),
    /// A LabelSelector is not shaped like one.
    #[error("label selector is malformed: {0}")]
    Malformed(&'static str),
}

/// Something that labels can be looked up in.
pub trait Labels {
    /// Returns the value of a label.
    fn lookup(&self, key: &str) -> Option<&str>;
}

impl Labels for Map<String, Value> {
    fn lookup(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }
}

impl Labels for BTreeMap<String, String> {
    fn lookup(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

impl<L: Labels> Labels for Option<L> {
    fn lookup(&self, key: &str) -> Option<&str> {
        self.as_ref()?.lookup(key)
    }
}

impl<L: Labels + ?Sized> Labels for &L {
    fn lookup(&self, key: &str) -> Option<&str> {
        (*self).lookup(key)
    }
}

/// A selector: all of its requirements must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// Sorted by key. `None` selects nothing.
    requirements: Option<Vec<Requirement>>,
}

impl Selector {
    /// Selects every object.
    pub const fn everything() -> Self {
        Self { requirements: Some(Vec::new()) }
    }

    /// Selects no object.
    pub const fn nothing() -> Self {
        Self { requirements: None }
    }

    /// Makes a selector of requirements.
    pub fn new(requirements: impl IntoIterator<Item = Requirement>) -> Self {
        let mut requirements: Vec<_> = requirements.into_iter().collect();
        requirements.sort_by(|a, b| a.key().cmp(b.key()));
        Self { requirements: Some(requirements) }
    }

    /// Parses a selector's text. The empty text selects everything.
    ///
    /// # Errors
    /// [`Error`] when the text does not follow the grammar or holds a key or value that is not allowed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::parse(text).map(Self::new)
    }

    /// Reads a LabelSelector object (`matchLabels`, `matchExpressions`). Null selects nothing, `{}` everything.
    ///
    /// # Errors
    /// [`Error`] when an operator is unknown, or a key or value is not allowed.
    pub fn from_label_selector(selector: &Value) -> Result<Self, Error> {
        if selector.is_null() {
            return Ok(Self::nothing());
        }
        let mut requirements = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().ok_or(Error::Malformed("matchLabels holds a value that is no string"))?;
            requirements.push(Requirement::new(key, Operator::Equals, vec![value.to_owned()])?);
        }
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            requirements.push(requirement_of(expression)?);
        }
        Ok(Self::new(requirements))
    }

    /// Makes a selector that wants exactly these labels. Keys and values are not checked.
    pub fn from_set<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::new(labels.into_iter().map(|(k, v)| Requirement::unchecked(k, Operator::Equals, vec![v.to_owned()])))
    }

    /// Says whether labels fulfil every requirement.
    pub fn matches(&self, labels: &(impl Labels + ?Sized)) -> bool {
        self.requirements.as_ref().is_some_and(|rs| rs.iter().all(|r| r.matches(labels)))
    }

    /// Says whether everything is selected.
    pub fn is_empty(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// Says whether nothing can be selected.
    pub const fn selects_nothing(&self) -> bool {
        self.requirements.is_none()
    }

    /// Returns the requirements, sorted by key; none when nothing is selected.
    pub fn requirements(&self) -> &[Requirement] {
        self.requirements.as_deref().unwrap_or_default()
    }

    /// Returns the value a label must have exactly, if the selector says so.
    pub fn requires_exact_match(&self, key: &str) -> Option<&str> {
        let requirement = self.requirements().iter().find(|r| r.key() == key)?;
        match (requirement.operator(), requirement.values()) {
            (Operator::Equals | Operator::DoubleEquals | Operator::In, [value]) => Some(value),
            _ => None,
        }
    }
}

fn requirement_of(expression: &Value) -> Result<Requirement, Error> {
    let text = |name| expression.get(name).and_then(Value::as_str).unwrap_or_default();
    let operator = match text("operator") {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => return Err(Error::UnknownOperator(other.to_owned())),
    };
    let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
    let values: Vec<String> = values.filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(Requirement::new(text("key"), operator, values)?)
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, requirement) in self.requirements().iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn set(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
        labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn texts_parse_to_what_they_mean() {
        let cases: &[(&str, &str)] = &[
            ("", ""),
            ("a", "a"),
            ("!a", "!a"),
            ("a=b", "a=b"),
            ("a==b", "a==b"),
            ("a!=b", "a!=b"),
            ("b=1,a=2", "a=2,b=1"),
            ("x in (foo,,baz),y,z notin ()", "x in (,baz,foo),y,z notin ()"),
            ("a in (in,notin)", "a in (in,notin)"),
            ("in=in", "in=in"),
            ("a>5", "a>5"),
            ("a<3", "a<3"),
            (" a = b ", "a=b"),
            ("a=", "a="),
            ("example.com/a", "example.com/a"),
            ("a in (b)", "a in (b)"),
        ];
        for (text, shown) in cases {
            assert_eq!(Selector::parse(text).map(|s| s.to_string()), Ok((*shown).to_owned()), "{text}");
        }
    }

    #[test]
    fn errors_are_upstreams() {
        let cases: &[(&str, &str)] = &[
            ("x=a(y", "found '(', expected: ',' or 'end of string'"),
            ("a,", "found '', expected: identifier after ','"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("a in b", "unable to parse requirement: found 'b' expected: '('"),
            ("=a", "found '=', expected: !, identifier, or 'end of string'"),
            ("a=(b)", "unable to parse requirement: found '(', expected: identifier"),
            ("!a=b", "found '=', expected: ',' or 'end of string'"),
            ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ];
        for (text, message) in cases {
            assert_eq!(Selector::parse(text).unwrap_err().to_string(), *message, "{text}");
        }
        let bad_key = Selector::parse("-a=b").unwrap_err().to_string();
        assert!(
            bad_key.starts_with("unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of"),
            "{bad_key}"
        );
        let bad_value = Selector::parse("a=-b").unwrap_err().to_string();
        assert!(
            bad_value
                .starts_with("unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must be"),
            "{bad_value}"
        );
        let gt = Selector::parse("a>x").unwrap_err().to_string();
        assert_eq!(
            gt,
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"
        );
    }

    #[test]
    fn matching_follows_the_operators() {
        let labels = set(&[("a", "1"), ("b", "x")]);
        for (text, wanted) in [
            ("a=1", true),
            ("a!=1", false),
            ("c!=1", true),
            ("a in (1,2)", true),
            ("c in (1)", false),
            ("c notin (1)", true),
            ("a", true),
            ("!c", true),
            ("!a", false),
            ("a>0", true),
            ("a>1", false),
            ("b>0", false),
            ("a<2,b", true),
            ("", true),
        ] {
            assert_eq!(Selector::parse(text).unwrap().matches(&labels), wanted, "{text}");
        }
        assert!(
            !Selector::nothing().matches(&labels) && Selector::everything().matches(&None::<BTreeMap<String, String>>)
        );
    }

    #[test]
    fn label_selector_objects_are_read() {
        let selector = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "tier", "operator": "NotIn", "values": ["db"]}, {"key": "old", "operator": "DoesNotExist"}]});
        let selector = Selector::from_label_selector(&selector).unwrap();
        assert_eq!(selector.to_string(), "app=web,!old,tier notin (db)");
        assert!(
            selector.matches(&set(&[("app", "web")])) && !selector.matches(&set(&[("app", "web"), ("tier", "db")]))
        );
        assert!(Selector::from_label_selector(&json!(null)).unwrap().selects_nothing());
        assert!(Selector::from_label_selector(&json!({})).unwrap().is_empty());
        let bad = json!({"matchExpressions": [{"key": "a", "operator": "Like"}]});
        assert_eq!(
            Selector::from_label_selector(&bad).unwrap_err().to_string(),
            "\"Like\" is not a valid label selector operator"
        );
        let empty = json!({"matchExpressions": [{"key": "a", "operator": "In"}]});
        assert!(Selector::from_label_selector(&empty).is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_parses_to_the_same(text in "(!?[a-c](=[x-z]?|!=[x-z]| in \\([x-z,]{0,4}\\)| notin \\([x-z]\\)|>[0-9])?,){0,3}[a-c]") {
            if let Ok(selector) = Selector::parse(&text) {
                prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
            }
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "[a-c!=<>(), in]{0,12}") {
            let labels = set(&[("a", "b"), ("b", "3")]);
            let _ = Selector::parse(&text).map(|s| s.matches(&labels));
        }

        #[test]
        fn negations_are_complements(key in "[a-b]", value in "[x-z]", labels in proptest::collection::btree_map("[a-b]", "[x-z]", 0..3)) {
            let matches = |text: String| Selector::parse(&text).unwrap().matches(&labels);
            prop_assert_ne!(matches(format!("{key}={value}")), matches(format!("{key}!={value}")));
            prop_assert_ne!(matches(format!("{key} in ({value})")), matches(format!("{key} notin ({value})")));
            prop_assert_ne!(matches(key.clone()), matches(format!("!{key}")));
        }
    }
}
