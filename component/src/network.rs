//! Ranges of IP addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// An address of the range.
    pub address: IpAddr,
    /// How many leading bits all its addresses share.
    pub prefix: u8,
}

impl Network {
    /// The range of one address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self { address, prefix: width(address) }
    }

    /// Says whether an address lies in it. An IPv4 address mapped into IPv6 is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, address) = (self.address.to_canonical(), address.to_canonical());
        let differ = match (own, address) {
            (IpAddr::V4(own), IpAddr::V4(address)) => u128::from(own.to_bits() ^ address.to_bits()),
            (IpAddr::V6(own), IpAddr::V6(address)) => own.to_bits() ^ address.to_bits(),
            _ => return false,
        };
        let unused = width(own).saturating_sub(self.prefix);
        differ.checked_shr(unused.into()).unwrap_or(0) == 0
    }
}

/// Bits of an address of the same family.
fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("invalid CIDR address: {text}");
        let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let prefix: u8 = prefix.parse().map_err(|_| invalid())?;
        if prefix > width(address) { Err(invalid()) } else { Ok(Self { address, prefix }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_they_are_written() {
        for text in ["10.244.0.0/16", "fd00::/64", "0.0.0.0/0"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
        for text in ["10.244.0.0", "10.244.0.0/33", "fd00::/129", "x/8", "10.0.0.0/-1", ""] {
            assert_eq!(text.parse::<Network>().unwrap_err(), format!("invalid CIDR address: {text}"));
        }
    }

    #[test]
    fn networks_contain_by_prefix() {
        for (network, prefix, address, expected) in [
            ("10.244.0.0", 16, "10.244.255.1", true),
            ("10.244.0.0", 16, "10.245.0.1", false),
            ("10.244.0.7", 32, "10.244.0.7", true),
            ("10.244.0.7", 32, "10.244.0.6", false),
            ("10.244.0.7", 200, "10.244.0.6", false),
            ("0.0.0.0", 0, "203.0.113.9", true),
            ("0.0.0.0", 0, "2001:db8::1", false),
            ("10.0.0.0", 8, "::ffff:10.1.2.3", true),
            ("fd00:10::", 64, "fd00:10::9", true),
            ("fd00:10::", 64, "fd00:10:0:1::9", false),
            ("::", 0, "2001:db8::1", true),
            ("::1", 128, "::1", true),
            ("::1", 128, "::2", false),
        ] {
            let range = Network { address: network.parse().unwrap(), prefix };
            assert_eq!(range.contains(address.parse().unwrap()), expected, "{network}/{prefix} {address}");
        }
    }
}
