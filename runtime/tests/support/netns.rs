//! A network and mount namespace for a test. The kubelet's tests use this file too.

use std::process::Command;

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "CORVETTE_TEST_NETNS";

/// Runs the calling test again in a network and mount namespace of its own and asserts its success; returns `true` in
/// the process that must do the work.
pub fn in_namespace(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
        assert!(up.success());
        return true;
    }
    let status = Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its namespace");
    false
}
