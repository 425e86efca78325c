//! Harness for end-to-end tests: real clusters as processes, each in a network namespace of its own that has no way out.
//!
//! Nothing here knows how the cluster works inside; tests look at it as its users do, with `kubectl` and `cvctl`.

mod cluster;
mod command;
mod etcd;
mod image;
mod machine;
mod process;

pub use cluster::{Backend, Cluster, program};
pub use command::{Output, eventually, run};
pub use etcd::Etcd;
pub use image::sample_image;
pub use machine::Machine;
pub use process::Process;
