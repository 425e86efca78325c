//! A disk without room, at the start and later: said in one line, nothing acknowledged is lost, and room is all it takes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corvette_e2e::{Backend, Cluster, Machine, eventually, program, run};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

/// A small disk in a mount namespace of the test's own thread, which what it starts shares. Gone when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
        let disk = Self(tempfile::tempdir().unwrap());
        mount(Some("tmpfs"), disk.path(), Some("tmpfs"), MsFlags::empty(), Some("size=96m")).unwrap();
        disk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Fills the disk but for `free` bytes.
    fn fill(&self, free: u64) {
        let mut ballast = std::fs::File::create(self.ballast()).unwrap();
        let block = [0; 4096];
        while ballast.write_all(&block).is_ok() {}
        let size = ballast.metadata().unwrap().len();
        ballast.set_len(size - free).unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        umount2(self.path(), MntFlags::MNT_DETACH).unwrap();
    }
}

#[test]
fn a_full_disk_prevents_a_start_with_one_line() {
    let disk = Disk::new();
    let machine = Machine::new().unwrap();
    // Room for nothing, for the first files but not the database, and for the database but not what goes into it.
    for free in [0, 40 * 1024, 120 * 1024] {
        disk.fill(free);
        let dir = disk.path().join(free.to_string());
        let mut command = machine.command(program("corvette"));
        command.arg("up").arg("--data-dir").arg(&dir).args(["--node-ip", Machine::ADDRESS]);
        let output = run(&mut command, None).unwrap();
        assert!(!output.out.lines().any(|line| line == "ready"), "{output:?}");
        let said = output.failure();
        assert_eq!(said.lines().count(), 1, "one line: {said}");
        assert!(said.contains(dir.to_str().unwrap()) && said.contains("free some space"), "{said}");
        std::fs::remove_dir_all(&dir).unwrap();
        disk.free();
    }
}

#[test]
fn a_disk_that_fills_refuses_writes_until_there_is_room() {
    let disk = Disk::new();
    let cluster = Cluster::start_in(Backend::Embedded, disk.path()).unwrap();
    let pid = cluster.pid();
    let data = format!("--from-literal=data={}", "x".repeat(100_000));
    let create = |name: &str| cluster.kubectl_words(&["create", "configmap", name, &data], None);
    let names = || cluster.kubectl("get configmaps -o name").success();

    disk.fill(0);
    // The log of the database has some room of its own.
    let mut stored = Vec::new();
    let refused = (0..200).map(|number| format!("fill-{number}")).find_map(|name| {
        let output = create(&name);
        if output.ok {
            stored.push(name);
            return None;
        }
        Some((name, output.failure()))
    });
    let (name, said) = refused.expect("a full disk refuses writes");
    assert_eq!(said.lines().count(), 1, "one line: {said}");
    assert!(said.contains("is full: free some space") && said.contains("nothing was stored"), "{said}");
    assert!(!names().contains(&format!("configmap/{name}\n")), "what was refused is not there");
    assert!(cluster.kubectl("get nodes").success().contains("node-1"), "reads go on");
    assert!(create("again").failure().contains("nothing was stored"));

    disk.free();
    eventually("writes go on", Duration::from_secs(30), || {
        let output = create(&name);
        if output.ok { Ok(()) } else { Err(output.err) }
    });
    stored.push(name);
    let found = names();
    for name in &stored {
        assert!(found.contains(&format!("configmap/{name}\n")), "{name} is lost: {found}");
    }
    cluster.kubectl("run sleeper --image=corvette.local/busybox:1 --command -- sleep 3600").success();
    cluster.kubectl("wait --for=condition=Ready pod/sleeper --timeout=60s").success();
    assert_eq!(cluster.pid(), pid);
    assert!(Path::new(&format!("/proc/{pid}")).exists(), "it was not restarted");
}
