//! The object model of the API, pure: kinds, metadata, errors, selectors, quantities, the schema table, decoding and patches.
//!
//! Objects are [`serde_json::Value`]s. Everything here is a synchronous function of values: no IO, no clock, no
//! randomness, no knowledge of HTTP or of storage. Messages and reasons that a client can see are upstream's.

pub mod decode;
pub mod field;
pub mod fields;
pub mod gvk;
pub mod intstr;
pub mod kinds;
pub mod labels;
pub mod meta;
pub mod names;
pub mod patch;
pub mod protobuf;
pub mod quantity;
pub mod quota;
pub mod quote;
pub mod schema;
pub mod status;
pub mod time;
pub mod user;
pub mod yaml;
