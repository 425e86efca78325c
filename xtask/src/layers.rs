//! Dependencies between crates point one way: `api, proto, component ← store, client ← components ← corvette, e2e`.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// For each crate, which of ours it may use. A crate that is not listed may use none and is itself an offence.
const ALLOWED: &[(&str, &[&str])] = &[
    ("api", &[]),
    ("proto", &[]),
    ("component", &[]),
    ("store", &["component"]),
    ("client", &["api", "component"]),
    ("apiserver", &["api", "component", "store"]),
    ("scheduler", &["api", "component", "client"]),
    ("controller-manager", &["api", "component", "client"]),
    ("kubelet", &["api", "component", "client", "proto"]),
    ("proxy", &["client", "component"]),
    ("runtime", &["component", "proto"]),
    ("dns", &["api", "component", "client"]),
    ("ctl", &["api", "component", "client"]),
    (
        "corvette",
        &[
            "api",
            "component",
            "store",
            "client",
            "apiserver",
            "scheduler",
            "controller-manager",
            "dns",
            "kubelet",
            "proxy",
            "runtime",
        ],
    ),
    (
        "e2e",
        &[
            "api",
            "component",
            "store",
            "client",
            "apiserver",
            "scheduler",
            "controller-manager",
            "kubelet",
            "runtime",
            "proto",
        ],
    ),
    ("xtask", &[]),
    ("fuzz", &["api"]),
];

/// The workspaces: fuzz targets have one of their own.
const MANIFESTS: &[&str] = &["Cargo.toml", "fuzz/Cargo.toml"];

/// Crates that decide and do no IO: no runtime, no sockets.
const PURE: &[(&str, &[&str])] =
    &[("api", &["tokio", "hyper", "kube", "axum", "rusqlite", "etcd-client", "nix"]), ("proto", &["kube", "rusqlite"])];

/// Arrows that point the wrong way. Development dependencies count only where they reach from a component to another.
///
/// # Errors
/// When `cargo metadata` fails.
pub fn offences(root: &Path) -> Result<Vec<String>> {
    let mut packages = Vec::new();
    for manifest in MANIFESTS {
        let mut command = MetadataCommand::new();
        let metadata = command.manifest_path(root.join(manifest)).no_deps().exec().context("cargo metadata")?;
        packages.extend(metadata.workspace_packages().into_iter().cloned());
    }
    let mut found = Vec::new();
    for package in packages {
        let name = short(&package.name);
        let Some((_, allowed)) = ALLOWED.iter().find(|(listed, _)| *listed == name) else {
            found.push(format!("{name}: a crate without a place in xtask/src/layers.rs"));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = dependency.path.is_some().then(|| short(&dependency.name));
            if let Some(used) = ours.filter(|used| !allowed.contains(used)) {
                found.push(format!("{name} may not depend on {used}"));
            }
            let pure = PURE.iter().find(|(listed, _)| *listed == name).map_or(&[][..], |(_, banned)| banned);
            if dependency.kind == DependencyKind::Normal && pure.contains(&dependency.name.as_str()) {
                found.push(format!("{name} is pure and may not depend on {}", dependency.name));
            }
        }
    }
    Ok(found)
}

fn short(name: &str) -> &str {
    name.strip_prefix("corvette-").unwrap_or(name)
}
