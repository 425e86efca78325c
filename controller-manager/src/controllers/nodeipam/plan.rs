//! Which range a node gets. Pure.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Splits the cluster's range into node ranges.
#[derive(Debug, Clone, Copy)]
pub struct Ranges {
    base: u32,
    prefix: u8,
    mask: u8,
}

impl Ranges {
    /// Splits `cluster` (address and prefix length) into ranges of prefix length `mask`, which is not shorter.
    pub fn new(cluster: (Ipv4Addr, u8), mask: u8) -> Self {
        let (address, prefix) = cluster;
        let host = u32::MAX.checked_shr(prefix.into()).unwrap_or_default();
        Self { base: u32::from(address) & !host, prefix, mask }
    }

    /// Returns the first range, as `10.244.0.0/24`, that is not in `used`; `None` when all are.
    pub fn free(&self, used: &BTreeSet<String>) -> Option<String> {
        let count = 1_u32 << self.mask.saturating_sub(self.prefix).min(31);
        (0..count).map(|number| self.range(number)).find(|range| !used.contains(range))
    }

    fn range(&self, number: u32) -> String {
        let offset = number.checked_shl(32 - u32::from(self.mask)).unwrap_or_default();
        format!("{}/{}", Ipv4Addr::from(self.base | offset), self.mask)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_given_in_order_until_none_is_left() {
        let ranges = Ranges::new((Ipv4Addr::new(10, 244, 0, 0), 22), 24);
        let mut used = BTreeSet::new();
        let mut given = Vec::new();
        while let Some(range) = ranges.free(&used) {
            used.insert(range.clone());
            given.push(range);
        }
        assert_eq!(given, ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24", "10.244.3.0/24"]);
    }

    proptest! {
        #[test]
        fn a_range_that_is_given_was_free_and_inside(address: u32, prefix in 8..=24_u8, more in 0..=8_u8, taken in 0..5_usize) {
            let cluster = Ipv4Addr::from(address);
            let ranges = Ranges::new((cluster, prefix), prefix + more);
            let mut used = BTreeSet::new();
            for _ in 0..taken {
                used.extend(ranges.free(&used));
            }
            if let Some(range) = ranges.free(&used) {
                prop_assert!(!used.contains(&range));
                let (start, mask) = range.split_once('/').unwrap();
                prop_assert_eq!(mask.parse::<u8>().unwrap(), prefix + more);
                let start = u32::from(start.parse::<Ipv4Addr>().unwrap());
                prop_assert_eq!(start >> (32 - prefix), address >> (32 - prefix));
            } else {
                prop_assert_eq!(used.len(), 1 << more);
            }
        }
    }
}
