//! One row: everything the server has to know about a resource in one served version.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use corvette_api::gvk::{GroupKind, GroupResource, GroupVersionKind, GroupVersionResource, join_api_version};
use corvette_api::kinds::Strategy;
use serde_json::Value;

/// Text that is static for built-in rows and owned for rows made at run time.
pub type Text = Cow<'static, str>;

/// Whether objects of a resource live in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Objects have no namespace.
    Cluster,
    /// Every object is in one namespace.
    Namespaced,
}

/// A verb of the resource API, as discovery and authorisation name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Verb {
    /// `POST` on a collection or subresource.
    Create = 1,
    /// `DELETE` on one object.
    Delete = 1 << 1,
    /// `DELETE` on a collection.
    DeleteCollection = 1 << 2,
    /// `GET` on one object.
    Get = 1 << 3,
    /// `GET` on a collection.
    List = 1 << 4,
    /// `PATCH` on one object.
    Patch = 1 << 5,
    /// `PUT` on one object.
    Update = 1 << 6,
    /// `GET` with `watch=true`.
    Watch = 1 << 7,
}

impl Verb {
    /// All verbs, in the alphabetical order discovery lists them in.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Delete,
        Self::DeleteCollection,
        Self::Get,
        Self::List,
        Self::Patch,
        Self::Update,
        Self::Watch,
    ];

    /// Returns the verb's name in discovery and in authorisation attributes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Get => "get",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Watch => "watch",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of [`Verb`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verbs(u16);

impl Verbs {
    /// What a plain stored resource serves: all of them.
    pub const ALL: Self = Self(0xff);

    /// Makes a set of the given verbs.
    #[must_use]
    pub const fn of(verbs: &[Verb]) -> Self {
        let mut bits = 0;
        let mut rest = verbs;
        while let [first, tail @ ..] = rest {
            bits |= *first as u16;
            rest = tail;
        }
        Self(bits)
    }

    /// Returns the set without one verb.
    #[must_use]
    pub const fn without(self, verb: Verb) -> Self {
        Self(self.0 & !(verb as u16))
    }

    /// Tells whether the set holds a verb.
    #[must_use]
    pub const fn contains(self, verb: Verb) -> bool {
        self.0 & verb as u16 != 0
    }

    /// Iterates over the verbs in alphabetical order.
    pub fn iter(self) -> impl Iterator<Item = Verb> {
        Verb::ALL.into_iter().filter(move |v| self.contains(*v))
    }
}

/// A strategy, static for built-in kinds and shared for kinds made at run time.
#[derive(Clone)]
pub enum StrategyRef {
    /// A built-in kind's.
    Static(&'static dyn Strategy),
    /// A custom resource's.
    Shared(Arc<dyn Strategy>),
}

impl Deref for StrategyRef {
    type Target = dyn Strategy;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Static(s) => *s,
            Self::Shared(s) => s.as_ref(),
        }
    }
}

impl fmt::Debug for StrategyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(_) => f.write_str("Static"),
            // Tells one custom resource's schema from the next in hashes of rows.
            Self::Shared(s) => write!(f, "Shared({:p})", Arc::as_ptr(s)),
        }
    }
}

/// Where objects of a row are kept.
#[derive(Debug, Clone)]
pub struct Storage {
    /// Group-qualified resource, `deployments.apps`; rows of several versions with the same value share their objects.
    pub resource: Text,
    /// Group and version of the stored objects' `apiVersion`.
    pub group: Text,
    /// Version of the stored objects.
    pub version: Text,
    /// Kind of the stored objects.
    pub kind: Text,
    prefix: Text,
}

impl Storage {
    /// Makes the storage facts of a resource; `group` and `plural` name the resource whose keys are used.
    #[must_use]
    pub fn new(group: &Text, version: &Text, kind: &Text, plural: &str) -> Self {
        let resource = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        let prefix = format!("/registry/{resource}/");
        Self {
            resource: resource.into(),
            group: group.clone(),
            version: version.clone(),
            kind: kind.clone(),
            prefix: prefix.into(),
        }
    }

    /// Returns the prefix of all keys, `/registry/deployments.apps/`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the prefix of the keys of one namespace, `/registry/deployments.apps/default/`.
    #[must_use]
    pub fn namespace_prefix(&self, namespace: &str) -> String {
        format!("{}{namespace}/", self.prefix)
    }

    /// Returns the key of one object: `/registry/<resource>/<namespace>/<name>`, without namespace `/registry/<resource>/<name>`.
    #[must_use]
    pub fn key(&self, namespace: Option<&str>, name: &str) -> String {
        match namespace {
            Some(ns) => format!("{}{ns}/{name}", self.prefix),
            None => format!("{}{name}", self.prefix),
        }
    }

    /// Returns the stored objects' `apiVersion`.
    #[must_use]
    pub fn api_version(&self) -> String {
        join_api_version(&self.group, &self.version)
    }
}

/// Resources that are computed, not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Virtual {
    /// `bindings`: a create binds a pod.
    Binding,
    /// `componentstatuses`: read only.
    ComponentStatus,
    /// `tokenreviews`.
    TokenReview,
    /// `selfsubjectreviews`.
    SelfSubjectReview,
    /// `subjectaccessreviews`.
    SubjectAccessReview,
    /// `localsubjectaccessreviews`.
    LocalSubjectAccessReview,
    /// `selfsubjectaccessreviews`.
    SelfSubjectAccessReview,
    /// `selfsubjectrulesreviews`.
    SelfSubjectRulesReview,
}

/// What stands behind a row.
#[derive(Debug, Clone)]
pub enum Backing {
    /// Objects in the store.
    Stored(Storage),
    /// A computation.
    Virtual(Virtual),
}

/// The subresources the pipeline knows; the path segment is [`SubresourceKind::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubresourceKind {
    /// The object's status.
    Status,
    /// `autoscaling/v1` Scale view of the object.
    Scale,
    /// Binds a pod to a node.
    Binding,
    /// Evicts a pod.
    Eviction,
    /// Streams a container's log.
    Log,
    /// Runs a command in a container (upgrade).
    Exec,
    /// Attaches to a container (upgrade).
    Attach,
    /// Forwards ports of a pod (upgrade).
    PortForward,
    /// Forwards HTTP to a pod, service or node; takes the rest of the path.
    Proxy,
    /// Issues a service account token.
    Token,
    /// Approves or denies a certificate signing request.
    Approval,
    /// Replaces a namespace's `spec.finalizers`.
    Finalize,
    /// Adds ephemeral containers to a pod.
    EphemeralContainers,
    /// Changes a pod's container resources in place.
    Resize,
}

impl SubresourceKind {
    /// Returns the path segment.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Scale => "scale",
            Self::Binding => "binding",
            Self::Eviction => "eviction",
            Self::Log => "log",
            Self::Exec => "exec",
            Self::Attach => "attach",
            Self::PortForward => "portforward",
            Self::Proxy => "proxy",
            Self::Token => "token",
            Self::Approval => "approval",
            Self::Finalize => "finalize",
            Self::EphemeralContainers => "ephemeralcontainers",
            Self::Resize => "resize",
        }
    }

    /// Tells whether the subresource takes any HTTP method and hands the connection on (upstream's verb `connect`).
    #[must_use]
    pub const fn is_connect(self) -> bool {
        matches!(self, Self::Exec | Self::Attach | Self::PortForward | Self::Proxy)
    }
}

/// A subresource of a row.
#[derive(Debug, Clone)]
pub struct Subresource {
    /// Which one.
    pub kind: SubresourceKind,
    /// The verbs discovery lists; for connect subresources those that methods map to.
    pub verbs: Verbs,
    /// Kind discovery names: that of the body for create, else that of the reply.
    pub object: GroupVersionKind,
    /// Whether [`Subresource::object`] is of another group or version than the row (discovery then lists both).
    pub foreign: bool,
    /// Schema definition of the body; `None` when there is no body (log, connect).
    pub definition: Option<Text>,
}

impl Subresource {
    /// Returns the path segment.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.kind.as_str()
    }
}

/// A resource in one served version.
#[derive(Debug, Clone)]
pub struct Row {
    /// API group, empty for core.
    pub group: Text,
    /// Served version.
    pub version: Text,
    /// Kind of one object.
    pub kind: Text,
    /// Kind of a collection.
    pub list_kind: Text,
    /// Plural name: the path segment.
    pub plural: Text,
    /// Singular name.
    pub singular: Text,
    /// Short names, `po`.
    pub short_names: Vec<Text>,
    /// Categories, `all`.
    pub categories: Vec<Text>,
    /// Cluster-wide or namespaced.
    pub scope: Scope,
    /// Verbs served.
    pub verbs: Verbs,
    /// Schema definition of the served version; `None` for custom resources, whose schema is in their strategy.
    pub definition: Option<Text>,
    /// What stands behind the row.
    pub backing: Backing,
    /// Behaviour; works on objects of the storage version.
    pub strategy: StrategyRef,
    /// Subresources, by name.
    pub subresources: Vec<Subresource>,
    /// `apiVersion` of the served objects.
    pub api_version: Text,
}

impl Row {
    /// Returns the group, version and kind.
    #[must_use]
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind { group: self.group.clone(), version: self.version.clone(), kind: self.kind.clone() }
    }

    /// Returns the group, version and resource.
    #[must_use]
    pub fn gvr(&self) -> GroupVersionResource {
        GroupVersionResource { group: self.group.clone(), version: self.version.clone(), resource: self.plural.clone() }
    }

    /// Returns the group and resource, for messages.
    #[must_use]
    pub fn group_resource(&self) -> GroupResource {
        GroupResource { group: self.group.clone(), resource: self.plural.clone() }
    }

    /// Returns the group and kind, for messages: those of the storage version, whose group may be another (events).
    #[must_use]
    pub fn group_kind(&self) -> GroupKind {
        let group = self.storage().map_or(&self.group, |storage| &storage.group);
        GroupKind { group: group.clone(), kind: self.kind.clone() }
    }

    /// Tells whether objects live in a namespace.
    #[must_use]
    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// Returns where objects are kept; `None` for virtual resources.
    #[must_use]
    pub fn storage(&self) -> Option<&Storage> {
        match &self.backing {
            Backing::Stored(s) => Some(s),
            Backing::Virtual(_) => None,
        }
    }

    /// Returns a subresource by its path segment.
    #[must_use]
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|s| s.name() == name)
    }

    /// Tells whether the row has a `status` subresource, so that the main resource ignores changes of status.
    #[must_use]
    pub fn has_status(&self) -> bool {
        self.subresources.iter().any(|s| s.kind == SubresourceKind::Status)
    }

    /// Tells whether this row's version is the one objects are stored in.
    #[must_use]
    pub fn is_storage_version(&self) -> bool {
        self.storage().is_some_and(|s| s.version == self.version && s.group == self.group)
    }

    /// Turns an object of this row's version into the storage version, `apiVersion` and `kind` included.
    pub fn to_storage(&self, object: &mut Value) {
        let Some(storage) = self.storage() else { return };
        if self.is_storage_version() {
            return;
        }
        let (from, to) = self.conversion_names(storage);
        self.strategy.convert(object, &from, &to);
        set_type(object, storage.api_version(), &storage.kind);
    }

    /// Turns a stored object into this row's version, `apiVersion` and `kind` included.
    pub fn from_storage(&self, object: &mut Value) {
        let Some(storage) = self.storage() else { return };
        if self.is_storage_version() {
            return;
        }
        let (served, stored) = self.conversion_names(storage);
        self.strategy.convert(object, &stored, &served);
        set_type(object, self.api_version.to_string(), &self.kind);
    }

    /// Names of the served and the storage version for `Strategy::convert`: bare versions within a group, else `group/version`.
    fn conversion_names(&self, storage: &Storage) -> (String, String) {
        if self.group == storage.group {
            (self.version.to_string(), storage.version.to_string())
        } else {
            (self.api_version.to_string(), storage.api_version())
        }
    }
}

fn set_type(object: &mut Value, api_version: String, kind: &str) {
    if let Some(map) = object.as_object_mut() {
        map.insert("apiVersion".to_owned(), Value::String(api_version));
        map.insert("kind".to_owned(), Value::String(kind.to_owned()));
    }
}

/// Returns the schema definition name of a built-in kind, `io.k8s.api.apps.v1.Deployment`.
#[must_use]
pub fn definition_name(group: &str, version: &str, kind: &str) -> String {
    let package = match group {
        "" => "io.k8s.api.core",
        "apiextensions.k8s.io" => "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
        "apiregistration.k8s.io" => "io.k8s.kube-aggregator.pkg.apis.apiregistration",
        "internal.apiserver.k8s.io" => "io.k8s.api.apiserverinternal",
        _ => {
            let first = group.split('.').next().unwrap_or(group);
            return format!("io.k8s.api.{first}.{version}.{kind}");
        }
    };
    format!("{package}.{version}.{kind}")
}
