//! Scale: the desired and observed count of something that scales. Never stored; see [`crate::kinds::scale`].

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::strategy::Strategy;

/// The strategy of Scale.
pub struct Scale;

impl Strategy for Scale {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        At::root(obj).child("spec").child("replicas").non_negative(&mut errs);
        errs
    }
}
