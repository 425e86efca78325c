//! The rules of the house hold.

#[test]
fn dependencies_point_one_way() {
    let offences = xtask::layers::offences(&xtask::root().unwrap()).unwrap();
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn files_are_short_and_finished() {
    let offences = xtask::tidy::offences(&xtask::root().unwrap()).unwrap();
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn cargo_run_starts_corvette() {
    let manifest = xtask::root().unwrap().join("Cargo.toml");
    let metadata = cargo_metadata::MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let members = metadata.workspace_default_packages();
    let programs: Vec<&str> =
        members.iter().flat_map(|p| &p.targets).filter(|t| t.is_bin()).map(|t| t.name.as_str()).collect();
    assert_eq!(programs, ["corvette"], "`cargo run --release -- up` must know which program is meant");
}
