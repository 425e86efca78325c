//! The embedded backend: one SQLite file.
//!
//! The file holds a log: one row per revision, newest state and history alike. One writer thread takes what is queued,
//! makes one transaction of it (group commit), and answers after the commit is on disk. Reads use a small pool of
//! connections, each on a snapshot. Watches are fed live by the writer and fall back to the log.
//!
//! Lock order: [`hub`]'s lock is the only one taken by the writer, and nothing is locked under it.

mod compaction;
mod expiry;
mod fault;
mod file;
mod follow;
mod hub;
mod log;
mod open;
mod options;
mod readers;
mod store;
mod writer;

pub use options::Options;
pub use store::Sqlite;
