//! Starting when it cannot be done, and what stopping leaves behind: one clear line, and nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use corvette_component::pki::Ca;
use corvette_e2e::{Backend, Cluster, Etcd, Machine, program, run};

/// Runs its words where the file called containerd is no program.
const HIDE_CONTAINERD: &str = r#"mount --bind /dev/null "$(command -v containerd)" && exec "$@""#;

/// What `corvette up` with `flags` says on standard error when it does not start; `before` are words that go before the command.
fn refused(machine: &Machine, dir: &Path, before: &[&str], flags: &[&str]) -> String {
    let mut command = machine.command("env");
    command.args(before).arg(program("corvette")).arg("up").arg("--data-dir").arg(dir);
    let output = run(command.args(["--node-ip", Machine::ADDRESS]).args(flags), None).unwrap();
    let said = output.clone().failure();
    assert_eq!(said.lines().count(), 1, "one line: {output:?}");
    assert!(!output.out.lines().any(|line| line == "ready"), "{output:?}");
    said
}

#[test]
fn what_prevents_a_start_is_said_in_one_line() {
    let machine = Machine::new().unwrap();
    let dir = tempfile::tempdir().unwrap();

    let mut holder = machine.command("busybox").args(["nc", "-l", "-p", "6443"]).stdin(Stdio::piped()).spawn().unwrap();
    corvette_e2e::eventually("the port is taken", std::time::Duration::from_secs(10), || {
        let listening = run(machine.command("ss").args(["-ltnH"]), None).map_err(|e| e.to_string())?.out;
        if listening.contains(":6443") { Ok(()) } else { Err(listening) }
    });
    let said = refused(&machine, dir.path(), &[], &[]);
    assert!(said.contains("cannot listen on 0.0.0.0:6443") && said.contains("--secure-port"), "{said}");
    holder.kill().unwrap();
    holder.wait().unwrap();

    let said = refused(&machine, dir.path(), &["unshare", "-m", "sh", "-c", HIDE_CONTAINERD, "sh"], &[]);
    assert!(said.contains("containerd") && said.contains("install"), "{said}");

    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let said = refused(&machine, &file, &[], &[]);
    assert!(said.contains("cannot create"), "{said}");

    let said = refused(&machine, dir.path(), &[], &["--etcd-servers", "http://127.0.0.1:1"]);
    assert!(said.contains("etcd at http://127.0.0.1:1"), "{said}");

    let said = refused(&machine, &dir.path().join("x".repeat(90)), &[], &[]);
    assert!(said.contains("too long for a unix socket"), "{said}");

    let missing = dir.path().join("missing.tar");
    let said = refused(&machine, dir.path(), &[], &["--image", missing.to_str().unwrap()]);
    assert!(said.contains("missing.tar"), "{said}");
    run(machine.command(program("corvette")).arg("reset").arg("--data-dir").arg(dir.path()), None).unwrap().success();
}

#[test]
fn a_directory_that_is_no_clusters_is_left_alone() {
    let machine = Machine::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let theirs = dir.path().join("log").join("pods");
    std::fs::create_dir_all(&theirs).unwrap();
    for command in ["down", "reset"] {
        let said = run(machine.command(program("corvette")).arg(command).arg("--data-dir").arg(dir.path()), None);
        let said = said.unwrap().failure();
        assert!(said.contains("not the data directory of a cluster"), "{said}");
        assert!(theirs.is_dir(), "{command}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "{command} makes nothing");
    }
}

#[test]
fn certificates_that_etcd_or_we_refuse_are_named() {
    let machine = Machine::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let etcd = Etcd::start(&machine).unwrap();
    Ca::load_or_create(dir.path(), "other").unwrap();
    let other = dir.path().join("other.crt");
    let refused = |flags: &[&str]| {
        let flags: Vec<&str> = ["--etcd-servers", Etcd::ENDPOINT].into_iter().chain(flags.iter().copied()).collect();
        let said = refused(&machine, &dir.path().join("data"), &[], &flags);
        assert!(said.contains(Etcd::ENDPOINT), "{said}");
        said
    };

    let said = refused(&["--etcd-cafile", other.to_str().unwrap()]);
    assert!(said.contains("UnknownIssuer") && said.contains("--etcd-cafile"), "{said}");
    let said = refused(&["--etcd-cafile", etcd.ca().to_str().unwrap()]);
    // The server closes the connection without a word.
    assert!(said.contains("no --etcd-certfile") && said.contains("connecting"), "{said}");
    let said = refused(&[]);
    assert!(said.contains("needs --etcd-cafile"), "{said}");
}

#[test]
fn a_directory_has_one_process_and_reset_removes_everything() {
    let mut cluster = Cluster::start(Backend::Embedded).unwrap();
    let (dir, pid) = (cluster.data_dir(), cluster.pid());
    let said = refused(cluster.machine(), &dir, &[], &["--secure-port", "7443"]);
    assert!(said.contains(&format!("in use by process {pid}")), "{said}");

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700, "nobody else enters the data directory");
    assert_eq!(mode(&cluster.kubeconfig()), 0o600);

    cluster.kubectl("run sleeper --image=corvette.local/busybox:1 --command -- sleep 3600").success();
    cluster.kubectl("wait --for=condition=Ready pod/sleeper --timeout=60s").success();
    let mounts = || {
        let all = std::fs::read_to_string("/proc/self/mounts").unwrap();
        all.lines().filter(|line| line.contains(dir.to_str().unwrap())).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(mounts().iter().any(|mount| mount.contains("nsfs")), "the pod's network namespace: {:?}", mounts());
    let uid = cluster.kubectl("get pod sleeper -o jsonpath={.metadata.uid}").success();
    let cgroups =
        || run(Command::new("find").args(["/sys/fs/cgroup", "-name", &format!("*{uid}*")]), None).unwrap().out;
    assert_ne!(cgroups(), "");
    run(&mut cluster.corvette("down"), None).unwrap().success();
    run(&mut cluster.corvette("down"), None).unwrap().success();
    assert_eq!(mounts(), Vec::<String>::new(), "no mount or network namespace is left");
    assert_eq!(cgroups(), "", "no control group is left");
    let rules = run(cluster.machine().command("nft").args(["list", "ruleset"]), None).unwrap().success();
    assert_eq!(rules.trim(), "", "no rule is left");
    let left = run(Command::new("pgrep").args(["-f", dir.to_str().unwrap()]), None).unwrap().out;
    assert_eq!(left.trim(), "", "no process is left");

    cluster.up().unwrap();
    let pods = cluster.kubectl("get pod sleeper -o name").success();
    assert_eq!(pods.trim(), "pod/sleeper", "data stay until reset");
    run(&mut cluster.corvette("reset"), None).unwrap().success();
    assert!(!dir.exists());
    let said = run(&mut cluster.corvette("reset"), None).unwrap().failure();
    assert!(said.contains("there is no cluster here"), "{said}");
}
