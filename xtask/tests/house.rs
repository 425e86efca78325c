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
