//! Image references: parsing, and the pull policy that follows from the tag.

/// A parsed image reference such as `registry:5000/team/app:1.2@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Registry host with port; `docker.io` when the reference names none.
    pub registry: String,
    /// Repository path, with `library/` for official images of `docker.io`.
    pub repository: String,
    /// Tag; `latest` when the reference has neither tag nor digest.
    pub tag: Option<String>,
    /// Digest with algorithm (`sha256:…`).
    pub digest: Option<String>,
}

/// Why a text is no image reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Empty, or characters and structure that no reference has.
    #[error("invalid reference format")]
    Format,
    /// The repository path has capitals.
    #[error("invalid reference format: repository name must be lowercase")]
    Uppercase,
    /// The repository path is longer than 255 characters.
    #[error("repository name must not be more than 255 characters")]
    TooLong,
}

impl Reference {
    /// Parses a reference and completes it as a container runtime does.
    ///
    /// # Errors
    /// Says how the text breaks the grammar of references.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        if digest.is_some_and(|d| !is_digest(d)) {
            return Err(Error::Format);
        }
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|t| !is_tag(t)) {
            return Err(Error::Format);
        }
        let (registry, path) = split_registry(name);
        check_path(path)?;
        let repository =
            if registry == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        if repository.len() > 255 {
            return Err(Error::TooLong);
        }
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Self { registry: registry.to_owned(), repository, tag, digest: digest.map(str::to_owned) })
    }

    /// Returns the full name a runtime stores the image under: `docker.io/library/busybox:latest`.
    pub fn canonical(&self) -> String {
        let mut out = format!("{}/{}", self.registry, self.repository);
        if let Some(tag) = &self.tag {
            out.push(':');
            out.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            out.push('@');
            out.push_str(digest);
        }
        out
    }
}

/// Returns the pull policy of a container that names none: `Always` for the tag `latest` (also implied), else `IfNotPresent`.
pub fn default_pull_policy(image: &str) -> &'static str {
    match Reference::parse(image) {
        Ok(reference) if reference.tag.as_deref() == Some("latest") => "Always",
        _ => "IfNotPresent",
    }
}

fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((host, path))
            if host.contains(['.', ':']) || host == "localhost" || host.chars().any(char::is_uppercase) =>
        {
            (if host == "index.docker.io" { "docker.io" } else { host }, path)
        }
        _ => ("docker.io", name),
    }
}

fn check_path(path: &str) -> Result<(), Error> {
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(Error::Uppercase);
    }
    if path.split('/').all(is_component) { Ok(()) } else { Err(Error::Format) }
}

/// Lower-case letters and digits, separated by `.`, `_`, `__` or dashes.
fn is_component(part: &str) -> bool {
    let alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separators = part.split(alnum).filter(|s| !s.is_empty());
    part.starts_with(alnum)
        && part.ends_with(alnum)
        && separators.all(|s| matches!(s, "." | "_" | "__") || s.chars().all(|c| c == '-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

fn is_digest(digest: &str) -> bool {
    match digest.split_once(':') {
        Some((algorithm, hex)) => {
            algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
                && hex.len() >= 32
                && hex.chars().all(|c| c.is_ascii_hexdigit())
                && (algorithm != "sha256" || hex.len() == 64)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_completed() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let rows = [
            ("busybox", "docker.io/library/busybox:latest".to_owned()),
            ("team/app:1", "docker.io/team/app:1".to_owned()),
            ("localhost:5000/a/b", "localhost:5000/a/b:latest".to_owned()),
            ("localhost/a", "localhost/a:latest".to_owned()),
            ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10".to_owned()),
            (&format!("x.io/a:1@{digest}"), format!("x.io/a:1@{digest}")),
            (&format!("a@{digest}"), format!("docker.io/library/a@{digest}")),
        ];
        for (text, canonical) in rows {
            assert_eq!(Reference::parse(text).map(|r| r.canonical()), Ok(canonical), "{text}");
        }
        for text in ["", "a b", "a:", ":a", "a//b", "a@sha256:1", "-a", "a..b", "a:t:u"] {
            assert_eq!(Reference::parse(text), Err(Error::Format), "{text}");
        }
        assert_eq!(Reference::parse("team/App"), Err(Error::Uppercase));
    }

    #[test]
    fn pull_policy_follows_the_tag() {
        for (image, policy) in [
            ("busybox", "Always"),
            ("busybox:latest", "Always"),
            ("busybox:1.36", "IfNotPresent"),
            ("localhost:5000/busybox", "Always"),
            ("not an image", "IfNotPresent"),
            ("", "IfNotPresent"),
        ] {
            assert_eq!(default_pull_policy(image), policy, "{image}");
        }
    }
}
