//! A network namespace without outside route, containerd in it, images, and a kubelet on an API in memory.

pub mod api;
#[path = "../../../../runtime/tests/support/netns.rs"]
mod netns;
pub mod views;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use corvette_component::pki::{Bundle, Ca, Request, Usage};
use corvette_component::tasks::Tasks;
use corvette_component::tls;
use corvette_kubelet::cri::Runtime;
use corvette_kubelet::{Config, run};
use serde_json::{Value, json};
use tokio::sync::watch;

pub use api::Api;
pub use netns::in_namespace;

pub const IMAGE: &str = "corvette.local/busybox:1";
const PAUSE: &str = "corvette.local/test-pause:1";

/// A node: a directory, containerd, and the API. Dropping it removes everything.
pub struct Node {
    pub dir: tempfile::TempDir,
    pub api: Api,
    containerd: Child,
    bundle: Bundle,
    ca: String,
}

/// While it lives, making containers waits.
pub struct Hold(PathBuf);

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A kubelet that runs, on threads of its own.
pub struct Kubelet {
    tasks: Tasks,
    runtime: Option<tokio::runtime::Runtime>,
    /// Becomes true when this kubelet has reported the node ready.
    pub started: watch::Receiver<bool>,
}

impl Node {
    pub async fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("cvk").tempdir().unwrap();
        let containerd = start_containerd(dir.path());
        let node = {
            let ca = Ca::load_or_create(&dir.path().join("pki"), "test").unwrap();
            let request = Request {
                common_name: "node".to_owned(),
                organizations: Vec::new(),
                dns_names: vec!["localhost".to_owned()],
                ips: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
                usage: Usage::Server,
                lifetime: Duration::from_secs(3600),
            };
            let bundle = ca.issue(&request).unwrap();
            Self { dir, api: Api::new(), containerd, bundle, ca: ca.cert_pem().to_owned() }
        };
        node.until_runtime_answers().await;
        node.load_images();
        node
    }

    async fn until_runtime_answers(&self) {
        while self.runtime().version().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills containerd at once; containers keep running.
    pub fn kill_runtime(&mut self) {
        self.containerd.kill().unwrap();
        self.containerd.wait().unwrap();
    }

    /// Stops containerd where it is, so that it answers nobody.
    pub fn stop_runtime(&self) {
        let process = nix::unistd::Pid::from_raw(self.containerd.id().cast_signed());
        nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGSTOP).unwrap();
    }

    /// Has runc wait at the end of making a container, until what is returned is dropped. Those of sandboxes go on.
    pub fn hold_creations(&self) -> Hold {
        let path = self.dir.path().join("hold");
        fs::write(&path, []).unwrap();
        Hold(path)
    }

    /// How many containers' making waits or has waited.
    pub fn held(&self) -> usize {
        fs::read_to_string(self.dir.path().join("held")).map_or(0, |lines| lines.lines().count())
    }

    /// Whether a command of containerd's own client succeeds.
    pub fn ctr(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new("ctr");
        command.arg("-a").arg(self.socket()).args(["-n", "k8s.io"]).args(arguments);
        command.stdout(Stdio::null()).status().unwrap().success()
    }

    /// Starts containerd after it was killed.
    pub async fn start_runtime(&mut self) {
        self.containerd = start_containerd(self.dir.path());
        self.until_runtime_answers().await;
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("containerd.sock")
    }

    pub fn runtime(&self) -> Runtime {
        Runtime::connect(&self.socket())
    }

    fn load_images(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/samples/busybox-image.sh");
        let pause = self.dir.path().join("pause-image.sh");
        let text = fs::read_to_string(&script).unwrap();
        fs::write(&pause, text.replace(r#""Cmd":["sh"]"#, r#""Entrypoint":["sleep","1000000000"]"#)).unwrap();
        for (script, image) in [(&script, IMAGE), (&pause, PAUSE)] {
            let tar = self.dir.path().join("image.tar");
            let made = Command::new("sh").arg(script).arg(&tar).arg(image).status().unwrap();
            assert!(made.success());
            assert!(self.ctr(&["images", "import", tar.to_str().unwrap()]));
        }
    }

    /// Starts a kubelet; the one before must have ended or been dropped.
    pub fn kubelet(&self) -> Kubelet {
        self.kubelet_with(|_| {})
    }

    /// Starts a kubelet with a configuration of its own.
    pub fn kubelet_with(&self, change: impl FnOnce(&mut Config)) -> Kubelet {
        let tasks = Tasks::new("kubelet");
        let root = self.dir.path().join("kubelet");
        let tls = tls::server_config(&self.bundle, Some(&self.ca)).unwrap();
        let mut config = Config::new("node", IpAddr::V4(Ipv4Addr::LOCALHOST), root, self.socket(), tls);
        config.port = 0;
        config.log_dir = self.dir.path().join("logs");
        config.cgroup_root = format!("/cvk-{}", std::process::id());
        // How full the disk of the machine is that runs the tests is not their business.
        (config.eviction.disk, config.eviction.inodes) = (0, 0);
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (api, own) = (self.api.clone(), tasks.clone());
        let scope = tasks.clone();
        let (tell, started) = watch::channel(false);
        runtime.spawn(async move {
            scope.spawn("kubelet", async move { run(api.client(), config, own, tell).await.unwrap() });
        });
        Kubelet { tasks, runtime: Some(runtime), started }
    }

    /// Makes a pod bound to the node; returns its path.
    pub fn pod(&self, name: &str, spec: Value) -> String {
        let path = format!("/api/v1/namespaces/default/pods/{name}");
        let mut spec = spec;
        spec["nodeName"] = json!("node");
        spec["terminationGracePeriodSeconds"] = spec.get("terminationGracePeriodSeconds").cloned().unwrap_or(json!(1));
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "generation": 1, "labels": {"app": name}},
            "spec": spec, "status": {"phase": "Pending"}
        });
        self.api.put(&path, pod);
        path
    }

    /// What a command in a container of a pod prints.
    pub async fn exec(&self, path: &str, container: &str, script: &str) -> String {
        let id = views::id(self.api.get(path).as_ref(), container);
        let command = vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()];
        let answer = self.runtime().exec_sync(&id, command, None).await.unwrap();
        String::from_utf8(answer.stdout).unwrap() + &String::from_utf8(answer.stderr).unwrap()
    }

    /// Whether an event with this reason and text was recorded.
    pub fn said(&self, reason: &str, text: &str) -> bool {
        let events = self.api.list("/api/v1/namespaces/default/events");
        let message = |event: &Value| event["message"].as_str().unwrap_or_default().contains(text);
        events.iter().any(|event| event["reason"] == reason && message(event))
    }

    /// Everything on the machine that names this node's directory or its pods.
    pub fn traces(&self) -> Vec<String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let root = self.dir.path().join("kubelet/pods");
        let of_pods = mounts.lines().filter(|line| line.contains(root.to_str().unwrap())).map(ToOwned::to_owned);
        let dirs = |path: &Path| -> Vec<String> {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| entry.path().display().to_string()).collect()
        };
        of_pods.chain(dirs(&root)).chain(dirs(&self.dir.path().join("logs"))).collect()
    }
}

impl Kubelet {
    /// Ends the kubelet in order; containers keep running.
    pub async fn stop(mut self) {
        self.tasks.shutdown(Duration::from_secs(20)).await.unwrap();
        self.end();
    }

    /// Ends the kubelet at once, as a kill does: every task stops where it is and nothing is tidied up.
    pub async fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.end();
    }
}

fn start_containerd(dir: &Path) -> Child {
    let cni = dir.join("cni");
    fs::create_dir_all(&cni).unwrap();
    let network = json!({
        "cniVersion": "0.4.0", "name": "test",
        "plugins": [{
            "type": "bridge", "bridge": "cvk0", "isGateway": true,
            "ipam": {
                "type": "host-local", "dataDir": dir.join("ipam"),
                "ranges": [[{"subnet": "10.244.9.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]
            }
        }]
    });
    fs::write(cni.join("10-test.conflist"), network.to_string()).unwrap();
    let cri = r#"plugins."io.containerd.grpc.v1.cri""#;
    let config = format!(
        r#"version = 2
root = "{dir}/root"
state = "{dir}/state"
[grpc]
  address = "{dir}/containerd.sock"
[{cri}]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [{cri}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{dir}/cni"
  [{cri}.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [{cri}.containerd.runtimes.runc.options]
      Root = "{dir}/runc"
      BinaryName = "{runc}"
"#,
        dir = dir.display(),
        runc = runc_that_can_wait(dir).display()
    );
    let file = dir.join("config.toml");
    fs::write(&file, config).unwrap();
    let log = fs::File::create(dir.join("containerd.log")).unwrap();
    Command::new("containerd").arg("-c").arg(&file).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// A runc whose `create` waits at its end while there is a file `hold` in the directory, each with a line in `held`.
fn runc_that_can_wait(dir: &Path) -> PathBuf {
    let path = dir.join("runc-that-can-wait");
    let script = format!(
        r#"#!/bin/sh
[ -e {dir}/hold ] || exec runc "$@"
runc "$@"
code=$?
while [ $# -gt 1 ] && [ "$1" != --bundle ]; do shift; done
if grep -q '"io.kubernetes.cri.container-type": *"container"' "$2/config.json" 2>/dev/null; then
    echo held >>{dir}/held
    while [ -e {dir}/hold ]; do sleep 0.02; done
fi
exit $code
"#,
        dir = dir.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.dir.path().join("containerd.log")).unwrap_or_default();
            for line in log.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev() {
                eprintln!("containerd: {line}");
            }
        }
        let socket = self.socket();
        let work = move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let runtime = Runtime::connect(&socket);
                for sandbox in runtime.list_pod_sandboxes(Default::default()).await.unwrap_or_default() {
                    let _ = runtime.stop_pod_sandbox(&sandbox.id).await;
                    let _ = runtime.remove_pod_sandbox(&sandbox.id).await;
                }
            });
        };
        let _ = std::thread::spawn(work).join();
        let _ = self.containerd.kill();
        let _ = self.containerd.wait();
        // A containerd whose client goes at a bad moment forgets shims.
        let _ =
            Command::new("pkill").args(["-KILL", "-f"]).arg(format!("address {}/", self.dir.path().display())).status();
        let _ = corvette_kubelet::volumes::mounts::unmount_below(self.dir.path());
        for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            let own = hierarchy.path().join(format!("cvk-{}", std::process::id()));
            for pod in fs::read_dir(&own).into_iter().flatten().flatten() {
                let _ = fs::remove_dir(pod.path());
            }
            let _ = fs::remove_dir(own);
        }
    }
}
