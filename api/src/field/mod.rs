//! Errors about fields of an object, and a cursor that walks an object and knows where it is.
//!
//! Behaviour and texts follow `apimachinery/pkg/util/validation/field @ v1.36`.

mod at;
mod error;
mod path;

pub use at::At;
pub use error::{ErrorKind, Errors, FieldError, Located};
pub use path::Path;
