//! Benchmarks: each lives beside its crate; this is the list.

use anyhow::{Result, bail};

use crate::run::cargo;

/// Name, crate and what is measured.
const BENCHES: &[(&str, &str, &str)] = &[
    ("api", "corvette-e2e", "requests per second, latency and CPU over TLS at 1, 16 and 64 connections; memory"),
    ("up", "corvette-e2e", "start to /readyz, to node Ready, apply to Running; memory"),
    ("request", "corvette-apiserver", "CPU per request in-process"),
    ("fanout", "corvette-apiserver", "watch events delivered"),
    ("memory", "corvette-apiserver", "resident memory with 10,000 pods stored, in-process"),
    ("durable", "corvette-store", "durable writes"),
    ("object", "corvette-api", "parsing, checking, patching, encoding one object"),
    ("cycle", "corvette-scheduler", "scheduling decisions"),
    ("rules", "corvette-proxy", "rules of services after a change of one"),
    ("query", "corvette-dns", "DNS answers, changes of the zone, questions over UDP"),
];

/// Runs the benchmark called `name`.
///
/// # Errors
/// When there is none of that name, or it fails.
pub fn run(name: &str, extra: &[String]) -> Result<()> {
    let Some((bench, package, _)) = BENCHES.iter().find(|(bench, ..)| *bench == name) else {
        let known: Vec<String> = BENCHES.iter().map(|(bench, _, what)| format!("  {bench:<8} {what}")).collect();
        bail!("no benchmark {name:?}; there are:\n{}", known.join("\n"));
    };
    if *package == "corvette-e2e" {
        cargo(&["build", "--quiet", "--release", "--package", "corvette", "--package", "corvette-ctl"])?;
    }
    let mut args = vec!["bench", "--quiet", "--package", package, "--bench", bench, "--"];
    args.extend(extra.iter().map(String::as_str));
    cargo(&args)
}
