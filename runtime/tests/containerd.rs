//! A real containerd: start, pods, adoption, restart after a kill, image archives, clean.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use corvette_component::tasks::Tasks;
use corvette_proto::cri::{
    ImageSpec, ImageStatusRequest, ListPodSandboxRequest, PodSandboxConfig, PodSandboxMetadata, PodSandboxState,
    PodSandboxStatusRequest, PortMapping, RunPodSandboxRequest, VersionRequest,
};
use corvette_runtime::{containerd, image};

fn pod(name: &str, log_directory: &Path) -> PodSandboxConfig {
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            namespace: "default".to_owned(),
            attempt: 0,
        }),
        hostname: name.to_owned(),
        log_directory: log_directory.to_str().unwrap().to_owned(),
        port_mappings: vec![PortMapping { container_port: 80, host_port: 18080, ..Default::default() }],
        ..Default::default()
    }
}

/// Removes what a failed test left.
struct Cleanup(containerd::Config);

impl Drop for Cleanup {
    fn drop(&mut self) {
        let config = self.0.clone();
        let work = move || tokio::runtime::Runtime::new().unwrap().block_on(containerd::reset(&config));
        if let Err(error) = std::thread::spawn(work).join().unwrap() {
            eprintln!("cannot clean up: {error}");
        }
    }
}

/// Shims and mounts that name the directory.
fn traces(dir: &Path) -> Vec<String> {
    let text = dir.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(text) && line.contains("containerd") {
            found.push(line);
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    found.extend(mounts.lines().filter(|line| line.contains(text)).map(str::to_owned));
    found
}

async fn pid_after(config: &containerd::Config, old: &str) -> String {
    let file = config.dir.join("containerd.pid");
    loop {
        let now = fs::read_to_string(&file).unwrap_or_default();
        if !now.is_empty() && now != old {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn run_pod(runtime: &mut support::Runtime, dir: &Path) -> String {
    let request = RunPodSandboxRequest { config: Some(pod("one", &dir.join("logs"))), runtime_handler: String::new() };
    runtime.run_pod_sandbox(request).await.unwrap().into_inner().pod_sandbox_id
}

/// Checks that no mount, process, interface or rule is left of a runtime.
fn nothing_is_left(config: &containerd::Config, dir: &Path) {
    assert_eq!(traces(dir), Vec::<String>::new());
    assert!(nix::net::if_::if_nametoindex(config.bridge.as_str()).is_err());
    let rules = Command::new("iptables-save").args(["-t", "nat"]).output().unwrap();
    let rules = String::from_utf8_lossy(&rules.stdout).into_owned();
    assert!(!rules.contains("CNI-"), "{rules}");
}

#[tokio::test]
async fn containers_outlive_everything_but_clean() {
    if !support::in_namespace("containers_outlive_everything_but_clean") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let config = containerd::Config::new(dir.path(), "10.244.7.0/24").unwrap();
    let _cleanup = Cleanup(config.clone());
    let tasks = Tasks::new("test");
    let handle = containerd::start(config.clone(), &tasks).await.unwrap();
    assert!(!handle.adopted && handle.version.starts_with("containerd "), "{handle:?}");

    let mut runtime = support::runtime(&handle.socket);
    let id = run_pod(&mut runtime, dir.path()).await;
    let status = PodSandboxStatusRequest { pod_sandbox_id: id.clone(), verbose: false };
    let ip = runtime.pod_sandbox_status(status.clone()).await.unwrap().into_inner().status.unwrap().network.unwrap().ip;
    assert!(ip.starts_with("10.244.7."), "{ip}");
    assert!(nix::net::if_::if_nametoindex(config.bridge.as_str()).is_ok());

    // The process that started it goes away; the next one finds it.
    let pid = fs::read_to_string(config.dir.join("containerd.pid")).unwrap();
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
    let tasks = Tasks::new("test");
    let handle = containerd::start(config.clone(), &tasks).await.unwrap();
    assert!(handle.adopted);
    assert_eq!(fs::read_to_string(config.dir.join("containerd.pid")).unwrap(), pid);

    // Killed, it is started again, and the pod never noticed.
    let number = pid.split(' ').next().unwrap().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(number), nix::sys::signal::Signal::SIGKILL).unwrap();
    pid_after(&config, &pid).await;
    while runtime.version(VersionRequest::default()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let after = runtime.pod_sandbox_status(status).await.unwrap().into_inner().status.unwrap();
    assert_eq!(after.state(), PodSandboxState::SandboxReady);
    assert_eq!(after.network.unwrap().ip, ip);

    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
    containerd::clean(&config).await.unwrap();
    nothing_is_left(&config, dir.path());
    containerd::clean(&config).await.unwrap();

    // Images stayed, pods did not.
    let tasks = Tasks::new("test");
    let handle = containerd::start(config.clone(), &tasks).await.unwrap();
    let mut runtime = support::runtime(&handle.socket);
    let left = runtime.list_pod_sandbox(ListPodSandboxRequest::default()).await.unwrap().into_inner().items;
    assert_eq!(left, []);
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
    containerd::reset(&config).await.unwrap();
    assert!(!config.dir.exists());
    assert_eq!(traces(dir.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_pod_that_is_stuck_is_removed_by_hand() {
    if !support::in_namespace("a_pod_that_is_stuck_is_removed_by_hand") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let config = containerd::Config::new(dir.path(), "10.244.8.0/24").unwrap();
    let _cleanup = Cleanup(config.clone());
    let tasks = Tasks::new("test");
    let handle = containerd::start(config.clone(), &tasks).await.unwrap();
    let mut runtime = support::runtime(&handle.socket);
    let id = run_pod(&mut runtime, dir.path()).await;
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();

    let shim = Command::new("pgrep").args(["-f", &format!("containerd-shim-runc-v2.*{id}")]).output().unwrap();
    let shim = String::from_utf8(shim.stdout).unwrap().trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(shim), nix::sys::signal::Signal::SIGSTOP).unwrap();

    containerd::clean(&config).await.unwrap();
    nothing_is_left(&config, dir.path());
}

/// Builds an OCI layout directory of an image with one file, under a short name.
fn layout(dir: &Path, name: &str) {
    use std::io::Write;
    let blobs = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |content: &[u8]| {
        let mut sum = Command::new("sha256sum")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        sum.stdin.take().unwrap().write_all(content).unwrap();
        let out = sum.wait_with_output().unwrap();
        let digest = String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap().to_owned();
        fs::write(blobs.join(&digest), content).unwrap();
        format!("sha256:{digest}")
    };
    let source = dir.join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("hello"), "hello").unwrap();
    let layer = Command::new("tar").arg("-C").arg(&source).args(["-cf", "-", "hello"]).output().unwrap().stdout;
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let layer_digest = put(&layer);
    let config = serde_json::json!({"architecture": arch, "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]}})
    .to_string();
    let config_digest = put(config.as_bytes());
    let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer_digest, "size": layer.len()}]})
    .to_string();
    let manifest_digest = put(manifest.as_bytes());
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest_digest, "size": manifest.len(),
        "annotations": {"org.opencontainers.image.ref.name": name}}]});
    fs::write(dir.join("index.json"), index.to_string()).unwrap();
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::remove_dir_all(&source).unwrap();
}

#[tokio::test]
async fn archives_and_layouts_load_under_full_names() {
    if !support::in_namespace("archives_and_layouts_load_under_full_names") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let config = containerd::Config::new(&dir.path().join("data"), "10.244.7.0/24").unwrap();
    let _cleanup = Cleanup(config.clone());
    let tasks = Tasks::new("test");
    let handle = containerd::start(config.clone(), &tasks).await.unwrap();
    let mut images = support::images(&handle.socket);

    let plain = dir.path().join("plain");
    fs::create_dir(&plain).unwrap();
    layout(&plain, "me/app:1");
    let tag_only = dir.path().join("tagged");
    fs::create_dir(&tag_only).unwrap();
    layout(&tag_only, "v2");
    let archive = dir.path().join("My.App.tar.gz");
    let tar = Command::new("tar").arg("-C").arg(&tag_only).arg("-czf").arg(&archive).arg(".").status().unwrap();
    assert!(tar.success());
    for (file, name) in [
        (&plain, "docker.io/me/app:1"),
        (&tag_only, "docker.io/library/tagged:v2"),
        (&archive, "docker.io/library/my-app:v2"),
    ] {
        assert_eq!(image::load(&handle.socket, file).await.unwrap(), [name]);
        let request = ImageStatusRequest {
            image: Some(ImageSpec { image: name.to_owned(), ..Default::default() }),
            verbose: false,
        };
        // The CRI plugin learns of imported images from events.
        while images.image_status(request.clone()).await.unwrap().into_inner().image.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    let rubbish = dir.path().join("rubbish.tar");
    fs::write(&rubbish, vec![b'x'; 2000]).unwrap();
    let error = image::load(&handle.socket, &rubbish).await.expect_err("no archive");
    assert!(matches!(error, image::Error::Archive { .. }), "{error}");
    let error = image::load(&handle.socket, &dir.path().join("missing.tar")).await.expect_err("no file");
    assert!(error.to_string().contains("No such file"), "{error}");
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
    let error = {
        containerd::reset(&config).await.unwrap();
        image::load(&handle.socket, &plain).await.expect_err("no containerd")
    };
    assert!(matches!(error, image::Error::NotRunning { .. }), "{error}");
}
