//! Patches: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch.
//!
//! All three are pure: an original and a patch give a new value, or say why not. Which one a request carries is told by its
//! media type; strategic merge patch needs the [`schema`](crate::schema) of the object.

pub mod json;
pub mod merge;
pub mod strategic;

use crate::status::{self, Details, Reason, Status};

/// A patch that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The patch itself is malformed (400).
    #[error("{0}")]
    Malformed(String),
    /// The patch does not fit the object: a path that is not there, a test that fails (422).
    #[error("{0}")]
    Unprocessable(String),
    /// The patch is larger than allowed (413).
    #[error("{0}")]
    TooLarge(String),
    /// The patch cannot be merged: a merge key is missing, types differ (500 without a reason, as upstream has it).
    #[error("{0}")]
    Unmergeable(String),
}

impl Error {
    /// Returns the failure that a client sees. Upstream does not show the detail of [`Error::Unprocessable`].
    pub fn to_status(&self) -> Status {
        match self {
            Self::Malformed(message) => status::bad_request(message.clone()),
            Self::Unprocessable(_) => {
                let message = "the server rejected our request due to an error in our request";
                Status::new(422, Reason::Invalid, message).with_details(Details::default())
            }
            Self::TooLarge(message) => status::request_entity_too_large(message),
            Self::Unmergeable(message) => Status::new(500, Reason::Unknown, message.clone()),
        }
    }
}
