//! The controllers against the real API server on SQLite, in one process. Pods are run by a stand-in for scheduler and
//! kubelet that binds them, reports them ready and lets them go.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod budgets;
mod collection;
mod cronjobs;
mod daemonsets;
mod deployments;
mod jobs;
mod namespaces;
mod nodes;
mod plane;
mod quotas;
mod replicasets;
mod scheduling;
mod services;
mod statefulsets;
