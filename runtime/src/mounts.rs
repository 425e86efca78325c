//! The mount namespace that containers need: one in which the machine's control groups are mounted.

use std::fs::{self, File};
use std::io;

use nix::sched::{CloneFlags, setns};

/// Joins the mount namespace of the nearest ancestor that sees control groups when ours hides them, and says whether it
/// did. `ip netns exec` makes such namespaces: it covers `/sys`. Volumes, containers and a later `down` must share one
/// namespace, so joining is better than mounting the groups again.
///
/// Call it first thing in `main`: the kernel refuses it to a process with several threads. The working directory stays.
///
/// # Errors
/// When the working directory does not exist in that namespace.
pub fn join_machine() -> io::Result<bool> {
    if groups_are_mounted() {
        return Ok(false);
    }
    let directory = std::env::current_dir()?;
    let mut process = parent("self");
    while let Some(ancestor) = process {
        let sees_groups = fs::read(format!("/proc/{ancestor}/mountinfo")).is_ok_and(|table| has_groups(&table));
        // Ancestors of other users cannot be joined; the caller then hears that there are no control groups.
        if sees_groups
            && let Ok(namespace) = File::open(format!("/proc/{ancestor}/ns/mnt"))
            && setns(namespace, CloneFlags::CLONE_NEWNS).is_ok()
        {
            std::env::set_current_dir(directory)?;
            return Ok(true);
        }
        process = parent(&ancestor.to_string());
    }
    Ok(false)
}

/// The parent of a process; `None` for the first.
fn parent(process: &str) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold anything, so fields are counted from behind it.
    let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
    (parent != 0).then_some(parent)
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
