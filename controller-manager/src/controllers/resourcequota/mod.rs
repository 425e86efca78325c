//! Counts what is used of the quotas of a namespace.
//!
//! Watches quotas, and the metadata of the resources that some quota limits. Follows
//! pkg/controller/resourcequota/resource_quota_controller.go @ v1.36. Admission adds to the use when something is made; this
//! controller counts afresh when a quota changes, when something that counts goes away or ends, and every five minutes.
//! It counts what the API answers, not what a cache has, and writes only on top of the quota it has read before.

mod controller;
mod monitors;
mod plan;

pub use controller::build;
