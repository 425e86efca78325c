//! Authorisation: a table of authorizers, asked in order until one decides.

use std::sync::Arc;

use corvette_api::status::{self, Status};

use super::request_info::RequestInfo;
use crate::{
    UserInfo, tokens,
    user::{ALL_AUTHENTICATED, SYSTEM_MASTERS},
};

/// What an authorizer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request may proceed.
    Allow(String),
    /// The request is refused, whatever later authorizers say.
    Deny(String),
    /// This authorizer does not know; the reason is reported when nobody allows.
    NoOpinion(String),
}

/// What is asked: who wants to do what with what.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// Who asks.
    pub user: Arc<UserInfo>,
    /// Verb (`get`, `list`, …; for non-resource requests the lower-case method).
    pub verb: String,
    /// Whether `path` is meaningless and the resource fields are set.
    pub is_resource: bool,
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Resource, plural.
    pub resource: String,
    /// Subresource or empty.
    pub subresource: String,
    /// Namespace or empty.
    pub namespace: String,
    /// Object name or empty.
    pub name: String,
    /// Path of a non-resource request.
    pub path: String,
}

impl Attributes {
    /// Reads the attributes of a request.
    pub fn of_request(user: &Arc<UserInfo>, info: &RequestInfo) -> Self {
        let verb =
            if info.is_resource { info.verb.as_str().to_owned() } else { info.method.as_str().to_ascii_lowercase() };
        Self {
            user: Arc::clone(user),
            verb,
            is_resource: info.is_resource,
            group: info.group.clone(),
            version: info.version.clone(),
            resource: info.resource.clone(),
            subresource: info.subresource.clone(),
            namespace: info.namespace.clone(),
            name: info.authorisation_name().to_owned(),
            path: info.path.clone(),
        }
    }

    /// Words a refusal as upstream does, without the resource and name prefix.
    fn refusal(&self) -> String {
        let user = &self.user.name;
        let verb = &self.verb;
        if !self.is_resource {
            return format!("User \"{user}\" cannot {verb} path \"{}\"", self.path);
        }
        let resource = if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        };
        let group = &self.group;
        if self.namespace.is_empty() {
            format!(
                "User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{group}\" at the cluster scope"
            )
        } else {
            let namespace = &self.namespace;
            format!(
                "User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{group}\" in the namespace \"{namespace}\""
            )
        }
    }
}

/// Decides about attributes.
pub trait Authorizer: Send + Sync + 'static {
    /// Answers without IO.
    fn authorize(&self, attributes: &Attributes) -> Decision;
}

/// The authorizers of this server, in order. One row each.
#[derive(Clone)]
pub struct Table(Arc<[Box<dyn Authorizer>]>);

impl Default for Table {
    fn default() -> Self {
        Self(Arc::new([
            Box::new(Masters),
            Box::new(Components),
            Box::new(Proxies),
            Box::new(PublicPaths),
            Box::new(SelfReviews),
        ]))
    }
}

impl Table {
    /// Asks the authorizers in order; nobody's opinion is a refusal.
    pub fn decide(&self, attributes: &Attributes) -> Decision {
        let mut reasons = Vec::new();
        for authorizer in self.0.iter() {
            match authorizer.authorize(attributes) {
                Decision::NoOpinion(reason) if reason.is_empty() => {}
                Decision::NoOpinion(reason) => reasons.push(reason),
                decided => return decided,
            }
        }
        Decision::NoOpinion(reasons.join(", "))
    }

    /// Lets the request pass or refuses it.
    ///
    /// # Errors
    /// 403 with upstream's message.
    pub fn check(&self, attributes: &Attributes) -> Result<(), Status> {
        let reason = match self.decide(attributes) {
            Decision::Allow(_) => return Ok(()),
            Decision::Deny(reason) | Decision::NoOpinion(reason) => reason,
        };
        let mut detail = attributes.refusal();
        if !reason.is_empty() {
            detail.push_str(": ");
            detail.push_str(&reason);
        }
        let resource = corvette_api::gvk::GroupResource {
            group: attributes.group.clone().into(),
            resource: attributes.resource.clone().into(),
        };
        if attributes.is_resource {
            Err(status::forbidden(&resource, &attributes.name, &detail))
        } else {
            Err(status::forbidden(&corvette_api::gvk::GroupResource::new("", ""), "", &detail))
        }
    }
}

/// Members of `system:masters` may do everything.
struct Masters;

impl Authorizer for Masters {
    fn authorize(&self, attributes: &Attributes) -> Decision {
        if attributes.user.in_group(SYSTEM_MASTERS) {
            Decision::Allow(String::new())
        } else {
            Decision::NoOpinion(String::new())
        }
    }
}

/// The cluster's own components may do everything until roles say what each of them may (ADR 9).
struct Components;

/// Users that components are, and the group of kubelets (upstream's names).
const COMPONENTS: [&str; 2] = ["system:kube-controller-manager", "system:kube-scheduler"];
const NODES: &str = "system:nodes";

impl Authorizer for Components {
    fn authorize(&self, attributes: &Attributes) -> Decision {
        let user = &attributes.user;
        if COMPONENTS.contains(&user.name.as_str()) || user.in_group(NODES) {
            Decision::Allow(String::new())
        } else {
            Decision::NoOpinion(String::new())
        }
    }
}

/// What serves the addresses and names of Services reads what they are made of, and asks who may read its metrics.
struct Proxies;

/// The users, and the resources each reads.
const PROXIES: [(&str, &[(&str, &str)]); 2] = [
    ("system:kube-proxy", &[("", "services"), ("", "nodes"), ("discovery.k8s.io", "endpointslices")]),
    ("system:kube-dns", &[("", "services"), ("", "namespaces"), ("discovery.k8s.io", "endpointslices")]),
];

impl Authorizer for Proxies {
    fn authorize(&self, attributes: &Attributes) -> Decision {
        let resource = (attributes.group.as_str(), attributes.resource.as_str());
        let readable = PROXIES.iter().find(|(user, _)| *user == attributes.user.name).map(|(_, readable)| *readable);
        let reads = |readable: &[_]| {
            readable.contains(&resource)
                && attributes.subresource.is_empty()
                && matches!(attributes.verb.as_str(), "get" | "list" | "watch")
        };
        let asks = resource == ("authorization.k8s.io", "subjectaccessreviews") && attributes.verb == "create";
        if attributes.is_resource && readable.is_some_and(|readable| asks || reads(readable)) {
            Decision::Allow(String::new())
        } else {
            Decision::NoOpinion(String::new())
        }
    }
}

/// Health and version are open to everybody, discovery to the authenticated, the keys of tokens to service accounts.
struct PublicPaths;

impl Authorizer for PublicPaths {
    fn authorize(&self, attributes: &Attributes) -> Decision {
        if attributes.is_resource || attributes.verb != "get" {
            return Decision::NoOpinion(String::new());
        }
        let path = attributes.path.trim_end_matches('/');
        let open = matches!(path, "/livez" | "/readyz" | "/healthz" | "/version");
        let discovery = matches!(path, "" | "/api" | "/apis" | "/openapi" | "/version")
            || ["/api/", "/apis/", "/openapi/"].iter().any(|prefix| path.starts_with(prefix));
        let keys = matches!(path, "/openid/v1/jwks" | "/.well-known/openid-configuration");
        let user = &attributes.user;
        if open || (discovery && user.in_group(ALL_AUTHENTICATED)) || (keys && user.in_group(tokens::GROUP)) {
            Decision::Allow(String::new())
        } else {
            Decision::NoOpinion(String::new())
        }
    }
}

/// Authenticated users may ask who they are and what they may do (`system:basic-user`).
struct SelfReviews;

impl Authorizer for SelfReviews {
    fn authorize(&self, attributes: &Attributes) -> Decision {
        let review = matches!(
            (attributes.group.as_str(), attributes.resource.as_str()),
            ("authorization.k8s.io", "selfsubjectaccessreviews" | "selfsubjectrulesreviews")
                | ("authentication.k8s.io", "selfsubjectreviews")
        );
        if review && attributes.verb == "create" && attributes.user.in_group(ALL_AUTHENTICATED) {
            Decision::Allow(String::new())
        } else {
            Decision::NoOpinion(String::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn attributes(user: UserInfo, path: &str) -> Attributes {
        Attributes::of_request(&Arc::new(user), &RequestInfo::parse(&Method::GET, &path.parse().unwrap()))
    }

    #[test]
    fn masters_may_do_everything() {
        let admin = UserInfo::new("admin", &[SYSTEM_MASTERS]);
        assert!(Table::default().check(&attributes(admin, "/api/v1/secrets")).is_ok());
    }

    #[test]
    fn components_may_act_under_their_own_names_only() {
        let table = Table::default();
        for user in [
            UserInfo::new("system:kube-scheduler", &[]),
            UserInfo::new("system:kube-controller-manager", &[]),
            UserInfo::new("system:node:a", &["system:nodes"]),
        ] {
            assert!(table.check(&attributes(user, "/api/v1/pods")).is_ok());
        }
        assert!(table.check(&attributes(UserInfo::new("system:node:a", &[]), "/api/v1/pods")).is_err());
    }

    #[test]
    fn proxies_read_what_they_need() {
        let table = Table::default();
        let may = |user: &str, path: &str| table.check(&attributes(UserInfo::new(user, &[]), path)).is_ok();
        assert!(may("system:kube-proxy", "/api/v1/services?watch=true"));
        assert!(may("system:kube-proxy", "/apis/discovery.k8s.io/v1/endpointslices"));
        assert!(may("system:kube-dns", "/api/v1/namespaces") && !may("system:kube-dns", "/api/v1/nodes"));
        for path in ["/api/v1/secrets", "/api/v1/nodes/a/proxy/", "/apis/apps/v1/services", "/metrics"] {
            assert!(!may("system:kube-proxy", path), "{path}");
        }
        assert!(!may("system:serviceaccount:kube-system:kube-proxy", "/api/v1/services"));
    }

    #[test]
    fn others_are_refused_with_upstream_words() {
        let status = Table::default()
            .check(&attributes(UserInfo::new("x", &[]), "/api/v1/namespaces/default/pods"))
            .unwrap_err();
        assert_eq!(status.code, 403);
        assert_eq!(
            status.message,
            "pods is forbidden: User \"x\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\""
        );
    }

    #[test]
    fn anonymous_sees_health_only() {
        let table = Table::default();
        for path in ["/livez", "/readyz", "/healthz", "/version"] {
            assert!(table.check(&attributes(UserInfo::anonymous(), path)).is_ok(), "{path}");
        }
        for path in ["/api", "/apis/apps/v1", "/openapi/v2", "/metrics"] {
            assert!(table.check(&attributes(UserInfo::anonymous(), path)).is_err(), "{path}");
        }
        assert!(table.check(&attributes(UserInfo::new("x", &[]), "/apis")).is_ok());
    }
}
