//! Kinds of the autoscaling group.

pub mod horizontal_pod_autoscaler;
pub mod hpa_conversion;
pub mod hpa_validation;
pub mod scale;

#[cfg(test)]
mod tests;
