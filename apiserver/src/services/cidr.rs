//! Ranges of IP addresses.

use std::{fmt, net::IpAddr, str::FromStr};

/// Why a range is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid CIDR address: {0}")]
pub struct InvalidCidr(String);

/// A range of addresses, IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    prefix: u8,
}

impl FromStr for Cidr {
    type Err = InvalidCidr;

    fn from_str(text: &str) -> Result<Self, InvalidCidr> {
        let invalid = || InvalidCidr(text.to_owned());
        let (base, prefix) = text.split_once('/').ok_or_else(invalid)?;
        let base: IpAddr = base.parse().map_err(|_| invalid())?;
        let prefix: u8 = prefix.parse().map_err(|_| invalid())?;
        if u32::from(prefix) > width(base) {
            return Err(invalid());
        }
        let host_bits = width(base) - u32::from(prefix);
        let masked = number(base).checked_shr(host_bits).and_then(|n| n.checked_shl(host_bits)).unwrap_or(0);
        Ok(Self { base: address(masked, base), prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

impl Cidr {
    /// Number of addresses that can be given out: without network and, for IPv4, broadcast address. At most 65,536 of a
    /// larger IPv6 range are used, as upstream.
    pub fn usable(&self) -> u32 {
        let host_bits = width(self.base) - u32::from(self.prefix);
        if self.base.is_ipv6() {
            return 1_u32.checked_shl(host_bits.min(16)).unwrap_or(u32::MAX).saturating_sub(1);
        }
        1_u32.checked_shl(host_bits).unwrap_or(u32::MAX).saturating_sub(2)
    }

    /// Returns the usable address number `index`, from 0.
    pub fn nth(&self, index: u32) -> IpAddr {
        address(number(self.base) + 1 + u128::from(index), self.base)
    }

    /// Tells whether an address can be given out.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.base.is_ipv4()
            && number(address).checked_sub(number(self.base) + 1).is_some_and(|index| index < u128::from(self.usable()))
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn address(number: u128, like: IpAddr) -> IpAddr {
    if like.is_ipv4() {
        IpAddr::V4(u32::try_from(number).unwrap_or(u32::MAX).into())
    } else {
        IpAddr::V6(number.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_knows_its_addresses() {
        let range: Cidr = "10.96.0.5/12".parse().unwrap();
        assert_eq!(range.to_string(), "10.96.0.0/12");
        assert_eq!(range.nth(0).to_string(), "10.96.0.1");
        assert_eq!(range.usable(), (1 << 20) - 2);
        assert!(range.contains("10.111.255.254".parse().unwrap()));
        for outside in ["10.96.0.0", "10.111.255.255", "10.112.0.1", "::1"] {
            assert!(!range.contains(outside.parse().unwrap()), "{outside}");
        }
        let six: Cidr = "fd00::/108".parse().unwrap();
        assert_eq!((six.usable(), six.nth(9).to_string()), (65_535, "fd00::a".to_owned()));
        for bad in ["10.0.0.0", "x/8", "10.0.0.0/33"] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
    }
}
