//! Checks of addresses, ports and protocols (`apimachinery/pkg/util/validation/ip.go @ v1.36`).

use std::net::IpAddr;

use crate::field::{At, Errors};
use crate::names::{self, Verdict};

/// Protocols that ports may have, as messages list them.
pub const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

/// Checks an IPv4 or IPv6 address.
///
/// # Errors
/// Upstream's message.
pub fn ip(text: &str) -> Verdict {
    match text.parse::<IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned()]),
    }
}

/// Checks an address with prefix length, `10.9.8.0/24`.
///
/// # Errors
/// Upstream's message.
pub fn cidr(text: &str) -> Verdict {
    if parse_cidr(text).is_some() {
        return Ok(());
    }
    Err(vec!["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)".to_owned()])
}

/// Parses an address with prefix length.
#[must_use]
pub fn parse_cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let bits: u8 = bits.parse().ok()?;
    let max = if address.is_ipv4() { 32 } else { 128 };
    (bits <= max).then_some((address, bits))
}

/// Says whether one network lies in another one and is smaller.
#[must_use]
pub fn strictly_within(inner: (IpAddr, u8), outer: (IpAddr, u8)) -> bool {
    let masked = |address: IpAddr, bits: u8| match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)).checked_shr(32_u32.saturating_sub(bits.into())).unwrap_or(0),
        IpAddr::V6(v6) => u128::from(v6).checked_shr(128_u32.saturating_sub(bits.into())).unwrap_or(0),
    };
    inner.0.is_ipv4() == outer.0.is_ipv4() && inner.1 > outer.1 && masked(inner.0, outer.1) == masked(outer.0, outer.1)
}

/// Returns `IPv4` or `IPv6` for an address or an address with prefix length.
#[must_use]
pub fn family(text: &str) -> Option<&'static str> {
    let address: IpAddr = text.split('/').next()?.parse().ok()?;
    Some(if address.is_ipv4() { "IPv4" } else { "IPv6" })
}

/// Adds an error for each reason why an address cannot be the target of traffic (unspecified, loopback, link local).
pub fn no_special_ip(at: &At<'_>, errs: &mut Errors) {
    let Ok(address) = at.text().parse::<IpAddr>() else { return };
    if address.is_unspecified() {
        errs.invalid(at, format!("may not be unspecified ({})", at.text()));
    }
    if address.is_loopback() {
        errs.invalid(at, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    let (unicast, multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), matches!(v4.octets(), [224, 0, 0, _])),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments().first().is_some_and(|s| s & 0xff0f == 0xff02)),
    };
    if unicast {
        errs.invalid(at, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    if multicast {
        errs.invalid(at, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
}

/// Checks a path that starts with a domain, `acme.io/foo`.
pub fn domain_prefixed_path(at: &At<'_>, errs: &mut Errors) {
    if !at.require(errs) {
        return;
    }
    match at.text().split_once('/') {
        Some((host, path)) if !host.is_empty() && !path.is_empty() => {
            errs.invalid_each(at, host, names::is_dns1123_subdomain(host));
        }
        _ => errs.invalid(at, "must be a domain-prefixed path (such as \"acme.io/foo\")"),
    }
}

/// Checks a port number; an absent one counts as 0.
pub fn port(at: &At<'_>, errs: &mut Errors) {
    let number = at.i64().unwrap_or(0);
    for message in names::is_port_number(number).err().unwrap_or_default() {
        errs.invalid_value(at, number, message);
    }
}

/// Checks a port that is a number or the name of a container port.
pub fn port_or_name(at: &At<'_>, errs: &mut Errors) {
    match at.str() {
        Some(_) => at.check(names::is_port_name, errs),
        None => port(at, errs),
    }
}

/// Checks a protocol that must be there.
pub fn protocol(at: &At<'_>, errs: &mut Errors) {
    at.require_one_of(PROTOCOLS, errs);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert!(ip("10.0.0.1").is_ok() && ip("::1").is_ok() && ip("10.0.0").is_err());
        assert!(
            cidr("10.0.0.0/8").is_ok()
                && cidr("10.0.0.0/33").is_err()
                && cidr("fd00::/64").is_ok()
                && cidr("x").is_err()
        );
        assert_eq!((family("10.0.0.0/8"), family("::1"), family("")), (Some("IPv4"), Some("IPv6"), None));
    }

    #[test]
    fn special_addresses_are_refused() {
        for (text, bad) in
            [("127.0.0.1", 1), ("0.0.0.0", 1), ("169.254.1.1", 1), ("224.0.0.9", 1), ("10.1.1.1", 0), ("ff02::1", 1)]
        {
            let value = serde_json::Value::from(text);
            let mut errs = Errors::new();
            no_special_ip(&At::root(&value), &mut errs);
            assert_eq!(errs.len(), bad, "{text}");
        }
    }
}
