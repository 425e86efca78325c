//! The request chain, one file per filter, in the order [`chain::serve`] applies them: panic → request info → authenticate
//! → impersonate → audit → flow control → authorise → deadline → dispatch.

pub mod audit;
pub mod authn;
pub mod authz;
pub mod chain;
pub mod deadline;
pub mod flow;
pub mod impersonation;
pub mod panic;
pub mod query;
pub mod request_info;
