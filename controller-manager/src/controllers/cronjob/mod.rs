//! Creates jobs on a schedule: CronJobs.
//!
//! Watches cron jobs and their jobs. Follows pkg/controller/cronjob/cronjob_controllerv2.go @ v1.36. The next and the
//! missed times are found in `times`, what to do about them in `plan`; a job's name comes from its time, so that no
//! time runs twice.

mod controller;
mod plan;
mod times;

pub use controller::build;
