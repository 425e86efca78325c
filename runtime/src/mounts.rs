//! The mount namespace that containers need: one in which the machine's control groups are mounted.

use std::fs::{self, File};
use std::io;

use nix::sched::{CloneFlags, setns};

/// Joins the mount namespace of process 1 when ours hides the control groups that process 1 sees, and says whether it
/// did. `ip netns exec` makes such namespaces: it covers `/sys`. Volumes, containers and a later `down` must share one
/// namespace, so joining is better than mounting the groups again.
///
/// Call it first thing in `main`: the kernel refuses it to a process with several threads. The working directory stays.
///
/// # Errors
/// The kernel's refusal; nothing has changed then.
pub fn join_machine() -> io::Result<bool> {
    let sees_groups = |process: &str| fs::read(format!("/proc/{process}/mountinfo")).map(|table| has_groups(&table));
    if sees_groups("self")? || !sees_groups("1").unwrap_or(false) {
        return Ok(false);
    }
    let directory = std::env::current_dir()?;
    setns(File::open("/proc/1/ns/mnt")?, CloneFlags::CLONE_NEWNS)?;
    std::env::set_current_dir(directory)?;
    Ok(true)
}

/// Whether control groups are mounted in this process's namespace.
pub(crate) fn groups_are_mounted() -> bool {
    fs::read("/proc/self/mountinfo").is_ok_and(|table| has_groups(&table))
}

/// Whether a mountinfo table has a file system of control groups. Its type follows a lone dash.
fn has_groups(table: &[u8]) -> bool {
    table.split(|byte| *byte == b'\n').any(|line| {
        let mut fields = line.split(|byte| *byte == b' ').skip_while(|field| *field != b"-").skip(1);
        matches!(fields.next(), Some(b"cgroup" | b"cgroup2"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_known_by_their_type() {
        assert!(has_groups(
            b"1 2 0:3 / / rw - ext4 a rw\n35 30 0:9 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n"
        ));
        assert!(has_groups(b"35 30 0:9 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"));
        assert!(!has_groups(b"50 49 0:50 / /sys rw,relatime - sysfs cgroup rw\n"));
    }

    #[test]
    fn a_namespace_that_sees_the_groups_is_kept() {
        assert!(!join_machine().unwrap());
    }
}
