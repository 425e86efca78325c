//! One resource request on its way through a verb.

use std::sync::Arc;

use corvette_api::{
    kinds::Context,
    status::{self, Status},
};
use http::HeaderMap;
use parking_lot::Mutex;

use super::negotiate::Negotiated;
use crate::{
    App, UserInfo,
    filters::request_info::RequestInfo,
    registry::{Row, Storage, Subresource},
};

/// What every verb handler gets.
pub struct Call {
    /// The server.
    pub app: Arc<App>,
    /// The resource.
    pub row: Arc<Row>,
    /// The subresource in the path.
    pub subresource: Option<Subresource>,
    /// The parsed request line.
    pub info: RequestInfo,
    /// Who asks.
    pub user: Arc<UserInfo>,
    /// Request headers.
    pub headers: HeaderMap,
    /// Media type and view of the answer.
    pub accept: Negotiated,
    /// Texts for `Warning` headers.
    pub warnings: Mutex<Vec<String>>,
}

impl Call {
    /// Namespace of the objects, `None` for cluster-scoped resources and for all namespaces.
    pub fn namespace(&self) -> Option<&str> {
        (self.row.is_namespaced() && !self.info.namespace.is_empty()).then_some(self.info.namespace.as_str())
    }

    /// Where the objects are kept.
    ///
    /// # Errors
    /// 405 for computed resources.
    pub fn storage(&self) -> Result<&Storage, Status> {
        self.row.storage().ok_or_else(status::method_not_allowed)
    }

    /// Store key of the object in the path.
    ///
    /// # Errors
    /// 405 for computed resources.
    pub fn key(&self) -> Result<String, Status> {
        Ok(self.storage()?.key(self.namespace(), &self.info.name))
    }

    /// 404 for the object in the path.
    pub fn not_found(&self) -> Status {
        status::not_found(&self.row.group_resource(), &self.info.name)
    }

    /// What strategies may know of the request.
    pub fn context(&self) -> Context {
        Context { now: self.app.clock.now(), user: Arc::clone(&self.user) }
    }

    /// Adds a text for a `Warning` header.
    pub fn warn(&self, text: impl Into<String>) {
        self.warnings.lock().push(text.into());
    }

    /// Path segment of the subresource, or empty.
    pub fn subresource_name(&self) -> &'static str {
        self.subresource.as_ref().map_or("", Subresource::name)
    }
}
