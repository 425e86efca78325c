//! Eviction: a request to delete a pod if its disruption budgets allow. Never stored.

use crate::kinds::strategy::Strategy;

/// The strategy of Eviction. Nothing beyond metadata is checked.
pub struct Eviction;

impl Strategy for Eviction {}
