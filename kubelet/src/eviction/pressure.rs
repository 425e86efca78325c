//! Pressure: when less is left of the node than pods need to go on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::node::machine::{self, Disk};

/// How long pressure is reported after it was last seen (`evictionPressureTransitionPeriod`).
const HOLD: Duration = Duration::from_secs(300);

/// What must be left of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Bytes of memory.
    pub memory: i64,
    /// Share of the disk, in percent.
    pub disk: i64,
    /// Bytes of disk that are enough whatever share of it they are.
    pub enough_disk: i64,
    /// Share of inodes, in percent.
    pub inodes: i64,
    /// Share of process ids, in percent.
    pub pids: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { memory: 100 << 20, disk: 10, enough_disk: 2 << 30, inodes: 5, pids: 1 }
    }
}

/// What the node has too little of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Memory.
    pub memory: bool,
    /// Disk or inodes.
    pub disk: bool,
    /// Process ids.
    pub pid: bool,
}

impl Pressure {
    /// Whether it is under none.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// The conditions that are true, by type.
    pub fn conditions(self) -> Vec<&'static str> {
        let all = [("DiskPressure", self.disk), ("MemoryPressure", self.memory), ("PIDPressure", self.pid)];
        all.into_iter().filter(|(_, on)| *on).map(|(type_, _)| type_).collect()
    }
}

impl Thresholds {
    /// Compares what is left with what must be left; `root` is on the disk that counts.
    pub fn measure(&self, root: &Path) -> Pressure {
        Pressure {
            memory: machine::available_memory() < self.memory,
            disk: machine::disk(root).is_some_and(|disk| self.is_short(disk)),
            pid: machine::free_pids() < self.pids,
        }
    }

    fn is_short(&self, disk: Disk) -> bool {
        (disk.available < self.enough_disk && share(disk.available, disk.total) < self.disk)
            || (disk.inodes > 0 && share(disk.inodes_free, disk.inodes) < self.inodes)
    }
}

/// What share of the whole a part is, in percent.
pub(super) fn share(part: i64, whole: i64) -> i64 {
    if whole <= 0 { 100 } else { part.saturating_mul(100) / whole }
}

/// When each pressure was last seen. Clones share the same state.
#[derive(Debug, Clone, Default)]
pub struct Pressures(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    memory: Option<Instant>,
    disk: Option<Instant>,
    pid: Option<Instant>,
}

impl Pressures {
    /// Takes in a measurement; returns the pressure to report, which outlasts what is measured by a while.
    pub fn observe(&self, measured: Pressure) -> Pressure {
        let now = Instant::now();
        let mut seen = self.0.lock();
        let Seen { memory, disk, pid } = &mut *seen;
        for (on, last) in [(measured.memory, memory), (measured.disk, disk), (measured.pid, pid)] {
            if on {
                *last = Some(now);
            }
        }
        drop(seen);
        self.current()
    }

    /// The pressure to report.
    pub fn current(&self) -> Pressure {
        let seen = self.0.lock();
        let on = |last: Option<Instant>| last.is_some_and(|last| last.elapsed() < HOLD);
        Pressure { memory: on(seen.memory), disk: on(seen.disk), pid: on(seen.pid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pressure_is_reported_for_a_while_after_it_went() {
        let pressures = Pressures::default();
        let memory = Pressure { memory: true, ..Pressure::default() };
        assert_eq!(pressures.observe(memory), memory);
        tokio::time::advance(Duration::from_secs(299)).await;
        assert_eq!(pressures.observe(Pressure::default()), memory);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(pressures.current().is_none());
    }

    #[test]
    fn a_share_of_a_large_disk_is_no_pressure_while_enough_is_left() {
        let thresholds = Thresholds::default();
        let disk = |total: i64, available: i64| Disk { total, available, inodes: 100, inodes_free: 50 };
        assert!(!thresholds.is_short(disk(100 << 30, 3 << 30)));
        assert!(thresholds.is_short(disk(100 << 30, 1 << 30)));
        assert!(!thresholds.is_short(disk(4 << 30, 1 << 30)));
        assert!(thresholds.is_short(Disk { inodes_free: 4, ..disk(100 << 30, 50 << 30) }));
    }
}
