//! The controllers: one folder and one row of the table each.

mod cronjob;
mod daemonset;
mod deployment;
mod disruption;
mod endpoints;
mod endpointslice;
mod endpointslicemirroring;
mod garbagecollector;
mod job;
mod namespace;
mod nodeipam;
mod nodelifecycle;
mod podgc;
mod replicaset;
mod resourcequota;
mod serviceaccount;
mod shared;
mod statefulset;
pub mod table;
mod tainteviction;
mod ttlafterfinished;
