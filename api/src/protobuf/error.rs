//! What can be wrong with bytes and with objects.

/// A body that is no message, or an object that has none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes do not start with [`super::MAGIC`].
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    NoEnvelope,
    /// The bytes end within a value.
    #[error("unexpected EOF")]
    Truncated,
    /// A number takes more than 64 bits.
    #[error("proto: integer overflow")]
    Overflow,
    /// A key is malformed: field number 0 or a wire type that does not exist.
    #[error("proto: illegal tag {0}")]
    IllegalTag(u64),
    /// A field has another wire type than its type in the table.
    #[error("proto: wrong wireType = {wire} for field {field}")]
    WrongWireType {
        /// Name in JSON.
        field: &'static str,
        /// The wire type found.
        wire: u8,
    },
    /// Objects, lists and maps are nested too deep.
    #[error("exceeded max depth")]
    TooDeep,
    /// A field holds JSON as bytes, and they are none.
    #[error("{0}")]
    Json(String),
    /// A value that its type or JSON cannot hold: a time beyond the calendar, a number that is none.
    #[error("unable to represent {0}")]
    Value(&'static str),
    /// No message is known for the kind.
    #[error("no kind \"{kind}\" is registered for version \"{api_version}\"")]
    UnknownKind {
        /// `apiVersion` of the object.
        api_version: String,
        /// `kind` of the object.
        kind: String,
    },
    /// A value in an object does not fit the type of its field.
    #[error("field {0} does not fit its type")]
    Unfit(&'static str),
}

/// Result of this module.
pub(super) type Result<T> = std::result::Result<T, Error>;
