//! Binding: the assignment of a pod to a node, created once and never stored. [`super::pod::bind`] carries it out.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::strategy::Strategy;

/// The strategy of Binding.
pub struct Binding;

impl Strategy for Binding {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let target = At::root(obj).child("target");
        let kind = target.child("kind");
        if !["", "Node"].contains(&kind.text()) {
            errs.not_supported(&kind, &["Node", "<empty>"]);
        }
        target.child("name").require(&mut errs);
        errs
    }
}
