//! Validation of the volumes of a pod: names and that each has exactly one source.

use std::collections::BTreeMap;

use serde_json::Value;

use super::spec::Of;
use super::volume_sources;
use crate::field::{At, Errors};
use crate::names;

/// Validates `volumes` and returns the valid ones by name.
pub fn validate<'a>(volumes: &At<'a>, of: Of, errs: &mut Errors) -> BTreeMap<&'a str, &'a Value> {
    let mut valid = BTreeMap::new();
    for volume in volumes.items() {
        let before = errs.len();
        source(&volume, of, errs);
        let name = volume.child("name");
        name.require_valid(names::is_dns1123_label, errs);
        if valid.contains_key(name.text()) {
            errs.duplicate(&name);
        }
        if let Some(value) = volume.value.filter(|_| errs.len() == before) {
            valid.insert(name.text(), value);
        }
    }
    valid
}

fn source(volume: &At<'_>, of: Of, errs: &mut Errors) {
    let mut found = false;
    for row in volume_sources::SOURCES {
        let at = volume.child(row.field);
        if !at.exists() {
            continue;
        }
        if found {
            errs.forbidden(&at, "may not specify more than 1 volume type");
            continue;
        }
        found = true;
        for field in row.required {
            at.child(*field).require(errs);
        }
        (row.check)(&at, of, errs);
    }
    if !found {
        errs.required_because(volume, "must specify a volume type");
    }
}
