//! Settings of the kernel that services need, in this network namespace.

use std::io;
use std::path::Path;

use corvette_component::command::run;
use tokio::process::Command;

/// Makes packets between pods of one bridge pass the rules: answers would else come from another address than was asked.
const BRIDGED: &str = "/proc/sys/net/bridge";

/// Turns on forwarding and the filtering of bridged packets. What cannot be set is logged: it may be needless here, as without a
/// bridge or with forwarding set by somebody else.
pub(crate) async fn prepare() {
    if !Path::new(BRIDGED).exists()
        && let Err(error) = run("modprobe br_netfilter", Command::new("modprobe").arg("br_netfilter")).await
    {
        tracing::warn!(%error, "bridged packets do not pass the rules of services");
    }
    let settings = ["/proc/sys/net/ipv4/ip_forward".to_owned()];
    let bridged = ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"].map(|name| format!("{BRIDGED}/{name}"));
    for path in settings.iter().chain(&bridged) {
        if let Err(error) = turn_on(path) {
            tracing::warn!(path, %error, "not set to 1");
        }
    }
}

fn turn_on(path: &str) -> io::Result<()> {
    if std::fs::read_to_string(path)?.trim() == "1" { Ok(()) } else { std::fs::write(path, "1") }
}
