//! Takes pods off the node before it runs out of what all of them need, and pods that use more than they may.
//!
//! Owns the node's pressure conditions ([`Pressures`]), the garbage collection of images and the choice of pods to end.
//! Choices are pure ([`rank`], [`images`]); the shell is in `watch.rs`. Follows upstream's `pkg/kubelet/eviction @ v1.36`
//! with its default thresholds, except that a share of a large disk is no pressure while enough is left.

pub mod images;
mod limits;
mod messages;
mod pressure;
pub mod rank;
mod usage;
mod watch;

pub use images::ImageGc;
pub use messages::{REASON, refusal};
pub use pressure::{Pressure, Pressures, Thresholds};
pub use watch::Evictor;
