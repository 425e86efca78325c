//! Facts of the machine: CPU, memory, disk, identity. Reads `/proc`, `/sys` and `/etc`.

use std::fs;
use std::path::Path;

use k8s_openapi::api::core::v1::NodeSystemInfo;

use crate::resources::Amounts;

/// Version that the kubelet reports.
pub const VERSION: &str = "v1.36.0+corvette";

/// Reads what the machine has; `root` is on the disk whose size counts.
pub fn capacity(root: &Path) -> Amounts {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    Amounts {
        cpu: i64::try_from(cpus).unwrap_or(1).saturating_mul(1000),
        memory: limited(meminfo_bytes(&meminfo, "MemTotal")),
        storage: disk(root).map_or(0, |disk| disk.total),
    }
}

/// Memory that processes may still take, in bytes.
pub fn available_memory() -> i64 {
    meminfo_bytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemAvailable")
}

/// Memory of the machine, or of the cgroup that this process is confined to.
fn limited(total: i64) -> i64 {
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limit = limits.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<i64>().ok()).min();
    limit.filter(|limit| *limit > 0).map_or(total, |limit| limit.min(total))
}

fn meminfo_bytes(text: &str, field: &str) -> i64 {
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<i64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

/// Size and use of a file system, in bytes and inodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes in all.
    pub total: i64,
    /// Bytes that can be written.
    pub available: i64,
    /// Inodes in all; 0 where the file system does not count them.
    pub inodes: i64,
    /// Inodes that can be made.
    pub inodes_free: i64,
}

/// Asks the file system that holds `path`.
pub fn disk(path: &Path) -> Option<Disk> {
    let existing = path.ancestors().find(|path| path.exists())?;
    let stat = nix::sys::statvfs::statvfs(existing).ok()?;
    let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(stat.fragment_size())).unwrap_or(i64::MAX);
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Some(Disk {
        total: bytes(stat.blocks()),
        available: bytes(stat.blocks_available()),
        inodes: count(stat.files()),
        inodes_free: count(stat.files_available()),
    })
}

/// Share of the process table that is left, in percent.
pub fn free_pids() -> u64 {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let max = number("/proc/sys/kernel/pid_max").unwrap_or(32_768).max(1);
    // The fourth field is "running/all".
    let loadavg = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let used = loadavg.split_whitespace().nth(3).and_then(|field| field.split('/').nth(1)?.parse::<u64>().ok());
    max.saturating_sub(used.unwrap_or(0)) * 100 / max
}

/// Sizes of huge pages with the bytes set aside for each, as resource names.
pub fn hugepages() -> Vec<(String, i64)> {
    let Ok(entries) = fs::read_dir("/sys/kernel/mm/hugepages") else { return Vec::new() };
    let sizes = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let kib: i64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let count: i64 = fs::read_to_string(entry.path().join("nr_hugepages")).ok()?.trim().parse().ok()?;
        let size = match kib {
            kib if kib % (1024 * 1024) == 0 => format!("{}Gi", kib / (1024 * 1024)),
            kib if kib % 1024 == 0 => format!("{}Mi", kib / 1024),
            kib => format!("{kib}Ki"),
        };
        Some((format!("hugepages-{size}"), count.saturating_mul(kib).saturating_mul(1024)))
    });
    let mut out: Vec<_> = sizes.collect();
    out.sort();
    out
}

/// Identity of the machine and versions of what runs on it.
pub fn info(runtime_version: &str) -> NodeSystemInfo {
    let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let machine_id = read("/etc/machine-id");
    let uuid = read("/sys/class/dmi/id/product_uuid");
    let name = nix::sys::utsname::uname();
    let kernel = name.map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
    NodeSystemInfo {
        architecture: architecture().to_owned(),
        boot_id: read("/proc/sys/kernel/random/boot_id"),
        container_runtime_version: runtime_version.to_owned(),
        kernel_version: kernel,
        kube_proxy_version: String::new(),
        kubelet_version: VERSION.to_owned(),
        operating_system: "linux".to_owned(),
        os_image: os_image(&read("/etc/os-release")),
        system_uuid: if uuid.is_empty() { machine_id.clone() } else { uuid },
        machine_id,
        ..NodeSystemInfo::default()
    }
}

/// Whether the kernel enforces AppArmor profiles.
pub fn app_armor() -> bool {
    fs::read_to_string("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.starts_with('Y'))
}

/// The architecture in Go's words.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn os_image(os_release: &str) -> String {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map(|name| name.trim_matches('"').to_owned()).unwrap_or_else(|| "Linux".to_owned())
}

/// The lowest OOM score that this process may give to another: any with the capability to lower scores, else its own.
pub fn oom_floor() -> i64 {
    const CAP_SYS_RESOURCE: u64 = 1 << 24;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0);
    if effective & CAP_SYS_RESOURCE != 0 {
        return -1000;
    }
    let own = fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    own.trim().parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:       16384 kB\nMemAvailable:    1024 kB\n";
        assert_eq!(meminfo_bytes(text, "MemTotal"), 16 << 20);
        assert_eq!(meminfo_bytes(text, "MemAvailable"), 1 << 20);
        assert_eq!(meminfo_bytes(text, "Nothing"), 0);
    }

    #[test]
    fn this_machine_has_something_of_everything() {
        let capacity = capacity(Path::new("/var/lib/nowhere"));
        assert!(capacity.cpu >= 1000 && capacity.memory > 0 && capacity.storage > 0);
        let info = info("containerd://1.6");
        assert!(!info.kernel_version.is_empty() && !info.boot_id.is_empty());
    }

    #[test]
    fn the_os_is_named_by_its_pretty_name() {
        assert_eq!(
            os_image("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)"
        );
    }
}
