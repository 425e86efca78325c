//! Small checks of one field that many kinds use.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::{At, Errors};
use crate::names;

/// Largest value of the 32-bit integers of the API.
pub const MAX_INT32: i64 = i32::MAX as i64;

/// Demands a text that is one of a set: "Required value" when empty, "Unsupported value" when another.
pub fn required_choice(at: &At<'_>, supported: &[&str], errs: &mut Errors) {
    if at.require(errs) {
        at.one_of(supported, errs);
    }
}

/// Demands that a number, if there is one, is in a range (both ends included).
pub fn in_range(at: &At<'_>, low: i64, high: i64, errs: &mut Errors) {
    if let Some(n) = at.i64().filter(|n| !(low..=high).contains(n)) {
        errs.invalid_value(at, n, names::inclusive_range_error(low, high));
    }
}

/// Demands that a number, if there is one, is greater than zero.
pub fn positive(at: &At<'_>, errs: &mut Errors) {
    if at.i64().is_some_and(|n| n <= 0) {
        errs.invalid(at, "must be greater than 0");
    }
}

/// Demands the mode bits of a file, if there are any, to be at most 0777.
pub fn file_mode(at: &At<'_>, errs: &mut Errors) {
    if at.i64().is_some_and(|mode| !(0..=0o777).contains(&mode)) {
        errs.invalid(at, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

/// Demands a path below some directory: relative and without `..`.
pub fn descending_path(at: &At<'_>, errs: &mut Errors) {
    if at.text().starts_with('/') {
        errs.invalid(at, "must be a relative path");
    }
    no_backsteps(at, errs);
}

/// As [`descending_path`], and no name starting with `..`, which volumes keep for themselves.
pub fn unreserved_path(at: &At<'_>, errs: &mut Errors) {
    descending_path(at, errs);
    if at.text().starts_with("..") && !at.text().starts_with("../") {
        errs.invalid(at, "must not start with '..'");
    }
}

/// Demands that no component of a path is `..`.
pub fn no_backsteps(at: &At<'_>, errs: &mut Errors) {
    if at.text().split('/').any(|part| part == "..") {
        errs.invalid(at, "must not contain '..'");
    }
}

/// Demands an IP address in either family.
pub fn ip_address(at: &At<'_>, errs: &mut Errors) {
    if at.text().parse::<std::net::IpAddr>().is_err() {
        errs.invalid_value(at, at.text(), "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    }
}

/// Demands a port number or the name of a port.
pub fn port_or_name(at: &At<'_>, errs: &mut Errors) {
    match at.value {
        Some(Value::String(name)) => errs.invalid_each(at, name, names::is_port_name(name)),
        _ => port_number(at, at.i64().unwrap_or(0), errs),
    }
}

/// Demands a number to be a port.
pub fn port_number(at: &At<'_>, port: i64, errs: &mut Errors) {
    for detail in names::is_port_number(port).err().into_iter().flatten() {
        errs.invalid_value(at, port, detail);
    }
}

/// Names seen so far, to find duplicates.
#[derive(Debug, Default)]
pub struct Seen<'a>(BTreeSet<&'a str>);

impl<'a> Seen<'a> {
    /// Adds "Duplicate value" when the text was seen before; an empty text never was.
    pub fn unique(&mut self, at: &At<'a>, errs: &mut Errors) {
        if !at.is_empty() && !self.0.insert(at.text()) {
            errs.duplicate(at);
        }
    }

    /// Remembers a name.
    pub fn insert(&mut self, name: &'a str) -> bool {
        self.0.insert(name)
    }

    /// Says whether a name was seen.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}
