//! Numbers as they stand in objects.

use corvette_api::intstr::{self, Rounding};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Returns a count as objects hold it.
pub fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Returns a count that is left out when it is zero, as upstream's encoding does.
pub fn positive(count: usize) -> Option<i32> {
    Some(number(count)).filter(|count| *count > 0)
}

/// Returns a wanted number as a count; negative ones are zero.
pub fn wanted(number: i32) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// Returns a number, or its share of `total`; zero when unset.
pub fn scaled(value: Option<&IntOrString>, total: i32, rounding: Rounding) -> i32 {
    let value = match value {
        None => intstr::IntOrString::Int(0),
        Some(IntOrString::Int(number)) => intstr::IntOrString::Int(*number),
        Some(IntOrString::String(text)) => intstr::IntOrString::String(text.clone()),
    };
    // A value that is neither was refused by validation.
    let number = value.scaled(total.into(), rounding).unwrap_or_default();
    i32::try_from(number).unwrap_or(i32::MAX)
}
