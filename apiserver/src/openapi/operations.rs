//! Paths and operations of a row.

use corvette_api::gvk::GroupVersionKind;
use serde_json::{Map, Value, json};

use super::Dialect;
use super::parameters::{self, Parameter};
use crate::registry::{Row, Subresource, SubresourceKind, Verb};

const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
const MEDIA_TYPES: &[&str] = &["application/json", "application/yaml"];
const PATCH_TYPES: &[&str] = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// One operation before it is rendered.
struct Operation {
    method: &'static str,
    /// `x-kubernetes-action`, `post` for create.
    action: &'static str,
    /// First word of the operation's id.
    word: &'static str,
    query: &'static [Parameter],
    body: Option<String>,
    reply: String,
}

/// Returns the definition name of a row's objects; custom resources have one made of their group.
pub(super) fn definition_of(row: &Row) -> String {
    row.definition.as_deref().map_or_else(
        || {
            let reversed: Vec<&str> = row.group.split('.').rev().collect();
            format!("{}.{}.{}", reversed.join("."), row.version, row.kind)
        },
        ToOwned::to_owned,
    )
}

/// Returns the prefix of a group and version's paths: `/api/v1`, `/apis/apps/v1`.
pub(super) fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// Adds the paths of a row.
pub(super) fn add_paths(row: &Row, dialect: Dialect, paths: &mut Map<String, Value>) {
    let root = root(&row.group, &row.version);
    let scope = if row.is_namespaced() { "/namespaces/{namespace}" } else { "" };
    let collection = format!("{root}{scope}/{}", row.plural);
    let item = format!("{collection}/{{name}}");
    let context = Context { row, dialect };
    context.add(paths, &collection, &row.gvk(), &context.collection(), "");
    context.add(paths, &item, &row.gvk(), &context.item(), "");
    if row.is_namespaced() && row.verbs.contains(Verb::List) {
        let list = [context.list()];
        context.add(paths, &format!("{root}/{}", row.plural), &row.gvk(), &list, "");
    }
    for sub in &row.subresources {
        let path = format!("{item}/{}", sub.name());
        let operations = context.subresource(sub);
        context.add(paths, &path, &sub.object, &operations, sub.name());
        if sub.kind == SubresourceKind::Proxy {
            context.add(paths, &format!("{path}/{{path}}"), &sub.object, &operations, "proxyWithPath");
        }
    }
}

struct Context<'a> {
    row: &'a Row,
    dialect: Dialect,
}

impl Context<'_> {
    fn list(&self) -> Operation {
        Operation {
            method: "get",
            action: "list",
            word: "list",
            query: parameters::LIST,
            body: None,
            reply: format!("{}List", definition_of(self.row)),
        }
    }

    fn collection(&self) -> Vec<Operation> {
        let own = definition_of(self.row);
        let all = [
            (Verb::List, self.list()),
            (
                Verb::Create,
                Operation {
                    method: "post",
                    action: "post",
                    word: "create",
                    query: parameters::WRITE,
                    body: Some(own.clone()),
                    reply: own,
                },
            ),
            (
                Verb::DeleteCollection,
                Operation {
                    method: "delete",
                    action: "deletecollection",
                    word: "deleteCollection",
                    query: parameters::DELETE,
                    body: Some(DELETE_OPTIONS.to_owned()),
                    reply: STATUS.to_owned(),
                },
            ),
        ];
        self.served(all)
    }

    fn item(&self) -> Vec<Operation> {
        let own = definition_of(self.row);
        let delete = Operation {
            method: "delete",
            action: "delete",
            word: "delete",
            query: parameters::DELETE,
            body: Some(DELETE_OPTIONS.to_owned()),
            reply: STATUS.to_owned(),
        };
        self.served([
            (Verb::Get, read(&own)),
            (Verb::Update, replace(&own)),
            (Verb::Patch, patch(&own)),
            (Verb::Delete, delete),
        ])
    }

    fn served<const N: usize>(&self, all: [(Verb, Operation); N]) -> Vec<Operation> {
        all.into_iter().filter(|(verb, _)| self.row.verbs.contains(*verb)).map(|(_, operation)| operation).collect()
    }

    fn subresource(&self, sub: &Subresource) -> Vec<Operation> {
        let query = match sub.kind {
            SubresourceKind::Exec => parameters::EXEC,
            SubresourceKind::Attach => parameters::ATTACH,
            SubresourceKind::PortForward => parameters::PORT_FORWARD,
            _ => parameters::PROXY,
        };
        if sub.kind.is_connect() {
            let connect = |method| Operation {
                method,
                action: "connect",
                word: "connect",
                query,
                body: None,
                reply: String::new(),
            };
            let methods: &[&'static str] = if sub.kind == SubresourceKind::Proxy {
                &["get", "put", "post", "delete", "patch"]
            } else {
                &["get", "post"]
            };
            return methods.iter().map(|m| connect(m)).collect();
        }
        let own = sub.definition.as_deref().unwrap_or_default();
        sub.verbs
            .iter()
            .filter_map(|verb| match verb {
                Verb::Get if sub.kind == SubresourceKind::Log => Some(Operation { query: parameters::LOG, ..read("") }),
                Verb::Get => Some(read(own)),
                Verb::Update => Some(replace(own)),
                Verb::Patch => Some(patch(own)),
                Verb::Create => Some(Operation {
                    method: "post",
                    action: "post",
                    word: "create",
                    query: parameters::WRITE,
                    body: Some(own.to_owned()),
                    reply: own.to_owned(),
                }),
                _ => None,
            })
            .collect()
    }

    fn add(
        &self,
        paths: &mut Map<String, Value>,
        path: &str,
        gvk: &GroupVersionKind,
        operations: &[Operation],
        sub: &str,
    ) {
        if operations.is_empty() {
            return;
        }
        let mut item = Map::new();
        for operation in operations {
            item.insert(operation.method.to_owned(), self.render(operation, path, gvk, sub));
        }
        let mut shared: Vec<Value> = ["name", "namespace", "path"]
            .iter()
            .filter(|name| path.contains(&format!("{{{name}}}")))
            .map(|name| parameters::path(name, self.dialect))
            .collect();
        shared.extend(parameters::PRETTY.iter().map(|p| parameters::query(*p, self.dialect)));
        item.insert("parameters".to_owned(), shared.into());
        paths.insert(path.to_owned(), item.into());
    }

    fn render(&self, operation: &Operation, path: &str, gvk: &GroupVersionKind, sub: &str) -> Value {
        let mut out = Map::new();
        let group = camel(&self.row.group);
        out.insert("operationId".into(), self.id(operation, path, &group, sub).into());
        out.insert("tags".into(), json!([format!("{group}_{}", self.row.version)]));
        out.insert("x-kubernetes-action".into(), operation.action.into());
        let kind = json!({"group": gvk.group, "kind": gvk.kind, "version": gvk.version});
        out.insert("x-kubernetes-group-version-kind".into(), kind);
        let mut query: Vec<Value> = operation.query.iter().map(|p| parameters::query(*p, self.dialect)).collect();
        let consumes = if operation.method == "patch" { PATCH_TYPES } else { MEDIA_TYPES };
        match self.dialect {
            Dialect::V2 => {
                if let Some(body) = &operation.body {
                    let schema = json!({"$ref": Dialect::V2.reference(body)});
                    query.push(
                        json!({"name": "body", "in": "body", "required": body != DELETE_OPTIONS, "schema": schema}),
                    );
                    out.insert("consumes".into(), consumes.into());
                }
                out.insert("produces".into(), MEDIA_TYPES.into());
            }
            Dialect::V3 => {
                if let Some(body) = &operation.body {
                    out.insert("requestBody".into(), json!({"content": content(consumes, body)}));
                }
            }
        }
        if !query.is_empty() {
            out.insert("parameters".into(), query.into());
        }
        out.insert("responses".into(), json!({"200": self.response(&operation.reply)}));
        out.into()
    }

    fn response(&self, definition: &str) -> Value {
        match self.dialect {
            _ if definition.is_empty() => json!({"description": "OK"}),
            Dialect::V2 => json!({"description": "OK", "schema": {"$ref": Dialect::V2.reference(definition)}}),
            Dialect::V3 => json!({"description": "OK", "content": content(MEDIA_TYPES, definition)}),
        }
    }

    /// Upstream's ids: `listAppsV1NamespacedDeployment`, `listAppsV1DeploymentForAllNamespaces`, `replaceCoreV1NodeStatus`.
    fn id(&self, operation: &Operation, path: &str, group: &str, sub: &str) -> String {
        let method = if operation.word == "connect" { capitalised(operation.method) } else { String::new() };
        let scope = if path.contains("{namespace}") { "Namespaced" } else { "" };
        let suffix = match sub {
            "" if self.row.is_namespaced() && scope.is_empty() => "ForAllNamespaces".to_owned(),
            other => capitalised(other),
        };
        format!(
            "{}{method}{}{}{scope}{}{suffix}",
            operation.word,
            capitalised(group),
            capitalised(&self.row.version),
            self.row.kind
        )
    }
}

fn read(own: &str) -> Operation {
    Operation { method: "get", action: "get", word: "read", query: &[], body: None, reply: own.to_owned() }
}

fn replace(own: &str) -> Operation {
    Operation {
        method: "put",
        action: "put",
        word: "replace",
        query: parameters::WRITE,
        body: Some(own.to_owned()),
        reply: own.to_owned(),
    }
}

fn patch(own: &str) -> Operation {
    Operation {
        method: "patch",
        action: "patch",
        word: "patch",
        query: parameters::PATCH,
        body: Some(PATCH.to_owned()),
        reply: own.to_owned(),
    }
}

fn content(media_types: &[&str], definition: &str) -> Value {
    let schema = json!({"schema": {"$ref": Dialect::V3.reference(definition)}});
    media_types.iter().map(|m| ((*m).to_owned(), schema.clone())).collect()
}

/// `rbac.authorization.k8s.io` becomes `rbacAuthorization`, the core group `core`.
fn camel(group: &str) -> String {
    if group.is_empty() {
        return "core".to_owned();
    }
    let short = group.strip_suffix(".k8s.io").unwrap_or(group);
    let mut parts = short.split(['.', '-']);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + &capitalised(part))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    fn paths(group: &str, plural: &str, dialect: Dialect) -> Map<String, Value> {
        let mut out = Map::new();
        add_paths(Registry::builtin().find(group, "v1", plural).expect("row"), dialect, &mut out);
        out
    }

    #[test]
    fn a_row_has_the_paths_of_its_verbs() {
        let all = paths("apps", "deployments", Dialect::V2);
        let mut keys: Vec<&str> = all.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "/apis/apps/v1/deployments",
                "/apis/apps/v1/namespaces/{namespace}/deployments",
                "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
                "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale",
                "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/status",
            ]
        );
        let patch = &all["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
        assert_eq!(patch["operationId"], "patchAppsV1NamespacedDeployment");
        assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
        let names: Vec<&str> =
            patch["parameters"].as_array().expect("list").iter().filter_map(|p| p["name"].as_str()).collect();
        assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force", "body"]);
        let list = &all["/apis/apps/v1/deployments"]["get"];
        assert_eq!(list["operationId"], "listAppsV1DeploymentForAllNamespaces");
        let scale = &all["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"]["put"];
        assert_eq!(scale["x-kubernetes-group-version-kind"]["group"], "autoscaling");
    }

    #[test]
    fn ids_follow_upstream() {
        assert_eq!(camel("rbac.authorization.k8s.io"), "rbacAuthorization");
        let nodes = paths("", "nodes", Dialect::V3);
        assert_eq!(nodes["/api/v1/nodes/{name}/status"]["put"]["operationId"], "replaceCoreV1NodeStatus");
        let pods = paths("", "pods", Dialect::V3);
        let exec = &pods["/api/v1/namespaces/{namespace}/pods/{name}/exec"];
        assert_eq!(exec["get"]["operationId"], "connectGetCoreV1NamespacedPodExec");
        assert_eq!(exec["get"]["x-kubernetes-group-version-kind"]["kind"], "PodExecOptions");
        assert!(
            pods["/api/v1/namespaces/{namespace}/pods"]["post"]["requestBody"]["content"]["application/json"]
                .is_object()
        );
    }
}
