//! What can be set.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Configures the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of this machine's Node: says which endpoints are local, and in which zone it is.
    pub node_name: String,
    /// Addresses of all pods. What comes from elsewhere to a cluster address gets this node's address as its source.
    pub cluster: Vec<Network>,
    /// Give pods this node's address when they speak to something outside the cluster.
    pub masquerade_egress: bool,
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// An address of the range.
    pub address: IpAddr,
    /// How many leading bits all its addresses share.
    pub prefix: u8,
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
        let most = if address.is_ipv4() { 32 } else { 128 };
        if prefix > most { Err(invalid()) } else { Ok(Self { address, prefix }) }
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
}
