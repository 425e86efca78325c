//! The service proxy: makes the addresses of Services lead to their endpoints.
//!
//! Owns: the nftables tables `ip corvette` and `ip6 corvette` of this network namespace. Watches: Services, EndpointSlices, its Node.
//! Writes nothing to the API. Must not know pods or how they are run.
//!
//! [`model`] turns Services and EndpointSlices into ports with their targets, [`rules`] turns ports into a table, and a table and the
//! one before into what nft is told: all pure. The shell in [`proxy`](run) feeds them and runs nft.

mod config;
mod conntrack;
mod metrics;
pub mod model;
mod nft;
mod proxy;
pub mod rules;
mod sysctl;

pub use config::Config;
pub use nft::{check, clean};
pub use proxy::run;
