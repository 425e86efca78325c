//! Small checks of one field that many kinds use.

use std::collections::BTreeSet;

use crate::field::{At, Errors};
use crate::names;

/// Largest value of the 32-bit integers of the API.
pub const MAX_INT32: i64 = i32::MAX as i64;

/// Longest name of a CSI driver, in bytes.
const MAX_CSI_DRIVER: usize = 63;

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

/// Demands the name of a CSI driver (`pkg/apis/core/validation: ValidateCSIDriverName @ v1.36`).
pub fn csi_driver_name(at: &At<'_>, errs: &mut Errors) {
    at.require(errs);
    if at.len() > MAX_CSI_DRIVER {
        errs.too_long(at, MAX_CSI_DRIVER);
    }
    errs.invalid_each(at, at.text(), names::is_dns1123_subdomain(&at.text().to_lowercase()));
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
