//! Eviction: a request to delete a pod if its disruption budgets allow. Never stored.

use crate::kinds::kind::Kind;

/// The behaviour of Evictions. Nothing beyond metadata is checked.
pub static EVICTION: Kind = Kind::DATA;
