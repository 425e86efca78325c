//! What a request that cannot be served is told: code and message, compared with upstream's own server.

mod common;

use common::{CONFIG_MAPS, Server, config_map};
use http::Method;
use serde_json::json;

const A: &str = "/api/v1/namespaces/default/configmaps/a";
const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const JSON_PATCH: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/d";

/// Method, path, media type, body; code and message of the answer.
type Row = (&'static str, &'static str, &'static str, &'static str, u16, &'static str);

/// None of these changes anything.
const ROWS: &[Row] = &[
    // Bodies of another kind.
    (
        "POST",
        CONFIG_MAPS,
        JSON,
        r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"b"}}"#,
        400,
        r#"Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion"#,
    ),
    (
        "POST",
        CONFIG_MAPS,
        JSON,
        r#"{"apiVersion":"v1","kind":"Bogus"}"#,
        400,
        r#"Bogus in version "v1" cannot be handled as a ConfigMap: no kind "Bogus" is registered for version "v1" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30""#,
    ),
    (
        "POST",
        CONFIG_MAPS,
        JSON,
        r#"{"apiVersion":"a/b/c","kind":"ConfigMap"}"#,
        400,
        r#"the object provided is unrecognized (must be of type ConfigMap): unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c","kind":" ...)"#,
    ),
    (
        "POST",
        CONFIG_MAPS,
        JSON,
        r#"{"apiVersion":1}"#,
        400,
        r#"the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .apiVersion of type string ({"apiVersion":1})"#,
    ),
    (
        "POST",
        CONFIG_MAPS,
        JSON,
        "[]",
        400,
        r#"the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" } (5b5d)"#,
    ),
    (
        "POST",
        CONFIG_MAPS,
        JSON,
        "null",
        422,
        r#"ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required"#,
    ),
    (
        "POST",
        CONFIG_MAPS,
        YAML,
        "a: [",
        400,
        "the object provided is unrecognized (must be of type ConfigMap): yaml: line 1, column 4: unclosed bracket '[' (613a205b)",
    ),
    (
        "POST",
        CONFIG_MAPS,
        "Application/JSON",
        "{}",
        422,
        r#"ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required"#,
    ),
    // Names and identities.
    (
        "POST",
        CONFIG_MAPS,
        JSON,
        r#"{"metadata":{"name":"a","generateName":"x-"}}"#,
        409,
        r#"configmaps "a" already exists, the server was not able to generate a unique name for the object"#,
    ),
    (
        "POST",
        CONFIG_MAPS,
        JSON,
        r#"{"metadata":{"name":"b","ownerReferences":[{"apiVersion":"a/b/c","kind":"K","name":"n","uid":"u"}]}}"#,
        422,
        r#"ConfigMap "b" is invalid: metadata.ownerReferences.apiVersion: Invalid value: "a/b/c": version must not be empty"#,
    ),
    (
        "PUT",
        A,
        JSON,
        r#"{"metadata":{}}"#,
        400,
        "the name of the object (a based on URL) was undeterminable: name must be provided",
    ),
    (
        "PUT",
        "/api/v1/namespaces/default/configmaps/none",
        JSON,
        r#"{"metadata":{"name":"none","uid":"u"}}"#,
        409,
        r#"Operation cannot be fulfilled on configmaps "none": StorageError: invalid object, Code: 4, Key: /registry/configmaps/default/none, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: u, UID in object meta: "#,
    ),
    (
        "PATCH",
        A,
        MERGE,
        r#"{"metadata":{"name":""}}"#,
        400,
        "the name of the object (a based on URL) was undeterminable: name must be provided",
    ),
    (
        "PATCH",
        A,
        MERGE,
        r#"{"metadata":{"namespace":"other"}}"#,
        400,
        "the namespace of the object (other) does not match the namespace on the request (default)",
    ),
    (
        "PATCH",
        A,
        MERGE,
        r#"{"metadata":{"uid":"u"}}"#,
        422,
        r#"ConfigMap "a" is invalid: metadata.uid: Invalid value: "u": field is immutable"#,
    ),
    (
        "PATCH",
        A,
        MERGE,
        r#"{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}}"#,
        422,
        r#"ConfigMap "a" is invalid: metadata.deletionTimestamp: Invalid value: "2026-01-01T00:00:00Z": field is immutable"#,
    ),
    (
        "PUT",
        A,
        JSON,
        r#"{"metadata":{"name":"a","deletionGracePeriodSeconds":5}}"#,
        422,
        r#"ConfigMap "a" is invalid: metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable"#,
    ),
    (
        "POST",
        CONFIG_MAPS,
        JSON,
        r#"{"metadata":{"name":"b","resourceVersion":"7"}}"#,
        500,
        "resourceVersion should not be set on objects to be created",
    ),
    (
        "PUT",
        A,
        JSON,
        r#"{"metadata":{"name":"a","resourceVersion":"x"}}"#,
        500,
        r#"strconv.ParseUint: parsing "x": invalid syntax"#,
    ),
    (
        "PUT",
        "/apis/storage.k8s.io/v1/csidrivers/d",
        JSON,
        r#"{"metadata":{"name":"d"},"spec":{}}"#,
        422,
        r#"csidrivers.storage.k8s.io "d" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update"#,
    ),
    (
        "POST",
        "/apis/events.k8s.io/v1/namespaces/default/events",
        JSON,
        r#"{"regarding":{"namespace":"default"}}"#,
        422,
        r#"Event "" is invalid: metadata.name: Required value: name or generateName is required"#,
    ),
    // Reads.
    (
        "GET",
        "/api/v1/namespaces/default/configmaps/a?resourceVersion=x",
        JSON,
        "",
        500,
        r#"resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax"#,
    ),
    (
        "GET",
        "/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=x",
        JSON,
        "",
        500,
        r#"resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax"#,
    ),
    (
        "GET",
        "/api/v1/namespaces/default/configmaps?limit=1&resourceVersion=x",
        JSON,
        "",
        400,
        r#"invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax"#,
    ),
    (
        "GET",
        "/api/v1/namespaces/default/configmaps?continue=x&resourceVersion=7",
        JSON,
        "",
        400,
        "invalid continue token: continue key is not valid: illegal base64 data at input byte 0",
    ),
    (
        "GET",
        "/api/v1/namespaces/default/configmaps?resourceVersion=1&resourceVersionMatch=x",
        JSON,
        "",
        422,
        r#"ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Unsupported value: "x": supported values: "Exact", "NotOlderThan", """#,
    ),
    // Subresources.
    (
        "GET",
        "/apis/apps/v1/namespaces/default/deployments/none/scale",
        JSON,
        "",
        404,
        r#"deployments/scale.apps "none" not found"#,
    ),
    (
        "PUT",
        "/apis/apps/v1/namespaces/default/deployments/none/scale",
        JSON,
        r#"{"metadata":{"name":"none"}}"#,
        404,
        r#"deployments.apps "none" not found"#,
    ),
    (
        "GET",
        "/apis/apps/v1/namespaces/default/statefulsets/none/scale",
        JSON,
        "",
        404,
        r#"statefulsets.apps "none" not found"#,
    ),
    (
        "GET",
        "/api/v1/namespaces/default/replicationcontrollers/none/scale",
        JSON,
        "",
        404,
        r#"replicationcontrollers/scale.autoscaling "none" not found"#,
    ),
    (
        "POST",
        "/api/v1/namespaces/default/pods/none/binding",
        JSON,
        r#"{"metadata":{"name":"none"},"target":{"kind":"Node","name":"n"}}"#,
        404,
        r#"pods "none" not found"#,
    ),
    (
        "POST",
        "/api/v1/namespaces/default/pods/none/binding",
        JSON,
        r#"{"target":{"kind":"Node","name":"n"}}"#,
        400,
        "name in URL does not match name in Binding object",
    ),
    (
        "POST",
        "/api/v1/namespaces/default/pods/none/binding",
        JSON,
        r#"{"metadata":{"name":"none"},"target":{"kind":"Pod","name":"n"}}"#,
        500,
        r#"target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>""#,
    ),
    (
        "POST",
        "/api/v1/namespaces/default/bindings",
        JSON,
        r#"{"target":{"kind":"Node","name":"n"}}"#,
        400,
        "Name parameter required.",
    ),
    // Options.
    (
        "POST",
        "/api/v1/namespaces/default/configmaps?dryRun=",
        JSON,
        "{}",
        422,
        r#"CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: [""]: supported values: "All""#,
    ),
    (
        "POST",
        "/api/v1/namespaces/default/configmaps?fieldManager=%00",
        JSON,
        "{}",
        422,
        r#"CreateOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "\x00": invalid character U+0000 (at position 0)"#,
    ),
    (
        "POST",
        "/api/v1/namespaces/default/configmaps?dryRun=Some&fieldManager=%01",
        JSON,
        "{}",
        422,
        r#"CreateOptions.meta.k8s.io "" is invalid: [fieldManager: Invalid value: "\x01": invalid character U+0001 (at position 0), dryRun: Unsupported value: ["Some"]: supported values: "All"]"#,
    ),
    (
        "PATCH",
        "/api/v1/namespaces/default/configmaps/a?force=true",
        MERGE,
        "{}",
        422,
        r#"PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch"#,
    ),
    (
        "DELETE",
        "/api/v1/namespaces/default/configmaps/a?gracePeriodSeconds=",
        JSON,
        "",
        400,
        r#"strconv.ParseInt: parsing "": invalid syntax"#,
    ),
    (
        "DELETE",
        "/api/v1/namespaces/default/configmaps/a?propagationPolicy=",
        JSON,
        "",
        422,
        r#"DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "": supported values: "Foreground", "Background", "Orphan", "nil""#,
    ),
    (
        "DELETE",
        "/api/v1/namespaces/default/configmaps/a?uid=u",
        JSON,
        "",
        409,
        "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (u) does not match the UID in record (",
    ),
    (
        "DELETE",
        A,
        JSON,
        r#"{"gracePeriodSeconds":"x"}"#,
        400,
        r#"DeleteOptions in version "v1" cannot be handled as a DeleteOptions: json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64"#,
    ),
    ("DELETE", A, JSON, "[]", 400, "the object provided is unrecognized (must be of type DeleteOptions): "),
    // Patches.
    ("PATCH", A, "application/apply-patch", "{}", 415, "415: Unsupported Media Type"),
    ("PATCH", "/api/v1/namespaces/default/configmaps/none", MERGE, "{", 404, r#"configmaps "none" not found"#),
    (
        "PATCH",
        A,
        JSON_PATCH,
        r#"[{"op":"test","path":"/data/key","value":"9"}]"#,
        422,
        "the server rejected our request due to an error in our request",
    ),
    (
        "PATCH",
        A,
        JSON_PATCH,
        "{}",
        400,
        "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    ),
    (
        "PATCH",
        A,
        JSON_PATCH,
        "[1]",
        400,
        "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp",
    ),
    ("PATCH", A, JSON_PATCH, "[{", 400, "error decoding patch: unexpected end of JSON input"),
    (
        "PATCH",
        A,
        MERGE,
        "[]",
        400,
        "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
    ),
    ("PATCH", A, MERGE, "null", 400, "Invalid JSON Patch"),
    ("PATCH", A, MERGE, r#"{"data":{"key":1}}"#, 422, r#" "" is invalid: patch: Invalid value: "{"#),
    ("PATCH", A, MERGE, r#"{"kind":"Secret"}"#, 422, r#" "" is invalid: patch: Invalid value: "{"#),
    (
        "PATCH",
        DEPLOYMENT,
        STRATEGIC,
        r#"{"spec":{"replicas":"x"}}"#,
        422,
        r#" "" is invalid: patch: Invalid value: "map[spec:map[replicas:x]]": unrecognized type: int32"#,
    ),
    (
        "PATCH",
        DEPLOYMENT,
        STRATEGIC,
        r#"{"spec":{"selector":{"matchLabels":[]}}}"#,
        422,
        r#" "" is invalid: patch: Invalid value: "map[spec:map[selector:map[matchLabels:[]]]]": cannot restore map from slice"#,
    ),
    // Reviews.
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", JSON, "{}", 400, "no namespace on request"),
    (
        "POST",
        "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews",
        JSON,
        r#"{"spec":{"user":"u","resourceAttributes":{"namespace":"other"}}}"#,
        422,
        r#"LocalSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace"#,
    ),
    (
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        JSON,
        "{}",
        422,
        r#"SubjectAccessReview.authorization.k8s.io "" is invalid: [spec.resourceAttributes: Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid value: "": at least one of user or group must be specified]"#,
    ),
    (
        "POST",
        "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews",
        JSON,
        r#"{"spec":{"user":"u","nonResourceAttributes":{"path":"/"}}}"#,
        422,
        r#"LocalSubjectAccessReview.authorization.k8s.io "" is invalid: spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":""}: disallowed on this kind of request"#,
    ),
    (
        "GET",
        "/api/v1/namespaces/default/configmaps?watch=true&limit=x",
        JSON,
        "",
        400,
        r#"strconv.ParseInt: parsing "x": invalid syntax"#,
    ),
    // Paths and methods.
    ("GET", "/api/v1/bogus", JSON, "", 404, "the server could not find the requested resource"),
    ("GET", "/api/v2", JSON, "", 404, "the server could not find the requested resource"),
    ("GET", "/apis/apps/v9/deployments", JSON, "", 404, "the server could not find the requested resource"),
    (
        "GET",
        "/api/v1/namespaces/default/configmaps/a/bogus",
        JSON,
        "",
        404,
        "the server could not find the requested resource",
    ),
    ("OPTIONS", A, JSON, "", 405, "the server does not allow this method on the requested resource"),
    ("POST", "/api/v1", JSON, "", 405, "the server does not allow this method on the requested resource"),
    ("POST", "/version", JSON, "", 405, "the server does not allow this method on the requested resource"),
    (
        "PUT",
        "/api/v1/namespaces/default/pods/p/exec",
        JSON,
        "",
        405,
        "the server does not allow this method on the requested resource",
    ),
    (
        "GET",
        "/api/v1/namespaces/default/configmaps?limit=",
        JSON,
        "",
        400,
        r#"strconv.ParseInt: parsing "": invalid syntax"#,
    ),
];

#[tokio::test]
async fn refusals_are_worded_as_upstream_does_and_change_nothing() {
    let server = Server::start().await;
    let map = server.post(CONFIG_MAPS, &config_map("a", "1")).await.expect(201);
    let deployment = json!({"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "i"}]}}}});
    let deployment = server.post("/apis/apps/v1/namespaces/default/deployments", &deployment).await.expect(201);
    let driver = json!({"metadata": {"name": "d", "namespace": "what has none loses it"}, "spec": {}});
    let driver = server.post("/apis/storage.k8s.io/v1/csidrivers", &driver).await.expect(201);
    assert!(driver["metadata"].get("namespace").is_none(), "{driver}");
    let mut wrong = Vec::new();
    for (method, path, media, body, code, says) in ROWS {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = server.request(method.clone(), path, &[("content-type", media)], body).await;
        let message = answer.message();
        if answer.code != *code || !message.starts_with(says) {
            wrong.push(format!("{method} {path} {body}: {} {message}", answer.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(server.get(A).await.expect(200), map);
    assert_eq!(server.get(DEPLOYMENT).await.expect(200), deployment);
}

#[tokio::test]
async fn paths_outside_the_api_list_what_there_is() {
    let server = Server::start().await;
    let listed = server.get("/bogus").await.expect(404);
    assert!(listed["paths"].as_array().unwrap().contains(&json!("/api")), "{listed}");
    assert_eq!(server.get("/apis/bogus").await.code, 404);
    assert_eq!(server.request(Method::HEAD, A, &[], "").await.code, 405);
}

#[tokio::test]
async fn of_several_yaml_documents_the_first_is_read() {
    let server = Server::start().await;
    let body = "kind: ConfigMap\nmetadata:\n  name: first\n---\nmetadata:\n  name: second\n";
    server.request(Method::POST, CONFIG_MAPS, &[("content-type", YAML)], body).await.expect(201);
    assert_eq!(server.get(&format!("{CONFIG_MAPS}/second")).await.code, 404);
}
