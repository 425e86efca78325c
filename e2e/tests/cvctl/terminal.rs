//! What a terminal makes different: colours, and commands that want one.

use corvette_e2e::{Cluster, Output, program, run};

/// Green, as states that are well are shown.
const GREEN: &str = "\u{1b}[32mRunning";

/// Runs `cvctl` on a terminal of its own.
fn on_a_terminal(cluster: &Cluster, words: &str, variable: Option<(&str, &str)>) -> Output {
    let line = format!("{} {words}", program("cvctl").display());
    let mut command = cluster.machine().command(std::path::Path::new("script"));
    command.args(["-qec", &line, "/dev/null"]).env("KUBECONFIG", cluster.kubeconfig()).envs(variable);
    run(&mut command, Some("")).expect("script runs")
}

/// Colours are for terminals that want them; `exec -t` has one to pass on, or says that there is none.
pub fn are_told_from_pipes(cluster: &Cluster, pod: &str) {
    let words = format!("get pod {pod}");
    assert!(on_a_terminal(cluster, &words, None).success().contains(GREEN));
    assert!(!on_a_terminal(cluster, &words, Some(("NO_COLOR", "1"))).success().contains(GREEN));
    assert!(!cluster.cvctl(&["get", "pod", pod], None).success().contains('\u{1b}'));
    let words = format!("exec -it {pod} -- test -t 0");
    assert!(on_a_terminal(cluster, &words, None).ok, "the command has a terminal");
    let piped = cluster.cvctl(&["exec", "-it", pod, "--", "test", "-t", "0"], Some(""));
    assert!(!piped.ok && piped.err.starts_with("Unable to use a TTY - input is not a terminal"), "{}", piped.err);
}
