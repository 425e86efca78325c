//! A control plane in this process.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use corvette_apiserver::{ApiServer, Config as ApiConfig, UserInfo};
use corvette_client::kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use corvette_client::kube::runtime::{WatchStreamExt as _, watcher};
use corvette_client::kube::{Api, Client, Resource, ResourceExt as _};
use corvette_component::tasks::Tasks;
use corvette_controller_manager::Config;
use corvette_store::sqlite::{Options, Sqlite};
use futures::StreamExt as _;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Event, Namespace, Node, Pod, PodSpec};
use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// How long anything may take; reached only when something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// API server and controllers; stops when dropped.
pub struct Plane {
    pub client: Client,
    tasks: Tasks,
    _dir: tempfile::TempDir,
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.tasks.token().cancel();
    }
}

impl Plane {
    pub async fn start() -> Self {
        Self::with(Config { root_ca_pem: Some("CERTIFICATE".to_owned()), ..Config::default() }).await
    }

    pub async fn with(config: Config) -> Self {
        let (dir, tasks) = (tempfile::tempdir().unwrap(), Tasks::new("test"));
        let store = Sqlite::open(&dir.path().join("state.db"), Options::default(), &tasks).await.unwrap();
        let api = ApiConfig::new(Arc::new(store), IpAddr::from(Ipv4Addr::LOCALHOST), 6443);
        let server = ApiServer::new(api, &tasks).await.unwrap();
        let admin = UserInfo::new("admin", &["system:masters"]);
        let client = corvette_client::in_process(server.local(admin), "test");
        let manager = corvette_client::in_process(
            server.local(UserInfo::new("system:kube-controller-manager", &["system:masters"])),
            "kube-controller-manager",
        );
        let scope = tasks.child("controller-manager");
        tasks.spawn("controllers", async move {
            corvette_controller_manager::run(manager, config, scope).await.unwrap();
        });
        let plane = Self { client, tasks, _dir: dir };
        plane.node("worker").await;
        let runner = run_pods(plane.client.clone());
        plane.tasks.spawn_until_cancelled("pods", runner);
        plane
    }

    /// Runs another component against the same server until the plane is dropped.
    pub fn spawn<Fut: Future<Output = ()> + Send + 'static>(&self, name: &str, run: impl FnOnce(Client, Tasks) -> Fut) {
        self.tasks.spawn(name.to_owned(), run(self.client.clone(), self.tasks.child(name)));
    }

    pub fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Makes a namespace with an unused name.
    pub async fn namespace(&self) -> String {
        let metadata = ObjectMeta { generate_name: Some("test-".to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        Api::all(self.client.clone()).create(&PostParams::default(), &namespace).await.unwrap().name_any()
    }

    /// Makes a node that reports itself ready.
    pub async fn node(&self, name: &str) {
        let api = Api::<Node>::all(self.client.clone());
        let node: Node = object(json!({"metadata": {"name": name}}));
        api.create(&PostParams::default(), &node).await.unwrap();
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now, "lastTransitionTime": now});
        let patch = json!({"status": {"conditions": [ready]}});
        api.patch_status(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    pub async fn create<K>(&self, namespace: &str, value: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
    {
        self.api::<K>(namespace).create(&PostParams::default(), &object(value)).await.unwrap()
    }

    pub async fn patch<K>(&self, namespace: &str, name: &str, patch: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        self.api::<K>(namespace).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
    }

    pub async fn list<K>(&self, namespace: &str) -> Vec<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        self.api::<K>(namespace).list(&ListParams::default()).await.unwrap().items
    }

    /// Returns the messages of the events with a reason.
    pub async fn events(&self, namespace: &str, reason: &str) -> Vec<String> {
        let events = self.list::<Event>(namespace).await;
        events.into_iter().filter(|e| e.reason.as_deref() == Some(reason)).filter_map(|e| e.message).collect()
    }
}

/// Parses an object.
pub fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// Waits until `probe` returns something.
pub async fn eventually<T, Fut: Future<Output = Option<T>>>(what: &str, mut probe: impl FnMut() -> Fut) -> T {
    let attempts = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, attempts).await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// A pod template with an image and the label `app`.
pub fn template(app: &str, image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": image}]},
    })
}

static ADDRESS: AtomicU32 = AtomicU32::new(1);

/// Binds pods, reports them ready unless their image is `broken`, and removes them when they are deleted.
async fn run_pods(client: Client) {
    let pods = Api::<Pod>::all(client.clone());
    let events = watcher(pods, watcher::Config::default()).default_backoff();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        if let Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) = event {
            run_pod(&client, pod).await;
        }
    }
}

async fn run_pod(client: &Client, pod: Pod) {
    let (name, api) = (pod.name_any(), Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap()));
    let spec = pod.spec.clone().unwrap();
    if pod.metadata.deletion_timestamp.is_some() {
        let _gone_already = api.delete(&name, &DeleteParams::default().grace_period(0)).await;
    } else if spec.node_name.is_none() && spec.scheduler_name.as_deref() != Some("default-scheduler") {
        // Someone else's to bind.
    } else if spec.node_name.is_none() {
        let binding = json!({"metadata": {"name": name}, "target": {"kind": "Node", "name": pinned(&spec)}});
        let binding: k8s_openapi::api::core::v1::Binding = object(binding);
        let _deleted_meanwhile =
            api.create_subresource::<_, Value>("binding", &name, &PostParams::default(), &binding).await.ok();
    } else if pod.status.and_then(|status| status.pod_ip).is_none() {
        let broken = spec.containers[0].image.as_deref() == Some("broken");
        let number = ADDRESS.fetch_add(1, Ordering::Relaxed);
        let ip = Ipv4Addr::from(0x0af4_0000 + number).to_string();
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let ready = if broken { "False" } else { "True" };
        let status = json!({
            "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": now}],
        });
        let patch = Patch::Merge(json!({"status": status}));
        let _deleted_meanwhile = api.patch_status(&name, &PatchParams::default(), &patch).await.ok();
    }
}

/// Returns the only node a pod accepts, as those of daemon sets do, or the first.
fn pinned(spec: &PodSpec) -> String {
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    let mut fields = required.into_iter().flat_map(|required| &required.node_selector_terms[0].match_fields).flatten();
    fields.find_map(|field| field.values.clone()?.pop()).unwrap_or_else(|| "worker".to_owned())
}

/// Makes a map of labels.
pub fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
