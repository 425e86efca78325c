//! Every component in a process of its own: two API servers on one etcd, two controller managers, two schedulers, a
//! runtime, a kubelet, a service proxy and cluster DNS. Any of the doubled ones may be killed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use corvette_e2e::{Etcd, Machine, Output, Process, eventually, program, run, sample_image};

/// Ports of the API servers.
const API: [u16; 2] = [6443, 7443];
/// Ports of the controller managers.
const CONTROLLERS: [u16; 2] = [10257, 11257];
/// Ports of the schedulers.
const SCHEDULERS: [u16; 2] = [10259, 11259];
/// Ports of the service proxy and of cluster DNS, for health.
const PROXY: u16 = 10256;
const DNS: u16 = 10353;
/// Longer than a lease lasts, on a busy machine.
const TAKE_OVER: Duration = Duration::from_secs(90);

/// The machine and the files of its components. The processes are killed before it is dropped, and it removes what they made.
struct Parts {
    machine: Machine,
    etcd: Etcd,
    dir: tempfile::TempDir,
}

impl Parts {
    /// Makes a machine with an etcd and the components' certificates. Kubeconfigs name the second API server.
    fn new() -> Self {
        let machine = Machine::new().unwrap();
        let etcd = Etcd::start(&machine).unwrap();
        let parts = Self { machine, etcd, dir: tempfile::tempdir().unwrap() };
        let endpoint = format!("{}:{}", Machine::ADDRESS, API[1]);
        let flags = ["--control-plane-endpoint", &endpoint, "--node-name", "node-1", "--node-ip", Machine::ADDRESS];
        let mut certs = parts.machine.command(program("corvette"));
        run(certs.args(["certs", "--data-dir"]).arg(parts.data()).args(flags), None).unwrap().success();
        parts
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn file(&self, name: &str) -> String {
        self.data().join(name).to_str().unwrap().to_owned()
    }

    /// Starts a component and waits until it is ready.
    fn start(&self, component: &str, log: &str, flags: &[&str]) -> Process {
        let mut command = self.machine.command(program("corvette"));
        command.arg(component).args(flags).env("CORVETTE_LOG", "info");
        Process::start(&mut command, &self.dir.path().join(log)).unwrap()
    }

    fn api_server(&self, port: u16) -> Process {
        self.api_server_at(Machine::ADDRESS, port)
    }

    fn api_server_at(&self, address: &str, port: u16) -> Process {
        let pki = |name: &str| self.file(&format!("pki/{name}"));
        let flags = [
            ["--secure-port", &port.to_string()],
            ["--bind-address", address],
            ["--advertise-address", address],
            ["--tls-cert-file", &pki("apiserver.crt")],
            ["--tls-private-key-file", &pki("apiserver.key")],
            ["--client-ca-file", &pki("kubernetes-ca.crt")],
            ["--kubelet-client-certificate", &pki("apiserver-kubelet-client.crt")],
            ["--kubelet-client-key", &pki("apiserver-kubelet-client.key")],
            ["--kubelet-certificate-authority", &pki("kubernetes-ca.crt")],
            ["--service-account-signing-key-file", &pki("sa.key")],
        ];
        let etcd = self.etcd.flags();
        let etcd: Vec<&str> = etcd.iter().map(String::as_str).collect();
        self.start("apiserver", &format!("apiserver-{address}-{port}.log"), &[flags.concat(), etcd].concat())
    }

    /// Starts a scheduler or a controller manager that follows the API server at `api`.
    fn follower(&self, component: &str, port: u16, api: u16, more: &[&str]) -> Process {
        let kubeconfig = self.file(&format!("{component}.kubeconfig"));
        let (api, at) = (format!("https://{}:{api}", Machine::ADDRESS), port.to_string());
        let (cert, key) = (self.file("pki/apiserver.crt"), self.file("pki/apiserver.key"));
        let ca = self.file("pki/kubernetes-ca.crt");
        let flags = ["--kubeconfig", &kubeconfig, "--master", &api, "--secure-port", &at, "--client-ca-file", &ca];
        let serving = ["--tls-cert-file", &cert, "--tls-private-key-file", &key];
        self.start(component, &format!("{component}-{port}.log"), &[&flags[..], &serving[..], more].concat())
    }

    fn controllers(&self, port: u16, api: u16) -> Process {
        self.follower("controller-manager", port, api, &["--root-ca-file", &self.file("pki/kubernetes-ca.crt")])
    }

    fn kubelet(&self) -> Process {
        let flags = [
            ["--kubeconfig", &self.file("kubelet.kubeconfig")],
            ["--container-runtime-endpoint", &format!("unix://{}", self.file("containerd/containerd.sock"))],
            ["--hostname-override", "node-1"],
            ["--node-ip", Machine::ADDRESS],
            ["--root-dir", &self.file("kubelet")],
            ["--pod-logs-dir", &self.file("log/pods")],
            ["--client-ca-file", &self.file("pki/kubernetes-ca.crt")],
            ["--tls-cert-file", &self.file("pki/kubelet-server.crt")],
            ["--tls-private-key-file", &self.file("pki/kubelet-server.key")],
        ];
        self.start("kubelet", "kubelet.log", &flags.concat())
    }

    /// Runs kubectl against a port of this machine, as the administrator.
    fn kubectl(&self, port: u16, words: &str) -> Output {
        self.as_user(&self.data().join("admin.kubeconfig"), port, words)
    }

    fn as_user(&self, kubeconfig: &Path, port: u16, words: &str) -> Output {
        let mut command = self.kubectl_command(kubeconfig, port);
        run(command.args(words.split_whitespace()), None).unwrap()
    }

    fn kubectl_command(&self, kubeconfig: &Path, port: u16) -> std::process::Command {
        let mut command = self.machine.command("kubectl");
        command.env("KUBECONFIG", kubeconfig).env("HOME", self.dir.path());
        command.arg(format!("--server=https://{}:{port}", Machine::ADDRESS));
        command.arg(format!("--certificate-authority={}", self.file("pki/kubernetes-ca.crt")));
        command
    }

    /// Which of two processes, known by their ports, leads.
    fn leader(&self, lease: &str, ports: [u16; 2]) -> usize {
        let leads = format!("leader_election_master_status{{name=\"{lease}\"}} 1");
        eventually(&format!("one leads {lease}"), TAKE_OVER, || {
            let metrics = ports.map(|port| self.kubectl(port, "get --raw /metrics").out);
            match metrics.each_ref().map(|text| text.contains(&leads)) {
                [true, false] => Ok(0),
                [false, true] => Ok(1),
                other => Err(format!("{other:?}")),
            }
        })
    }

    /// Waits until the `kubernetes` service leads to exactly these addresses.
    fn leads_to(&self, addresses: &[&str]) {
        let (endpoints, slices) = (
            "endpoints kubernetes -o jsonpath={.subsets[*].addresses[*].ip}",
            "endpointslices kubernetes -o jsonpath={.endpoints[*].addresses[*]}",
        );
        for what in [endpoints, slices] {
            eventually(&format!("{what} are {addresses:?}"), TAKE_OVER, || {
                let found = self.kubectl(API[0], &format!("get {what}")).out;
                if found.split(' ').eq(addresses.iter().copied()) { Ok(()) } else { Err(found) }
            });
        }
    }

    fn rolled_out(&self, port: u16) {
        self.kubectl(port, "rollout status deployment/web --timeout=90s").success();
    }

    /// Uids and restarts of the pods.
    fn pods(&self, port: u16) -> BTreeSet<String> {
        let columns = "custom-columns=U:.metadata.uid,R:.status.containerStatuses[0].restartCount";
        let listed = self.kubectl(port, &format!("get pods -l app=web --no-headers -o {columns}")).success();
        listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let mut down = self.machine.command(program("corvette"));
        let output = run(down.args(["down", "--data-dir"]).arg(self.data()), None).unwrap();
        if !output.ok {
            eprintln!("{}", output.err);
        }
    }
}

#[test]
fn any_doubled_component_may_be_killed() {
    let parts = Parts::new();
    let first = parts.api_server(API[0]);
    let second = parts.api_server(API[1]);
    let mut controllers = CONTROLLERS.map(|port| Some(parts.controllers(port, API[1])));
    let mut schedulers = SCHEDULERS.map(|port| Some(parts.follower("scheduler", port, API[1], &[])));
    let image = sample_image();
    let runtime = ["--data-dir", &parts.file(""), "--image", image.to_str().unwrap()];
    let _runtime = parts.start("runtime", "runtime.log", &runtime);
    let _kubelet = parts.kubelet();
    let pods = ["--cluster-cidr", "10.244.0.0/16"];
    let _proxy = parts.follower("proxy", PROXY, API[1], &[&["--hostname-override", "node-1"], &pods[..]].concat());
    let _dns = parts.follower("dns", DNS, API[1], &[&["--dns-address", Machine::ADDRESS], &pods[..]].concat());

    let web = "create deployment web --image=corvette.local/busybox:1 -- sleep 3600";
    parts.kubectl(API[0], web).success();
    parts.kubectl(API[1], "scale deployment/web --replicas=3").success();
    parts.rolled_out(API[0]);
    let said = parts.kubectl(API[0], "exec deployment/web -- echo through the first").success();
    assert_eq!(said, "through the first\n");
    assert!(parts.kubectl(CONTROLLERS[0], "get --raw /healthz").success().contains("ok"));
    assert!(parts.kubectl(SCHEDULERS[0], "get --raw /readyz?verbose").success().contains("[+]ping ok"));
    let lookup =
        format!("exec deployment/web -- nslookup kubernetes.default.svc.cluster.local {}:10053", Machine::ADDRESS);
    eventually("DNS answers pods", TAKE_OVER, || {
        let answer = parts.kubectl(API[0], &lookup);
        if answer.out.contains("Address: 10.96.0.1\n") { Ok(()) } else { Err(answer.out) }
    });
    assert!(parts.kubectl(PROXY, "get --raw /healthz").success().contains("ok"));
    let services = ["list", "map", "ip", "corvette", "services"];
    let map = run(parts.machine.command("nft").args(services), None).unwrap().success();
    assert!(map.contains("10.96.0.1 . tcp . 443"), "{map}");
    let stranger = parts.as_user(Path::new("/dev/null"), SCHEDULERS[0], "get --raw /metrics --token=none").failure();
    assert!(stranger.contains("User \"system:anonymous\" cannot get path \"/metrics\""), "{stranger}");

    let before = parts.pods(API[1]);
    assert_eq!(before.len(), 3);
    first.kill();
    parts.kubectl(API[1], "create configmap written-while-one-is-away").success();
    parts.kubectl(API[1], "scale deployment/web --replicas=4").success();
    parts.rolled_out(API[1]);
    let _first = parts.api_server(API[0]);
    parts.kubectl(API[0], "get configmap written-while-one-is-away").success();

    let leads = parts.leader("kube-controller-manager", CONTROLLERS);
    controllers.get_mut(leads).and_then(Option::take).unwrap().kill();
    let leads = parts.leader("kube-scheduler", SCHEDULERS);
    schedulers.get_mut(leads).and_then(Option::take).unwrap().kill();
    parts.kubectl(API[0], "scale deployment/web --replicas=5").success();
    eventually("the others take over", TAKE_OVER, || {
        let ready = parts.kubectl(API[1], "get deployment web -o jsonpath={.status.readyReplicas}").success();
        if ready == "5" { Ok(()) } else { Err(ready) }
    });
    let after = parts.pods(API[0]);
    assert_eq!(after.len(), 5);
    assert!(before.is_subset(&after), "no pod was replaced or restarted: {before:?} {after:?}");
    drop(second);
}

#[test]
fn what_one_api_server_wrote_the_other_has_at_once() {
    let parts = Parts::new();
    let servers = API.map(|port| parts.api_server(port));
    let seen = parts.dir.path().join("seen");
    let mut watch = parts.kubectl_command(&parts.data().join("admin.kubeconfig"), API[1]);
    watch.args(["get", "configmaps", "-l", "one", "--watch", "-o", "name"]);
    let mut watch = watch.stdin(Stdio::null()).stdout(File::create(&seen).unwrap()).spawn().unwrap();

    let names: Vec<String> = (0..12).map(|n| format!("configmap/map-{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        let (writes, reads) = if n % 2 == 0 { (API[0], API[1]) } else { (API[1], API[0]) };
        let name = name.trim_start_matches("configmap/");
        let object = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"one": "yes"}}});
        let mut create = parts.kubectl_command(&parts.data().join("admin.kubeconfig"), writes);
        run(create.args(["create", "-f", "-"]), Some(&object.to_string())).unwrap().success();
        parts.kubectl(reads, &format!("get configmap {name}")).success();
        let listed = parts.kubectl(reads, "get configmaps -l one -o name").success();
        assert_eq!(listed.lines().count(), n + 1, "{listed}");
    }
    let watched = eventually("the watch has seen all", Duration::from_secs(20), || {
        let text = std::fs::read_to_string(&seen).map_err(|error| error.to_string())?;
        if text.lines().count() >= names.len() { Ok(text) } else { Err(text) }
    });
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert_eq!(watched.lines().collect::<Vec<_>>(), names, "each once, in order");
    drop(servers);
}

#[test]
fn the_kubernetes_service_leads_to_the_api_servers_that_live() {
    const OTHERS: [&str; 2] = ["172.30.0.2", "172.30.0.3"];
    let parts = Parts::new();
    OTHERS.iter().for_each(|address| parts.machine.add_address(address).unwrap());
    let _first = parts.api_server(API[0]);
    let [second, third] = OTHERS.map(|address| parts.api_server_at(address, API[0]));
    parts.leads_to(&[Machine::ADDRESS, OTHERS[0], OTHERS[1]]);
    second.kill();
    third.stop().unwrap();
    parts.leads_to(&[Machine::ADDRESS]);
}
