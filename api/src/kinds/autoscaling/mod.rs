//! Kinds of the autoscaling group.

pub mod horizontal_pod_autoscaler;
pub mod scale;
