//! Image references. Pure. Grammar of the distribution project (`reference/reference.go`).

/// Adds `:latest` to a reference without tag and digest.
///
/// # Errors
/// What is wrong with the reference, in the words of the reference implementation.
pub fn with_default_tag(image: &str) -> Result<String, String> {
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest.get(slash..).and_then(|last| last.split_once(':')) {
        Some((last, tag)) => (rest.get(..slash + last.len()).unwrap_or_default(), Some(tag)),
        None => (rest, None),
    };
    let (domain, path) = split_domain(name);
    if path.chars().any(|c| c.is_ascii_uppercase()) && valid_path(&path.to_ascii_lowercase()) {
        let full = if domain.is_none() && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        return Err(format!("invalid reference format: repository name ({full}) must be lowercase"));
    }
    let good = domain.is_none_or(valid_domain)
        && valid_path(path)
        && tag.is_none_or(valid_tag)
        && digest.is_none_or(valid_digest)
        && name.len() <= 255;
    if !good {
        return Err("invalid reference format".to_owned());
    }
    Ok(if tag.is_none() && digest.is_none() { format!("{image}:latest") } else { image.to_owned() })
}

/// The registry host of a reference; `docker.io` when it names none.
pub fn registry(image: &str) -> &str {
    split_domain(image).0.unwrap_or("docker.io")
}

fn split_domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first => {
            (Some(first), rest)
        }
        _ => (None, name),
    }
}

fn valid_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(']') || !port.is_empty() => (host, Some(port)),
        _ => (domain, None),
    };
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    (bracketed || host.split('.').all(part))
        && port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
}

fn valid_path(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(valid_component)
}

/// Lower-case letters and digits, with separators `.`, `_`, `__` or dashes only between them.
fn valid_component(part: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !part.starts_with(alphanumeric) || !part.ends_with(alphanumeric) {
        return false;
    }
    let separators = part.split(alphanumeric).filter(|run| !run.is_empty());
    separators.into_iter().all(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|b| b == b'-'))
}

fn valid_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn valid_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
            && algorithm.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+.".contains(&b))
            && hex.len() >= 32
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_without_tag_means_latest() {
        let digest = format!("busybox@sha256:{}", "a".repeat(64));
        for (image, expected) in [
            ("busybox", "busybox:latest"),
            ("busybox:1.29", "busybox:1.29"),
            ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
            ("registry.k8s.io/e2e-test-images/agnhost:2.21", "registry.k8s.io/e2e-test-images/agnhost:2.21"),
            ("a__b/c-d.e", "a__b/c-d.e:latest"),
            (digest.as_str(), digest.as_str()),
        ] {
            assert_eq!(with_default_tag(image).as_deref(), Ok(expected));
        }
        assert_eq!(
            (registry("a/b"), registry("gcr.io/a/b"), registry("h:5000/x:1")),
            ("docker.io", "gcr.io", "h:5000")
        );
    }

    #[test]
    fn bad_references_are_named_as_upstream_names_them() {
        for image in ["", "a b", ":tag", "a//b", "a:", "busybox:@", "a@sha256:12", "-a", "a..b", "x/ä"] {
            assert_eq!(with_default_tag(image), Err("invalid reference format".to_owned()), "{image}");
        }
        assert_eq!(
            with_default_tag("UPPER").unwrap_err(),
            "invalid reference format: repository name (library/UPPER) must be lowercase"
        );
    }
}
