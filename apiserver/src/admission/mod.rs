//! Admission: plugins that change or refuse writes after authorisation and before validation.
//!
//! [`PLUGINS`] is the table; order is upstream's. A plugin sees objects in their storage version. Mutating answers come
//! first, then defaults and the kind's validation, then [`Plugin::validate`] of every plugin.

mod default_class;
mod limit_ranger;
mod namespace_lifecycle;
mod pod_tolerations;
mod priority;
mod resource_quota;
mod runtime_class;
mod service_account;

use std::sync::Arc;

use async_trait::async_trait;
use corvette_api::{
    meta,
    status::{self, Status},
};
use serde_json::Value;

use crate::{App, UserInfo, registry::Row};

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new object, or a create on a subresource.
    Create,
    /// A change of an object.
    Update,
    /// A deletion.
    Delete,
}

/// A write under admission.
pub struct Attributes<'a> {
    /// The server, for reading other objects.
    pub app: &'a Arc<App>,
    /// The resource.
    pub row: &'a Row,
    /// Path segment of the subresource, or empty.
    pub subresource: &'a str,
    /// What happens.
    pub operation: Operation,
    /// Namespace of the object, empty when cluster-scoped.
    pub namespace: &'a str,
    /// Name of the object; empty when it is to be generated.
    pub name: &'a str,
    /// Who asks.
    pub user: &'a UserInfo,
    /// The object before the change, for updates and deletes.
    pub old: Option<&'a Value>,
    /// Nothing is written in the end.
    pub dry_run: bool,
}

impl Attributes<'_> {
    /// Tells whether the main resource `resource` of `group` is concerned.
    pub fn is(&self, group: &str, resource: &str) -> bool {
        self.subresource.is_empty() && self.row.group == group && self.row.plural == resource
    }
}

/// One admission plugin.
#[async_trait]
pub trait Plugin: Send + Sync + 'static {
    /// Upstream's name, as in `--enable-admission-plugins`.
    fn name(&self) -> &'static str;

    /// Changes the object, or refuses the write.
    ///
    /// # Errors
    /// The status the client sees.
    async fn mutate(&self, _attributes: &Attributes<'_>, _object: &mut Value) -> Result<(), Status> {
        Ok(())
    }

    /// Refuses the write or lets it pass. `object` is `None` for deletes.
    ///
    /// # Errors
    /// The status the client sees.
    async fn validate(&self, _attributes: &Attributes<'_>, _object: Option<&Value>) -> Result<(), Status> {
        Ok(())
    }
}

/// The plugins that are on, in upstream's order.
pub static PLUGINS: &[&dyn Plugin] = &[
    &namespace_lifecycle::NamespaceLifecycle,
    &limit_ranger::LimitRanger,
    &service_account::ServiceAccount,
    &pod_tolerations::TaintNodesByCondition,
    &priority::Priority,
    &pod_tolerations::DefaultTolerationSeconds,
    &default_class::DefaultStorageClass,
    &runtime_class::RuntimeClass,
    &default_class::DefaultIngressClass,
    &resource_quota::ResourceQuota,
];

/// Lets every plugin change the object.
///
/// # Errors
/// The first refusal.
pub async fn mutate(attributes: &Attributes<'_>, object: &mut Value) -> Result<(), Status> {
    for plugin in PLUGINS {
        plugin.mutate(attributes, object).await?;
    }
    Ok(())
}

/// Asks every plugin whether the write may happen.
///
/// # Errors
/// The first refusal.
pub async fn validate(attributes: &Attributes<'_>, object: Option<&Value>) -> Result<(), Status> {
    for plugin in PLUGINS {
        plugin.validate(attributes, object).await?;
    }
    Ok(())
}

/// Makes the refusal of a write, named as upstream names it: by name, else by generated name.
pub fn forbidden(attributes: &Attributes<'_>, object: &Value, detail: impl std::fmt::Display) -> Status {
    let name = [attributes.name, meta::name(object), meta::generate_name(object)]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or("Unknown");
    status::forbidden(&attributes.row.group_resource(), name, detail)
}
