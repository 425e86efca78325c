//! The Kubernetes API server: accepts requests, authenticates, authorises and admits them, and serves every resource
//! of the registry through one pipeline over the watch cache and the store.
//!
//! A request flows: [`server`] (TLS, HTTP/1.1 and 2) → [`filters`] (request info, authentication, audit, flow control,
//! authorisation, deadline) → [`endpoints`] (one file per verb, no kind names) → decode, default, [`admission`],
//! validate → store. What a kind does differently is answered by its `Strategy` in `corvette_api::kinds`; which
//! resources exist is the table in [`registry`].

pub mod admission;
mod app;
pub mod body;
mod bootstrap;
pub mod cacher;
mod config;
mod connect;
pub mod discovery;
pub mod endpoints;
pub mod filters;
mod health;
pub mod hooks;
mod kubernetes_endpoints;
mod loopback;
mod metrics;
pub mod nonresource;
pub mod objects;
pub mod openapi;
pub mod reader;
mod recent;
pub mod registry;
pub mod server;
pub mod services;
mod splice;
pub mod tables;
pub mod tokens;

pub use app::{ApiServer, App, Local};
pub use config::Config;
pub use corvette_api::user;
pub use user::UserInfo;
