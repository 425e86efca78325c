//! A cursor over an object that carries its own path.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Errors, Located, Path};
use crate::names::Verdict;

/// A value inside an object together with its path. A missing value and an explicit null are the same: absent.
#[derive(Debug, Clone)]
pub struct At<'a> {
    /// The value; `None` when absent or null.
    pub value: Option<&'a Value>,
    /// Where it stands.
    pub path: Path,
}

impl<'a> At<'a> {
    /// Starts at the root of an object.
    pub fn root(object: &'a Value) -> Self {
        Self::new(Some(object), Path::root())
    }

    /// Makes a cursor at a known place.
    pub fn new(value: Option<&'a Value>, path: Path) -> Self {
        Self { value: value.filter(|v| !v.is_null()), path }
    }

    /// Moves to a field of this object.
    #[must_use]
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        Self::new(self.value.and_then(|v| v.get(name.as_ref())), self.path.child(name))
    }

    /// Moves along the fields of a path, `spec.selector`.
    #[must_use]
    pub fn at(&self, path: &'static str) -> Self {
        path.split('.').fold(self.clone(), |at, field| at.child(field))
    }

    /// Moves to an entry of this map; the path shows it in brackets.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self::new(self.value.and_then(|v| v.get(key)), self.path.key(key))
    }

    /// Moves to an item of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self::new(self.value.and_then(|v| v.get(index)), self.path.index(index))
    }

    /// Iterates over the items of this list; empty when it is absent or no list.
    pub fn items(&self) -> impl ExactSizeIterator<Item = At<'a>> + use<'a> {
        let path = self.path.clone();
        self.array().iter().enumerate().map(move |(i, v)| Self::new(Some(v), path.index(i)))
    }

    /// Iterates over the entries of this map; empty when it is absent or no map.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, At<'a>)> + use<'a> {
        let path = self.path.clone();
        self.object().into_iter().flatten().map(move |(k, v)| (k.as_str(), Self::new(Some(v), path.key(k.as_str()))))
    }

    /// Says whether there is a value that is not null.
    pub fn exists(&self) -> bool {
        self.value.is_some()
    }

    /// Says whether the value is absent, or an empty string, list or map.
    pub fn is_empty(&self) -> bool {
        match self.value {
            None => true,
            Some(Value::String(s)) => s.is_empty(),
            Some(Value::Array(a)) => a.is_empty(),
            Some(Value::Object(o)) => o.is_empty(),
            Some(_) => false,
        }
    }

    /// Returns the text, if it is one.
    pub fn str(&self) -> Option<&'a str> {
        self.value.and_then(Value::as_str)
    }

    /// Returns the text, or the empty string when absent.
    pub fn text(&self) -> &'a str {
        self.str().unwrap_or_default()
    }

    /// Returns the integer, if it is one.
    pub fn i64(&self) -> Option<i64> {
        self.value.and_then(Value::as_i64)
    }

    /// Returns the boolean, if it is one.
    pub fn bool(&self) -> Option<bool> {
        self.value.and_then(Value::as_bool)
    }

    /// Says whether the value is `true`.
    pub fn is_true(&self) -> bool {
        self.bool() == Some(true)
    }

    /// Returns the map, if it is one.
    pub fn object(&self) -> Option<&'a Map<String, Value>> {
        self.value.and_then(Value::as_object)
    }

    /// Returns the list; empty when absent.
    pub fn array(&self) -> &'a [Value] {
        self.value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Returns the number of items or entries; 0 when absent.
    pub fn len(&self) -> usize {
        match self.value {
            Some(Value::Array(a)) => a.len(),
            Some(Value::Object(o)) => o.len(),
            Some(Value::String(s)) => s.len(),
            _ => 0,
        }
    }

    /// Adds "Required value" when the value is absent or empty; says whether it is there.
    pub fn require(&self, errs: &mut Errors) -> bool {
        if self.is_empty() {
            errs.required(self);
            return false;
        }
        true
    }

    /// The same, saying why.
    pub fn require_because(&self, detail: &str, errs: &mut Errors) -> bool {
        if self.is_empty() {
            errs.required_because(self, detail);
            return false;
        }
        true
    }

    /// Adds "Required value" when the text is absent or empty, and otherwise what [`At::check`] adds.
    pub fn require_valid(&self, check: impl Fn(&str) -> Verdict, errs: &mut Errors) {
        if self.require(errs) {
            self.check(check, errs);
        }
    }

    /// Adds "Required value" when the text is absent or empty, and otherwise what [`At::one_of`] adds.
    pub fn require_one_of(&self, supported: &[&str], errs: &mut Errors) {
        if self.require(errs) {
            self.one_of(supported, errs);
        }
    }

    /// Adds "Unsupported value" when the text is not one of the supported ones; an absent value passes.
    pub fn one_of(&self, supported: &[&str], errs: &mut Errors) {
        if self.str().is_some_and(|s| !supported.contains(&s)) {
            errs.not_supported(self, supported);
        }
    }

    /// Adds "must be greater than or equal to 0" when the number is negative; an absent value passes.
    pub fn non_negative(&self, errs: &mut Errors) {
        if self.i64().is_some_and(|n| n < 0) {
            errs.invalid(self, "must be greater than or equal to 0");
        }
    }

    /// Runs a check from [`crate::names`] on the text (empty when absent) and adds what it says.
    pub fn check(&self, check: impl Fn(&str) -> Verdict, errs: &mut Errors) {
        errs.invalid_each(self, self.text(), check(self.text()));
    }

    /// The same for a text that may be absent or empty.
    pub fn check_given(&self, check: impl Fn(&str) -> Verdict, errs: &mut Errors) {
        if !self.is_empty() {
            self.check(check, errs);
        }
    }

    /// The same for a text that may be absent, but not empty.
    pub fn check_set(&self, check: impl Fn(&str) -> Verdict, errs: &mut Errors) {
        if self.exists() {
            self.check(check, errs);
        }
    }
}

impl Located for At<'_> {
    fn path(&self) -> &Path {
        &self.path
    }

    fn shown(&self) -> Option<Value> {
        Some(self.value.cloned().unwrap_or(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_cursor_knows_its_path() {
        let object = json!({"spec": {"replicas": -1, "items": [{"name": "a"}, {"name": ""}], "labels": {"k": "v"}, "gone": null}});
        let spec = At::root(&object).child("spec");
        let mut errs = Errors::new();
        spec.child("replicas").non_negative(&mut errs);
        for item in spec.child("items").items() {
            item.child("name").require(&mut errs);
        }
        let entries: Vec<_> =
            spec.child("labels").entries().map(|(k, at)| format!("{k} {} {}", at.text(), at.path)).collect();
        assert_eq!(entries, ["k v spec.labels[k]"]);
        assert!(!spec.child("gone").exists() && !spec.child("nothing").child("deeper").exists());
        assert_eq!(
            errs.to_string(),
            "[spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.items[1].name: Required value]"
        );
    }
}
