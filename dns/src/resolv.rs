//! The servers that a `resolv.conf` names. Pure.

use std::net::{IpAddr, SocketAddr};

/// Port of DNS.
const PORT: u16 = 53;
/// How many servers count, as in the C library (`MAXNS` in `resolv.h`).
const MAX_SERVERS: usize = 3;

/// Returns the name servers of a `resolv.conf`, without the server that listens at `own`: it would ask itself.
///
/// As in the C library, comments begin with `#` or `;`, later words of a line are ignored and the first three usable servers
/// count. A server with a scope (`fe80::1%eth0`) is not usable here.
#[must_use]
pub fn upstreams(resolv_conf: &str, own: SocketAddr) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for line in resolv_conf.lines() {
        let mut words = line.split_whitespace();
        let (Some("nameserver"), Some(word)) = (words.next(), words.next()) else { continue };
        let Ok(address) = word.parse::<IpAddr>() else { continue };
        let server = SocketAddr::new(address.to_canonical(), PORT);
        if !is_own(server, own) && !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers.truncate(MAX_SERVERS);
    servers
}

/// A server on all addresses is found on the loopback ones, too; its other addresses are not known here.
fn is_own(server: SocketAddr, own: SocketAddr) -> bool {
    let everywhere = own.ip().is_unspecified() && (server.ip().is_loopback() || server.ip().is_unspecified());
    server.port() == own.port() && (everywhere || server.ip() == own.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, own: &str, expected: &[&str]) {
        let expected: Vec<SocketAddr> = expected.iter().map(|server| server.parse().unwrap()).collect();
        assert_eq!(upstreams(text, own.parse().unwrap()), expected, "{text:?}");
    }

    #[test]
    fn servers_are_read_as_the_c_library_reads_them() {
        let own = "10.96.0.10:53";
        check("", own, &[]);
        check("nameserver 192.0.2.1\n", own, &["192.0.2.1:53"]);
        check("# nameserver 192.0.2.1\n;nameserver 192.0.2.2\nsearch a.test\noptions ndots:5\n", own, &[]);
        check("  nameserver\t192.0.2.1 # near\r\nnameserver 2001:db8::1", own, &["192.0.2.1:53", "[2001:db8::1]:53"]);
        check("nameserver nonsense\nnameserver\nnameserver fe80::1%eth0\nnameserver 192.0.2.300\n", own, &[]);
    }

    #[test]
    fn three_servers_count_and_no_server_twice() {
        let text = "nameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4";
        check(text, "10.96.0.10:53", &["192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"]);
    }

    #[test]
    fn the_own_address_is_not_an_upstream() {
        let text = "nameserver 10.96.0.10\nnameserver 127.0.0.1\nnameserver ::1\nnameserver 192.0.2.1\n";
        check(text, "10.96.0.10:53", &["127.0.0.1:53", "[::1]:53", "192.0.2.1:53"]);
        check(text, "10.96.0.10:5353", &["10.96.0.10:53", "127.0.0.1:53", "[::1]:53"]);
        check(text, "0.0.0.0:53", &["10.96.0.10:53", "192.0.2.1:53"]);
        check(text, "[::]:53", &["10.96.0.10:53", "192.0.2.1:53"]);
    }
}
