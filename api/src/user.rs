//! Who makes a request.

use std::collections::BTreeMap;

/// Group of users that may do everything.
pub const SYSTEM_MASTERS: &str = "system:masters";
/// Group every authenticated user is in.
pub const ALL_AUTHENTICATED: &str = "system:authenticated";
/// Group of users without credentials.
pub const ALL_UNAUTHENTICATED: &str = "system:unauthenticated";
/// Name of the user without credentials.
pub const ANONYMOUS: &str = "system:anonymous";

/// The authenticated identity of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// User name, such as `system:node:worker-1`.
    pub name: String,
    /// Unique id, empty when the authenticator has none.
    pub uid: String,
    /// Groups, including [`ALL_AUTHENTICATED`] or [`ALL_UNAUTHENTICATED`].
    pub groups: Vec<String>,
    /// Further facts from the authenticator.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// Makes an authenticated user in the given groups.
    pub fn new(name: &str, groups: &[&str]) -> Self {
        let mut groups: Vec<String> = groups.iter().map(|g| (*g).to_owned()).collect();
        if !groups.iter().any(|g| g == ALL_AUTHENTICATED) {
            groups.push(ALL_AUTHENTICATED.to_owned());
        }
        Self { name: name.to_owned(), uid: String::new(), groups, extra: BTreeMap::new() }
    }

    /// The user without credentials.
    pub fn anonymous() -> Self {
        Self {
            name: ANONYMOUS.to_owned(),
            uid: String::new(),
            groups: vec![ALL_UNAUTHENTICATED.to_owned()],
            extra: BTreeMap::new(),
        }
    }

    /// Tells whether this user presented no credentials.
    pub fn is_anonymous(&self) -> bool {
        self.name == ANONYMOUS
    }

    /// Tells whether the user is in `group`.
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }
}
