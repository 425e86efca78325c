//! Cluster addresses and node ports of services.
//!
//! What is taken is derived: it is read from the stored services under a lock, together with what writes under way have
//! reserved. Nothing of it is stored beside the services.

mod cidr;
mod complete;
mod pool;

use std::sync::Arc;

use async_trait::async_trait;
use corvette_api::status::Status;
use serde_json::Value;

pub use cidr::{Cidr, InvalidCidr};
pub use pool::{Allocator, PortRange};

use crate::{
    App,
    hooks::{Hooks, Reservation},
};

/// Completes services with addresses and ports.
pub struct ServiceHooks;

#[async_trait]
impl Hooks for ServiceHooks {
    async fn begin_create(&self, app: &Arc<App>, object: &mut Value) -> Result<Reservation, Status> {
        app.services.complete(app, object, None).await
    }

    async fn begin_update(&self, app: &Arc<App>, new: &mut Value, old: &Value) -> Result<Reservation, Status> {
        app.services.complete(app, new, Some(old)).await
    }

    fn answers_deleted_object(&self) -> bool {
        true
    }
}
