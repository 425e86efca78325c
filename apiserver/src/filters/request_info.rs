//! What a request is about, read from its method and path.
//!
//! Follows `staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go: NewRequestInfo @ v1.36`.

use http::{Method, Uri};
use percent_encoding::percent_decode_str;

use super::query::Query;

/// Request verb, as authorisation and metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// GET of one object.
    Get,
    /// GET of a collection.
    List,
    /// GET of a collection or object as a stream of changes.
    Watch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH.
    Patch,
    /// DELETE of one object.
    Delete,
    /// DELETE of a collection.
    DeleteCollection,
    /// Any method a resource request does not know.
    Other,
}

impl Verb {
    /// Returns the lower-case name, as in RBAC rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Other => "",
        }
    }

    /// Tells whether the verb only reads.
    pub fn is_read_only(self) -> bool {
        matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

/// A parsed request path.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// Whether the path names a resource (`/api/v1/pods`) rather than something like `/healthz`.
    pub is_resource: bool,
    /// Decoded path.
    pub path: String,
    /// Method of the request.
    pub method: Method,
    /// Verb; for non-resource requests the mapping of the method alone.
    pub verb: Verb,
    /// API group, empty for core.
    pub group: String,
    /// API version.
    pub version: String,
    /// Namespace in the path, empty when none.
    pub namespace: String,
    /// Resource, plural.
    pub resource: String,
    /// Subresource, empty when none.
    pub subresource: String,
    /// Object name, empty for collections.
    pub name: String,
    /// Path below the subresource (`proxy/a/b` → `a/b`), undecoded.
    pub rest: String,
    /// Query options.
    pub query: Query,
}

impl RequestInfo {
    /// Parses a request line.
    pub fn parse(method: &Method, uri: &Uri) -> Self {
        let raw_path = uri.path();
        let query = Query::parse(uri.query());
        let mut info = Self {
            is_resource: false,
            path: decode(raw_path),
            method: method.clone(),
            verb: verb_of(method),
            group: String::new(),
            version: String::new(),
            namespace: String::new(),
            resource: String::new(),
            subresource: String::new(),
            name: String::new(),
            rest: String::new(),
            query,
        };
        let parts: Vec<&str> = raw_path.trim_matches('/').split('/').collect();
        info.read_resource(&parts);
        info
    }

    fn read_resource(&mut self, parts: &[&str]) {
        let Some((group, version, mut rest)) = split_group_version(parts) else { return };
        let mut special = None;
        if let [verb @ ("watch" | "proxy"), tail @ ..] = rest {
            if tail.is_empty() {
                return;
            }
            special = Some(*verb);
            rest = tail;
        }
        self.is_resource = true;
        self.group = decode(group);
        self.version = decode(version);
        if let ["namespaces", namespace, tail @ ..] = rest {
            self.namespace = decode(namespace);
            if let [first, ..] = tail
                && !matches!(*first, "status" | "finalize")
            {
                rest = tail;
            }
        }
        self.resource = rest.first().map(|p| decode(p)).unwrap_or_default();
        self.name = rest.get(1).map(|p| decode(p)).unwrap_or_default();
        if special.is_none() {
            self.subresource = rest.get(2).map(|p| decode(p)).unwrap_or_default();
            self.rest = rest.get(3..).map(|p| p.join("/")).unwrap_or_default();
        }
        if special == Some("watch") {
            self.verb = Verb::Watch;
        }
        self.refine_verb();
    }

    /// Turns get and delete of a collection into list, watch and deletecollection, and takes the name from a field
    /// selector so that authorisation can see it.
    fn refine_verb(&mut self) {
        if !self.name.is_empty() {
            return;
        }
        match self.verb {
            Verb::Get if self.query.flag("watch") => self.verb = Verb::Watch,
            Verb::Get => self.verb = Verb::List,
            Verb::Delete => self.verb = Verb::DeleteCollection,
            _ => {}
        }
    }

    /// Name for authorisation: the path's, or the one a `metadata.name=` field selector pins.
    pub fn authorisation_name(&self) -> &str {
        if !self.name.is_empty() || !matches!(self.verb, Verb::List | Verb::Watch | Verb::DeleteCollection) {
            return &self.name;
        }
        self.query
            .text("fieldSelector")
            .split(',')
            .find_map(|term| term.strip_prefix("metadata.name=").map(|name| name.trim_start_matches('=')))
            .unwrap_or_default()
    }

    /// Resource with its subresource (`pods/log`).
    pub fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    /// Tells whether the request may run without deadline and outside the in-flight limits: watches and streams.
    pub fn is_long_running(&self) -> bool {
        if !self.is_resource {
            return false;
        }
        self.verb == Verb::Watch
            || matches!(self.subresource.as_str(), "attach" | "exec" | "proxy" | "log" | "portforward")
            || (self.verb == Verb::Get && self.query.flag("watch"))
    }

    /// Scope label of metrics.
    pub fn scope(&self) -> &'static str {
        if !self.is_resource {
            ""
        } else if !self.name.is_empty() || self.verb == Verb::Create {
            "resource"
        } else if !self.namespace.is_empty() {
            "namespace"
        } else {
            "cluster"
        }
    }
}

fn split_group_version<'a>(parts: &'a [&'a str]) -> Option<(&'a str, &'a str, &'a [&'a str])> {
    match parts {
        ["api", version, rest @ ..] if !rest.is_empty() => Some(("", version, rest)),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => Some((group, version, rest)),
        _ => None,
    }
}

fn verb_of(method: &Method) -> Verb {
    match *method {
        Method::GET | Method::HEAD => Verb::Get,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE => Verb::Delete,
        _ => Verb::Other,
    }
}

fn decode(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, uri: &str, expected: (&str, &str, &str, &str, &str, &str)) {
        let info = RequestInfo::parse(&method, &uri.parse().unwrap());
        let got = (
            info.verb.as_str(),
            info.group.as_str(),
            info.namespace.as_str(),
            info.resource.as_str(),
            info.subresource.as_str(),
            info.name.as_str(),
        );
        assert_eq!(got, expected, "{method} {uri}");
        assert!(info.is_resource);
    }

    #[test]
    fn resource_paths_are_understood() {
        check(Method::GET, "/api/v1/namespaces", ("list", "", "", "namespaces", "", ""));
        check(Method::GET, "/api/v1/namespaces/other", ("get", "", "other", "namespaces", "", "other"));
        check(Method::GET, "/api/v1/namespaces/other/pods", ("list", "", "other", "pods", "", ""));
        check(Method::GET, "/api/v1/namespaces/other/pods/foo", ("get", "", "other", "pods", "", "foo"));
        check(
            Method::PUT,
            "/api/v1/namespaces/other/finalize",
            ("update", "", "other", "namespaces", "finalize", "other"),
        );
        check(Method::GET, "/api/v1/pods?watch=true", ("watch", "", "", "pods", "", ""));
        check(Method::GET, "/api/v1/watch/namespaces/other/pods", ("watch", "", "other", "pods", "", ""));
        check(
            Method::DELETE,
            "/apis/apps/v1/namespaces/x/deployments",
            ("deletecollection", "apps", "x", "deployments", "", ""),
        );
        check(Method::POST, "/api/v1/namespaces/x/pods/p/exec", ("create", "", "x", "pods", "exec", "p"));
        check(
            Method::PATCH,
            "/apis/apps/v1/namespaces/x/deployments/d/scale",
            ("patch", "apps", "x", "deployments", "scale", "d"),
        );
    }

    #[test]
    fn other_paths_are_not_resources() {
        for path in ["/", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/healthz", "/openapi/v2"] {
            assert!(!RequestInfo::parse(&Method::GET, &path.parse().unwrap()).is_resource, "{path}");
        }
    }

    #[test]
    fn rest_of_a_proxy_path_is_kept() {
        let info =
            RequestInfo::parse(&Method::GET, &"/api/v1/namespaces/n/services/s:80/proxy/a/b%20c?x=1".parse().unwrap());
        assert_eq!((info.subresource.as_str(), info.rest.as_str(), info.name.as_str()), ("proxy", "a/b%20c", "s:80"));
        assert!(info.is_long_running());
    }

    #[test]
    fn a_field_selector_names_the_object() {
        let info = RequestInfo::parse(&Method::GET, &"/api/v1/pods?fieldSelector=metadata.name%3Dx".parse().unwrap());
        assert_eq!(info.authorisation_name(), "x");
    }
}
