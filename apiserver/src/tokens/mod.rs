//! Service account tokens: signed statements of who a pod is, bound to objects and to an end.
//!
//! The [`Issuer`] knows the key and nothing of the cluster; [`verify`] asks the watch cache whether what a token is bound
//! to is still there.

mod claims;
mod issuer;
mod verify;

pub use claims::{Bound, Claims, Reference};
pub use issuer::Issuer;
pub use verify::{Refusal, Verified, verify};

/// First part of the user names of service accounts; namespace and name follow.
pub const USER_PREFIX: &str = "system:serviceaccount:";
/// Group of all service accounts; that of a namespace's has its name behind another colon.
pub const GROUP: &str = "system:serviceaccounts";
