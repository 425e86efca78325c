//! Commands that write: each tool runs the same lines in a namespace of its own, and they say the same.

use std::time::Duration;

use corvette_e2e::{Cluster, eventually};

use super::{SAMPLES, told, words};

/// One group of lines, run in order.
type Script = &'static [&'static str];

/// `IN` stands for the file the samples are in. Words are parted by blanks, and a no-break space stands for a blank within one.
const SCRIPTS: &[Script] = &[
    &[
        "label",
        "label cm",
        "label cm web",
        "label cm web a=b",
        "label cm web a=b",
        "label cm web a=c",
        "label cm web a=c --overwrite",
        "label cm web a-",
        "label cm web a-",
        "label cm web x=y=z",
        "label cm web a=b a-",
        "label cm web a=-bad-",
        "label cm nope a=b",
        "label cm web -l a=b c=d",
        "label two a=b",
        "label cm,svc -l app=web y=1 -o name",
        "label cm web q=1 --dry-run=client",
        "label -f IN file=1",
        "annotate",
        "annotate cm web",
        "annotate cm web a=b",
        "annotate cm web a=c",
        "annotate cm web a=c --overwrite",
        "annotate cm web a-",
    ],
    &[
        "patch deploy web",
        "patch deploy web -p {\"spec\":{\"minReadySeconds\":1}}",
        "patch deploy web -p {\"spec\":{\"minReadySeconds\":1}}",
        "patch deploy web --type=bogus -p {}",
        "patch deploy web --type=json -p [{\"op\":\"replace\",\"path\":\"/spec/minReadySeconds\",\"value\":0}]",
        "patch deploy web --type=merge -p spec:",
        "patch deploy nope -p {}",
        "patch deploy web --patch-file=/nope",
        "patch deploy web --subresource=scale --type=merge -p {\"spec\":{\"replicas\":1}}",
        "patch deploy web -p {\"spec\":{\"selector\":null}}",
        "patch cm web -p {\"a\":1}",
    ],
    &[
        "set image",
        "set image deploy/web",
        "set image deploy/web x=y",
        "set image cm/web a=b",
        "set image deploy nope a=b",
        "set image deploy/web web=corvette.local/busybox:2 --dry-run=client",
        "set env deploy/web A=b C=d",
        "set env deploy/web A=b C=d",
        "set env deploy/web A-",
        "set env deploy/web --list",
        "set env deploy/web X=1 -c nope",
        "set env deploy/web 1X=1",
        "set resources deploy web",
        "set resources deploy web --limits=memory=64Mi --requests=cpu=1m",
        "set resources deploy web --limits=memory=64Mi --requests=cpu=1m",
        "rollout undo deploy/web --to-revision=99",
        "rollout undo deploy/nope",
        "rollout pause deploy/web",
        "rollout pause deploy/web",
        "rollout restart deploy/web",
        "rollout resume deploy/web",
        "rollout resume deploy/web",
        "rollout restart deploy web nope",
        "rollout history deploy nope",
    ],
    &[
        "scale --replicas=1",
        "scale deploy --replicas=1",
        "scale deploy web --replicas=x",
        "scale deploy web --replicas=-1",
        "scale deploy/web --replicas=0",
        "scale deploy web nope --replicas=0",
        "scale deploy nope --replicas=1",
        "scale deploy web --replicas=3 --current-replicas=9",
        "scale deploy --all --replicas=0",
        "scale deploy web --replicas=2 --dry-run=client",
        "scale deploy web --replicas=2 --dry-run=server",
        "scale deploy web --replicas=0 -o name",
    ],
    &[
        "run x --image=corvette.local/busybox:1 --restart=Never --dry-run=server -- echo hi",
        "run x --image=corvette.local/busybox:1 --restart=Never -- sleep 1000",
        "run x --image=corvette.local/busybox:1",
        "run X --image=y",
        "run z --image=x --restart=bogus",
        "expose",
        "expose cm web --port=1",
        "expose deploy nope --port=80",
        "expose deploy web --port=80 --target-port=8080 --name=web2 --type=NodePort",
        "wait",
        "wait pod x --for=condition=Ready --timeout=60s",
        "wait pod x --for=condition=Nope --timeout=1s",
        "wait pod x --for=jsonpath={.status.podIP}",
        "wait pod x --for=jsonpath={.status.phase}=Nope --timeout=1s",
        "wait pod x --for=bogus",
        "wait pod x --for=delete --timeout=1s",
        "wait pod nope --for=delete",
        "wait pods -l a=nope --for=condition=Ready",
        "exec x -- sh -c exit\u{a0}3",
        "attach nope",
        "port-forward x",
        "port-forward x nope",
        "delete pod x --grace-period=0 --force",
    ],
    &[
        "create",
        "create -f /nope",
        "create -f IN",
        "apply",
        "apply -f IN",
        "apply -f IN -o name",
        "apply -f IN --dry-run=server",
        "apply -f IN --dry-run=client",
        "diff",
        "diff -f /nope",
        "edit",
        "edit cm nope",
        "auth can-i get pods",
        "auth can-i get pods --as=nobody",
        "auth can-i",
        "auth can-i get /healthz",
        "explain",
        "explain deploy.spec.strategy",
        "explain pods.spec.containers --recursive",
        "explain cm.data",
        "delete cm web nope",
        "delete cm --all --dry-run=client",
        "delete -f IN --cascade=foreground --ignore-not-found",
        "delete -f IN",
        "delete -f IN --ignore-not-found",
    ],
];

/// What is fed to `apply -f -`, right and wrong.
const INPUTS: &[&str] = &[
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"l3\"},\"data\":{\"a\":\"b\"}}",
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"l3\"},\"data\":{\"c\":\"d\"}}",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: l4}\n---\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: l5}\n",
    "a: b\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: l6}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: l4, namespace: other}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: l3}\ndatas: {}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}\n",
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: 1.2.3.4, ports: [{port: 80}]}\n",
    "apiVersion: v1\nkind: Bogus\nmetadata: {name: a}\n",
    "[1, 2]",
    "just text",
    "",
];

/// A tool, its namespace, and how it is run.
struct Tool<'a> {
    cluster: &'a Cluster,
    namespace: &'static str,
    run: fn(&Cluster, &[&str], Option<&str>) -> corvette_e2e::Output,
}

impl Tool<'_> {
    fn says(&self, line: &str, input: Option<&str>) -> String {
        let line = line.replace("IN", SAMPLES);
        let words = words(&line);
        // Before the words for the command in a container.
        let words: Vec<&str> = ["-n", self.namespace].into_iter().chain(words.iter().map(String::as_str)).collect();
        told((self.run)(self.cluster, &words, input)).replace(self.namespace, "NAMESPACE")
    }
}

/// Runs everything with both tools.
pub fn say_the_same(cluster: &Cluster) {
    let tools = [
        Tool { cluster, namespace: "of-theirs", run: Cluster::kubectl_words },
        Tool { cluster, namespace: "of-ours", run: Cluster::cvctl },
    ];
    for tool in &tools {
        cluster.kubectl(&format!("create namespace {}", tool.namespace)).success();
        eventually("the default account", Duration::from_secs(20), || {
            let got = cluster.kubectl(&format!("get sa default -n {}", tool.namespace));
            if got.ok { Ok(()) } else { Err(got.err) }
        });
        cluster.kubectl(&format!("apply -f {SAMPLES} -n {}", tool.namespace)).success();
    }
    let [theirs, ours] = &tools;
    let lines = SCRIPTS.iter().copied().flatten().map(|line| (*line, None));
    for (line, input) in lines.chain(INPUTS.iter().map(|input| ("apply -f -", Some(*input)))) {
        let (theirs, ours) = std::thread::scope(|scope| {
            let theirs = scope.spawn(|| theirs.says(line, input));
            let ours = ours.says(line, input);
            (theirs.join().unwrap(), ours)
        });
        assert_eq!(ours, theirs, "{line} {}", input.unwrap_or_default());
    }
    for tool in &tools {
        cluster.kubectl(&format!("delete namespace {} --wait=false", tool.namespace)).success();
    }
}
