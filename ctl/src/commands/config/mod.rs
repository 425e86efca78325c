//! `cvctl config`: shows the kubeconfig ([`view`]), or rewrites one entry of its file ([`change`]).

mod change;
mod command;
mod view;

pub use command::{Command, run};
