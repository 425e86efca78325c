//! Bad input: the real `kubectl` shows upstream's message and exits with 1, `cvctl` says the same, and nothing is stored.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use corvette_e2e::{Backend, Cluster};

/// A mistake.
struct Row {
    what: &'static str,
    /// Words of the command; the manifest is its standard input.
    command: &'static str,
    manifest: &'static str,
    /// What the message contains, in order.
    says: &'static [&'static str],
}

const fn row(what: &'static str, command: &'static str, manifest: &'static str, says: &'static [&'static str]) -> Row {
    Row { what, command, manifest, says }
}

/// A deployment with parts to be replaced: its selector, its template's labels, its container.
macro_rules! deployment {
    ($name:literal, $replicas:literal, $selector:literal, $labels:literal, $container:literal) => {
        concat!(
            r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":""#,
            $name,
            r#""},"spec":{"replicas":"#,
            $replicas,
            r#","selector":{"matchLabels":"#,
            $selector,
            r#"},"template":{"metadata":{"labels":"#,
            $labels,
            r#"},"spec":{"containers":["#,
            $container,
            "]}}}}"
        )
    };
}

/// An object that is there before, to be changed in ways that are not allowed.
const FIXED: &str = deployment!("fixed", "0", r#"{"a":"b"}"#, r#"{"a":"b"}"#, r#"{"name":"c","image":"i"}"#);

const ROWS: &[Row] = &[
    row(
        "unknown field",
        "create -f -",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad","bogus":1},"datas":{}}"#,
        &[
            "Error from server (BadRequest): error when creating \"STDIN\": ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"datas\", unknown field \"metadata.bogus\"",
        ],
    ),
    row(
        "wrong type",
        "create -f -",
        deployment!("bad", r#""x""#, r#"{"a":"b"}"#, r#"{"a":"b"}"#, r#"{"name":"c","image":"i"}"#),
        &[
            "Error from server (BadRequest): ",
            "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ],
    ),
    row(
        "missing required field",
        "create -f -",
        deployment!("bad", "1", r#"{"a":"b"}"#, r#"{"a":"b"}"#, r#"{"name":"c"}"#),
        &["The Deployment \"bad\" is invalid: spec.template.spec.containers[0].image: Required value"],
    ),
    row(
        "no name",
        "create -f -",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{}}"#,
        &["The ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required"],
    ),
    row(
        "invalid name",
        "create -f -",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"BAD_"}}"#,
        &[
            "The ConfigMap \"BAD_\" is invalid: metadata.name: Invalid value: \"BAD_\": a lowercase RFC 1123 subdomain must consist of",
        ],
    ),
    row(
        "invalid label",
        "create -f -",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad","labels":{"a":"b c"}}}"#,
        &[
            "The ConfigMap \"bad\" is invalid: metadata.labels: Invalid value: \"b c\": a valid label must be an empty string or consist of",
        ],
    ),
    row(
        "duplicate port",
        "create -f -",
        r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"bad"},"spec":{"ports":[{"name":"a","port":80},{"name":"b","port":80}]}}"#,
        &["The Service \"bad\" is invalid: spec.ports[1]: Duplicate value: "],
    ),
    row(
        "selector that does not match the template",
        "create -f -",
        deployment!("bad", "1", r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"name":"c","image":"i"}"#),
        &[
            "The Deployment \"bad\" is invalid: spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match template `labels`",
        ],
    ),
    row(
        "several mistakes",
        "create -f -",
        deployment!("bad", "-1", r#"{"a":"b"}"#, r#"{"a":"b"}"#, r#"{"name":"C"}"#),
        &[
            "The Deployment \"bad\" is invalid: \n* spec.replicas: Invalid value: -1: must be greater than or equal to 0\n",
            "* spec.template.spec.containers[0].name: Invalid value: \"C\": a lowercase RFC 1123 label",
            "* spec.template.spec.containers[0].image: Required value",
        ],
    ),
    row(
        "changed immutable field",
        "replace -f -",
        deployment!("fixed", "0", r#"{"a":"c"}"#, r#"{"a":"c"}"#, r#"{"name":"c","image":"i"}"#),
        &["The Deployment \"fixed\" is invalid: spec.selector: Invalid value: ", "field is immutable"],
    ),
    row(
        "stale resourceVersion",
        "replace -f -",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"fixed","resourceVersion":"1"}}"#,
        &[
            "Error from server (Conflict): error when replacing \"STDIN\": Operation cannot be fulfilled on configmaps \"fixed\": the object has been modified; please apply your changes to the latest version and try again",
        ],
    ),
    row(
        "unknown kind",
        "create -f -",
        r#"{"apiVersion":"v1","kind":"Bogus","metadata":{"name":"bad"}}"#,
        &[
            "error: resource mapping not found for name: \"bad\" namespace: \"\" from \"STDIN\": no matches for kind \"Bogus\" in version \"v1\"\nensure CRDs are installed first",
        ],
    ),
    row("no kind", "create -f -", r#"{"apiVersion":"v1","metadata":{"name":"bad"}}"#, &["kind not set"]),
    row(
        "malformed YAML",
        "create -f -",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bad\n data: x\n",
        &["error: error parsing STDIN: error converting YAML to JSON: yaml: line ", "did not find expected key"],
    ),
    row(
        "nowhere to go",
        "create -n nowhere -f -",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"}}"#,
        &["Error from server (NotFound): error when creating \"STDIN\": namespaces \"nowhere\" not found"],
    ),
    row(
        "already there",
        "create -f -",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"fixed"}}"#,
        &["Error from server (AlreadyExists): error when creating \"STDIN\": configmaps \"fixed\" already exists"],
    ),
    row("unknown resource", "get bogus", "", &["error: the server doesn't have a resource type \"bogus\""]),
];

#[test]
fn bad_input_is_refused_with_upstreams_message_and_leaves_nothing() {
    let cluster = Cluster::start(Backend::Embedded).unwrap();
    cluster.kubectl_input("create -f -", FIXED).success();
    let map = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"fixed"},"data":{"a":"b"}}"#;
    cluster.kubectl_input("create -f -", map).success();
    let before = everything(&cluster);
    for row in ROWS {
        let said = cluster.kubectl_input(row.command, row.manifest).failure();
        check(row, "kubectl", &said);
        // cvctl has no replace.
        if !row.command.starts_with("replace") {
            let words: Vec<&str> = row.command.split(' ').collect();
            check(row, "cvctl", &cluster.cvctl(&words, Some(row.manifest)).failure());
        }
    }
    let place = cluster.cvctl(&["create", "-f", "-"], Some("a: b\n c: d\n")).failure();
    assert!(place.contains("yaml: line 2, column "), "line and column: {place}");
    assert_eq!(everything(&cluster), before, "nothing is stored or changed");
}

fn check(row: &Row, tool: &str, said: &str) {
    let mut rest = said;
    for part in row.says {
        match rest.split_once(part) {
            Some((_, tail)) => rest = tail,
            None => panic!("{}: {tool} does not say {part:?} but\n{said}", row.what),
        }
    }
}

/// What the mistakes could have left behind: names and versions of all objects of these kinds.
fn everything(cluster: &Cluster) -> String {
    let format = "jsonpath={range .items[*]}{.kind}/{.metadata.name}={.metadata.resourceVersion},{end}";
    cluster.kubectl_words(&["get", "configmaps,services,pods,replicasets", "-A", "-o", format], None).success()
}
