//! Images from files: archives written by `docker save`, OCI archives and OCI layout directories, and our own sandbox
//! image. No registry is involved.

mod archive;
mod load;
mod names;
mod sandbox;
mod tar;

pub(crate) use load::import_sandbox;
pub use load::{Error, load};
