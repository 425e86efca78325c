//! Kubernetes' protobuf: bytes to objects and back.
//!
//! An object travels in an envelope: the bytes `k8s\0` and a `runtime.Unknown` that names its apiVersion and kind. One table, made
//! of `data/protobuf.txt` at first use, says which field of a message is which field of the object. Objects come out as a Go
//! client would have written them in JSON, and bytes come out as Go's generated code writes them: fields by ascending number,
//! maps by key, zeros of fields that are no pointers included. Both directions are bounded and never panic.
//!
//! Kinds without a message (custom resources, tables) are for the caller to refuse: see [`knows`].

mod decode;
mod encode;
mod envelope;
mod error;
mod list;
mod reader;
mod shapes;
mod table;
mod writer;

pub use encode::encode;
pub use envelope::{MAGIC, decode, frame};
pub use error::Error;
pub use list::List;
pub use table::knows;

/// Media type of the encoding.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// Deepest nesting of objects, lists and maps that is read, as for JSON.
const MAX_DEPTH: usize = 127;
