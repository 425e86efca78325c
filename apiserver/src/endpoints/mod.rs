//! Resource requests: one file per verb, without kind names, and one per subresource.
//!
//! [`dispatch`] finds the row and calls the verb. [`codec`] reads and writes bodies; [`modify`] is the read-change-write
//! loop that update, patch and subresources share; [`deletion`] decides what a delete does.

pub mod call;
pub mod codec;
pub mod connect;
pub mod create;
pub mod delete;
pub mod deletecollection;
pub mod deletion;
pub mod dispatch;
pub mod get;
pub mod list;
pub mod modify;
pub mod negotiate;
pub mod options;
pub mod patch;
pub mod pieces;
pub mod reply;
pub mod reviews;
pub mod selection;
pub mod socket;
pub mod subresources;
pub mod update;
pub mod watch;
