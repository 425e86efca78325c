/// Tells whether the answer to an explicit progress request can be believed.
///
/// Earlier servers answer from the side, overtaking events that are still on their way
/// (etcd-io/etcd issue 15220; upstream has the same bounds in
/// staging/src/k8s.io/apiserver/pkg/storage/feature/feature_support_checker.go @ v1.36).
pub(super) fn progress_is_ordered(version: &str) -> bool {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    match version {
        (3, 4, patch) => patch >= 31,
        (3, 5, patch) => patch >= 13,
        version => version >= (3, 6, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_servers_keep_the_order() {
        for (version, expected) in [
            ("3.3.27", false),
            ("3.4.23", false),
            ("3.4.31", true),
            ("3.5.12", false),
            ("3.5.13", true),
            ("3.6.0-rc.1", true),
            ("4.0.0", true),
            ("nonsense", false),
        ] {
            assert_eq!(progress_is_ordered(version), expected, "{version}");
        }
    }
}
