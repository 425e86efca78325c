//! Removes the rules of host ports: those of pods that the network plugin never got to take away, and the chains that
//! it makes for all pods and leaves behind.

use std::collections::BTreeSet;

use corvette_component::command::{run, run_with};
use tokio::process::Command;

use super::Error;

/// The chain from which the `portmap` plugin jumps to the chain of each pod.
const PODS: &str = "CNI-HOSTPORT-DNAT";
/// Chains it makes for all pods. It makes them again when it misses them.
const SHARED: [&str; 3] = [PODS, "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-SETMARK"];

/// Removes the host ports of a network's pods, and the plugin's own chains when no other network uses them.
///
/// # Errors
/// [`Error::Command`] when they cannot be changed. Without the program that the plugin uses there are none.
pub(super) async fn remove(network: &str) -> Result<(), Error> {
    let saved = match run("iptables-save", Command::new("iptables-save").args(["-t", "nat"])).await {
        Err(error) if error.missing => return Ok(()),
        saved => saved?,
    };
    let Some(changes) = removal(&saved, network) else { return Ok(()) };
    run_with("iptables-restore", Command::new("iptables-restore").args(["--noflush", "--wait"]), &changes).await?;
    Ok(())
}

/// Turns what `iptables-save` prints into what `iptables-restore` must do, all at once. Pure.
fn removal(saved: &str, network: &str) -> Option<String> {
    let rules: Vec<&str> = saved.lines().filter_map(|line| line.strip_prefix("-A ")).collect();
    let chains: BTreeSet<&str> = saved.lines().filter_map(|line| line.strip_prefix(':')?.split(' ').next()).collect();
    let name = format!("name: \\\"{network}\\\" id: ");
    let (ours, others): (Vec<&str>, Vec<&str>) =
        rules.iter().filter(|rule| chain(rule) == PODS).partition(|rule| rule.contains(&name));
    let mut gone: BTreeSet<&str> =
        ours.iter().filter_map(|rule| target(rule)).filter(|target| chains.contains(target)).collect();
    if others.is_empty() {
        gone.extend(SHARED.iter().filter(|chain| chains.contains(**chain)));
    }
    // Rule by rule: a chain in which another process has put something meanwhile is not emptied but refused.
    let doomed = |rule: &&&str| {
        ours.contains(rule) || gone.contains(chain(rule)) || target(rule).is_some_and(|to| gone.contains(to))
    };
    let mut lines: Vec<String> = rules.iter().filter(doomed).map(|rule| format!("-D {rule}")).collect();
    lines.extend(gone.iter().map(|chain| format!("-X {chain}")));
    (!lines.is_empty()).then(|| format!("*nat\n{}\nCOMMIT\n", lines.join("\n")))
}

/// The chain a rule is in.
fn chain(rule: &str) -> &str {
    rule.split(' ').next().unwrap_or_default()
}

/// The chain or action a rule leads to.
fn target(rule: &str) -> Option<&str> {
    rule.rsplit_once(" -j ").and_then(|(_, rest)| rest.split(' ').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED_ONLY: &str = "# Generated
*nat
:PREROUTING ACCEPT [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-HOSTPORT-MASQ - [0:0]
:CNI-HOSTPORT-SETMARK - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -m comment --comment \"CNI portfwd requiring masquerade\" -j CNI-HOSTPORT-MASQ
-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
-A CNI-HOSTPORT-SETMARK -m comment --comment \"CNI portfwd masquerade mark\" -j MARK --set-xmark 0x2000/0x2000
COMMIT
";

    /// The table with one more pod of a network.
    fn with_pod(saved: &str, network: &str, tag: &str) -> String {
        let pod = format!(
            ":CNI-DN-{tag} - [0:0]
-A CNI-DN-{tag} -s 10.244.0.0/24 -p tcp -m tcp --dport 80 -j CNI-HOSTPORT-SETMARK
-A CNI-DN-{tag} -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.0.33:80
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment \"dnat name: \\\"{network}\\\" id: \\\"{tag}\\\"\" -j CNI-DN-{tag}
COMMIT"
        );
        saved.replace("COMMIT", &pod)
    }

    #[test]
    fn chains_that_nobody_uses_go_with_all_that_leads_there() {
        let changes = removal(&with_pod(SHARED_ONLY, "ours", "a"), "ours").unwrap();
        let lines: Vec<&str> = changes.lines().collect();
        assert_eq!((lines.first(), lines.last()), (Some(&"*nat"), Some(&"COMMIT")));
        assert_eq!(lines.iter().filter(|line| line.starts_with("-D ")).count(), 7, "{changes}");
        for chain in ["CNI-DN-a", "CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-SETMARK"] {
            assert!(lines.contains(&format!("-X {chain}").as_str()), "{changes}");
        }
        let first_chain = lines.iter().position(|line| line.starts_with("-X")).unwrap();
        assert!(lines.iter().skip(first_chain).all(|line| !line.starts_with("-D")), "rules first: {changes}");
    }

    #[test]
    fn the_pods_of_another_network_keep_theirs() {
        let saved = with_pod(&with_pod(SHARED_ONLY, "ours", "a"), "theirs", "b");
        let changes = removal(&saved, "ours").unwrap();
        assert!(changes.contains("-X CNI-DN-a") && !changes.contains("CNI-DN-b"), "{changes}");
        assert!(!changes.contains("-X CNI-HOSTPORT"), "{changes}");
        assert_eq!(removal(&with_pod(SHARED_ONLY, "theirs", "b"), "ours"), None);
        assert_eq!(removal("", "ours"), None);
    }
}
