use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// Selectable fields of an object: name as in a `fieldSelector`, value.
pub type Fields = Vec<(Cow<'static, str>, String)>;

/// Reads the selectable fields of an object from its scalars (those of the root and one level below; there is nothing
/// else in what it is given), beside `metadata.name` and `metadata.namespace`.
pub type Extract = Arc<dyn Fn(&Value) -> Fields + Send + Sync>;

/// What the cache has to know about a resource.
#[derive(Clone)]
pub struct ResourceSpec {
    /// Prefix of its keys in the store, with the last slash: `/registry/deployments.apps/`.
    pub prefix: Arc<str>,
    /// `apiVersion` of the stored objects, for bookmarks.
    pub api_version: Cow<'static, str>,
    /// Kind of the stored objects, for bookmarks.
    pub kind: Cow<'static, str>,
    /// `None` when only the name and the namespace are selectable.
    pub extract: Option<Extract>,
}

impl fmt::Debug for ResourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceSpec").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
