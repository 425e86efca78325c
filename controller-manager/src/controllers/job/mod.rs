//! Runs pods until enough of them have succeeded: Jobs.
//!
//! Watches jobs and their pods. Follows pkg/controller/job @ v1.36. Every pod holds a finalizer until the job's status
//! has counted its end, so that no pod is counted twice or missed, whatever is killed or deleted in between: `track`
//! does the counting, `verdict` says whether the job is over, `plan` what to create and delete.

mod backoff;
mod controller;
mod indexes;
mod model;
mod orphans;
mod per_index;
mod plan;
mod policy;
#[cfg(test)]
mod simulation;
mod success;
mod template;
mod track;
mod verdict;

pub use controller::build;
pub use model::is_finished;
