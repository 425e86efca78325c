//! Kinds of `resource.k8s.io`. Objects are stored as `v1`; `v1beta1` has a flatter request and a deeper device.

mod convert;
pub mod device_class;
pub mod resource_claim;
pub mod resource_slice;
pub mod taint_rule;
