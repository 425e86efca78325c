//! Deletes jobs some time after they have finished.
//!
//! Watches jobs. Follows pkg/controller/ttlafterfinished/ttlafterfinished_controller.go @ v1.36.

mod controller;

pub use controller::build;
