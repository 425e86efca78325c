//! Addresses of Services: real packets from pods and from the machine, through every kind of port.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use corvette_e2e::{Backend, Cluster, Machine, Output, eventually, run};

const MINUTE: Duration = Duration::from_secs(60);

/// Three pods that tell their names, one that asks, and their services.
const OBJECTS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: name}
spec:
  replicas: 3
  selector: {matchLabels: {app: name}}
  template:
    metadata: {labels: {app: name}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: corvette.local/busybox:1
        command: [sh, -c, "mkdir /www; hostname > /www/index.html; exec httpd -f -v -p 8080 -h /www"]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: corvette.local/busybox:1, command: [sleep, "100000"]}]
---
apiVersion: v1
kind: Service
metadata: {name: name}
spec:
  type: NodePort
  clusterIP: 10.96.1.1
  selector: {app: name}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
---
apiVersion: v1
kind: Service
metadata: {name: sticky}
spec:
  type: NodePort
  clusterIP: 10.96.1.2
  externalTrafficPolicy: Local
  sessionAffinity: ClientIP
  selector: {app: name}
  ports: [{port: 80, targetPort: 8080, nodePort: 30081}]
"#;

#[test]
fn addresses_lead_to_ready_pods() {
    let mut cluster = Cluster::start(Backend::Embedded).unwrap();
    cluster.kubectl_input("apply -f -", OBJECTS).success();
    cluster.kubectl("rollout status deployment/name --timeout=60s").success();
    cluster.kubectl("wait --for=condition=Ready pod/client --timeout=60s").success();
    let pods = names(&cluster);
    assert_eq!(pods.len(), 3);

    // Every pod answers, whoever asks wherever.
    let by_name = From::Pod("client");
    for (who, address) in [
        (From::Pod("client"), "10.96.1.1"),
        (From::Machine, "172.30.0.1:30080"),
        (by_name, "name"),
        (by_name, "name.default"),
        (by_name, "name.default.svc.cluster.local."),
    ] {
        assert_eq!(answers_of_all(&cluster, who, address, &pods), pods, "{address}");
    }
    // A pod sees who asked. What came in through the node comes from there.
    let client = cluster.kubectl("get pod client -o jsonpath={.status.podIP}").success();
    let seen = cluster.kubectl("logs -l app=name --tail=-1").success();
    assert!(seen.contains(&format!("{client}]")), "{client} in {seen}");
    // A pod that is sent to itself.
    let alone = pods.first().unwrap();
    assert_eq!(answers_of_all(&cluster, From::Pod(alone), "10.96.1.1", &pods), pods);
    // A client keeps its pod, from outside as well as from inside.
    for (who, address) in [(From::Pod("client"), "10.96.1.2"), (From::Machine, "172.30.0.1:30081")] {
        let kept: BTreeSet<String> = (0..15).map(|_| get(&cluster, who, address).success().trim().to_owned()).collect();
        assert_eq!(kept.len(), 1, "{address}: {kept:?}");
    }

    names_say_what_is_there(&cluster);
    stay_without_corvette(&mut cluster, &pods);
    follow_the_pods(&cluster);
}

/// Cluster DNS tells pods what they may ask for, and that there is nothing else.
fn names_say_what_is_there(cluster: &Cluster) {
    let lookup = |name: &str| cluster.kubectl_words(&["exec", "client", "--", "nslookup", "-type=srv", name], None);
    let port = lookup("_https._tcp.kubernetes.default.svc.cluster.local").success();
    assert!(port.contains("0 100 443 kubernetes.default.svc.cluster.local"), "{port}");
    let nothing = lookup("_https._tcp.nothing.default.svc.cluster.local");
    assert!(!nothing.ok && nothing.out.contains("NXDOMAIN"), "{nothing:?}");
}

/// The rules do their work while nobody cares for them, and are made again when another program flushed them.
fn stay_without_corvette(cluster: &mut Cluster, pods: &BTreeSet<String>) {
    cluster.kill();
    assert!(pods.contains(get(cluster, From::Machine, "172.30.0.1:30080").success().trim()));
    cluster.up().unwrap();
    let flush = |cluster: &Cluster| run(cluster.machine().command("nft").args(["flush", "ruleset"]), None).unwrap();
    flush(cluster).success();
    until("the rules are made again", || get(cluster, From::Machine, "172.30.0.1:30080").ok);
}

/// A pod that ends or is not ready gets nothing; without any the client is told at once.
fn follow_the_pods(cluster: &Cluster) {
    let pod = names(cluster).pop_first().unwrap();
    cluster.kubectl(&format!("exec {pod} -- rm /www/index.html")).success();
    let slice =
        "get endpointslices -l kubernetes.io/service-name=name -o jsonpath={.items[*].endpoints[*].conditions.ready}";
    until("one endpoint is not ready", || cluster.kubectl(slice).success().contains("false"));
    let left = || (0..20).map(|_| get(cluster, From::Machine, "172.30.0.1:30080")).collect::<Vec<_>>();
    until("only ready pods answer", || left().iter().all(|answer| answer.ok));

    cluster.kubectl("scale deployment/name --replicas=0").success();
    for address in ["172.30.0.1:30080", "172.30.0.1:30081"] {
        until("nobody answers", || get(cluster, From::Machine, address).err.contains("refused"));
    }
    assert!(!get(cluster, From::Pod("client"), "10.96.1.1").ok);
    cluster.kubectl("scale deployment/name --replicas=1").success();
    cluster.kubectl("rollout status deployment/name --timeout=60s").success();
    until("the new pod answers", || get(cluster, From::Pod("client"), "10.96.1.1").ok);
    cluster.kubectl("delete service name sticky").success();
    until("the port is closed", || !get(cluster, From::Machine, "172.30.0.1:30080").ok);
    until("no rule is left of them", || {
        let rules = run(cluster.machine().command("nft").args(["list", "ruleset"]), None).unwrap().success();
        !rules.contains("default/name") && !rules.contains("default/sticky")
    });
}

/// Waits until something is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    eventually(what, MINUTE, || if so() { Ok(()) } else { Err("not yet".to_owned()) });
}

/// Who asks.
#[derive(Clone, Copy)]
enum From<'a> {
    Pod(&'a str),
    Machine,
}

fn get(cluster: &Cluster, from: From<'_>, address: &str) -> Output {
    let in_cluster = address.starts_with("10.96.") || address.starts_with("name");
    assert!(in_cluster || address.starts_with(Machine::ADDRESS));
    let url = format!("http://{address}/");
    match from {
        From::Pod(pod) => cluster.kubectl_words(&["exec", pod, "--", "wget", "-q", "-O-", &url], None),
        From::Machine => {
            let mut wget = cluster.machine().command("busybox");
            run(wget.args(["wget", "-q", "-O-", &url]), None).unwrap()
        }
    }
}

/// Asks until all expected pods have answered.
fn answers_of_all(cluster: &Cluster, from: From<'_>, address: &str, expected: &BTreeSet<String>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    until("all pods answer", || {
        let answer = get(cluster, from, address);
        if answer.ok {
            seen.insert(answer.out.trim().to_owned());
        }
        seen.len() >= expected.len()
    });
    seen
}

fn names(cluster: &Cluster) -> BTreeSet<String> {
    let names = cluster.kubectl("get pods -l app=name -o jsonpath={.items[*].metadata.name}").success();
    names.split_whitespace().map(str::to_owned).collect()
}
