//! Impersonation: a user who may do so acts as somebody else (`kubectl --as`).
//!
//! Follows `apiserver/pkg/endpoints/filters/impersonation.go @ v1.36`.

use std::{collections::BTreeMap, sync::Arc};

use corvette_api::status::{self, Status};
use http::HeaderMap;
use percent_encoding::percent_decode_str;

use super::authz::{Attributes, Table};
use crate::{
    UserInfo,
    user::{ALL_AUTHENTICATED, ALL_UNAUTHENTICATED, ANONYMOUS},
};

const EXTRA_PREFIX: &str = "impersonate-extra-";

/// Returns the user a request acts as: the one it names in `Impersonate-…` headers, else the one who makes it.
///
/// # Errors
/// 403 when the user may not act as the other, 400 when the headers name no user.
pub fn impersonate(table: &Table, headers: &HeaderMap, user: Arc<UserInfo>) -> Result<Arc<UserInfo>, Status> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (name, uid) = (text("impersonate-user"), text("impersonate-uid"));
    let mut groups: Vec<String> = headers
        .get_all("impersonate-group")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_owned)
        .collect();
    let extra = extra(headers);
    if name.is_empty() {
        if groups.is_empty() && extra.is_empty() && uid.is_empty() {
            return Ok(user);
        }
        return Err(status::bad_request("requested impersonation without a user name"));
    }
    check(table, &user, ("", "users", ""), &name)?;
    groups.iter().try_for_each(|group| check(table, &user, ("", "groups", ""), group))?;
    if !uid.is_empty() {
        check(table, &user, ("authentication.k8s.io", "uids", ""), &uid)?;
    }
    for (key, values) in &extra {
        values.iter().try_for_each(|value| check(table, &user, ("authentication.k8s.io", "userextras", key), value))?;
    }
    let everybody = if name == ANONYMOUS { ALL_UNAUTHENTICATED } else { ALL_AUTHENTICATED };
    if !groups.iter().any(|group| group == everybody) {
        groups.push(everybody.to_owned());
    }
    tracing::debug!(user = %user.name, acts_as = %name, "impersonation");
    Ok(Arc::new(UserInfo { name, uid, groups, extra }))
}

fn extra(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix(EXTRA_PREFIX), value.to_str()) {
            let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
            extra.entry(key).or_default().push(value.to_owned());
        }
    }
    extra
}

fn check(
    table: &Table,
    user: &Arc<UserInfo>,
    (group, resource, subresource): (&str, &str, &str),
    name: &str,
) -> Result<(), Status> {
    table.check(&Attributes {
        user: Arc::clone(user),
        verb: "impersonate".to_owned(),
        is_resource: true,
        group: group.to_owned(),
        version: "v1".to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        namespace: String::new(),
        name: name.to_owned(),
        path: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::SYSTEM_MASTERS;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn masters_may_act_as_others_and_others_may_not() {
        let table = Table::default();
        let wanted =
            headers(&[("impersonate-user", "jane"), ("impersonate-group", "devs"), ("impersonate-extra-a%2Fb", "c")]);
        let admin = Arc::new(UserInfo::new("admin", &[SYSTEM_MASTERS]));
        let jane = impersonate(&table, &wanted, admin).unwrap();
        assert_eq!(
            (jane.name.as_str(), jane.groups.as_slice()),
            ("jane", &["devs".to_owned(), ALL_AUTHENTICATED.to_owned()][..])
        );
        assert_eq!(jane.extra["a/b"], ["c"]);
        let refused = impersonate(&table, &wanted, Arc::new(UserInfo::new("x", &[]))).unwrap_err();
        assert_eq!(
            refused.message,
            "users \"jane\" is forbidden: User \"x\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"
        );
    }

    #[test]
    fn a_request_without_the_headers_stays_its_users() {
        let user = Arc::new(UserInfo::new("x", &[]));
        assert_eq!(impersonate(&Table::default(), &HeaderMap::new(), Arc::clone(&user)).unwrap(), user);
        let nameless = headers(&[("impersonate-group", "devs")]);
        assert_eq!(impersonate(&Table::default(), &nameless, user).unwrap_err().code, 400);
    }
}
