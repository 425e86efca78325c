//! Container logs: reads the files that the runtime writes in CRI log format.
//!
//! A line is `<RFC 3339 time> <stdout|stderr> <P|F> <content>`; `P` says that the line goes on in the next one.
//! [`filter`] turns lines into output (pure), [`tail`] finds where the last lines begin, [`read()`] drives both over a
//! file, follows it while the container runs and across rotation, [`rotate`] moves away what has grown too large. Must not know pods: a path and options go in, bytes
//! come out.

pub mod filter;
mod follow;
pub mod rotate;
pub mod tail;

pub use filter::{Options, Stream};
pub use follow::read;
