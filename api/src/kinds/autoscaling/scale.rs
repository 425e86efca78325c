//! Scale: the desired and observed count of something that scales. Never stored; see [`crate::kinds::scale`].

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::kind::Kind;

/// The strategy of Scale.
pub static SCALE: Kind = Kind { validate, ..Kind::DATA };

fn validate(obj: &Value, errs: &mut Errors) {
    At::root(obj).child("spec").child("replicas").non_negative(errs);
}
