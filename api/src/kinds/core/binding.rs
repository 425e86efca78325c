//! Binding: the assignment of a pod to a node, created once and never stored. [`super::pod::bind`] carries it out.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::kind::Kind;

/// The strategy of Binding.
pub static BINDING: Kind = Kind { validate, ..Kind::DATA };

fn validate(obj: &Value, errs: &mut Errors) {
    let target = At::root(obj).child("target");
    let kind = target.child("kind");
    if !["", "Node"].contains(&kind.text()) {
        errs.not_supported(&kind, &["Node", "<empty>"]);
    }
    target.child("name").require(errs);
}
