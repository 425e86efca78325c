//! Image names: what an archive calls its images, and the full form under which pods find them.

use serde::Deserialize;

/// Registry, namespace and tag that a short name stands for.
const DEFAULT_REGISTRY: &str = "docker.io";
const DEFAULT_NAMESPACE: &str = "library";
const DEFAULT_TAG: &str = "latest";

/// Expands a reference as Docker does: `busybox` is `docker.io/library/busybox:latest`.
pub(super) fn normalise(reference: &str) -> String {
    let (head, rest) = reference.split_once('/').unwrap_or(("", reference));
    let is_registry = head.contains(['.', ':']) || head == "localhost";
    let (registry, path) = if is_registry { (head, rest) } else { (DEFAULT_REGISTRY, reference) };
    let registry = if registry == "index.docker.io" { DEFAULT_REGISTRY } else { registry };
    let mut full = String::from(registry);
    if registry == DEFAULT_REGISTRY && !path.contains('/') {
        full.push('/');
        full.push_str(DEFAULT_NAMESPACE);
    }
    full.push('/');
    full.push_str(path);
    let last = path.rsplit('/').next().unwrap_or(path);
    if !last.contains(':') && !last.contains('@') {
        full.push(':');
        full.push_str(DEFAULT_TAG);
    }
    full
}

/// A name in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// As containerd's importer stores it.
    pub(super) stored: String,
    /// In full.
    pub(super) full: String,
    /// Whether the archive only has the tag, and the repository comes from the file's name.
    pub(super) tag_only: bool,
}

/// Reads the names in the two files an archive may have. `base` is the repository for images that only have a tag.
///
/// # Errors
/// Which file cannot be read, and why.
pub(super) fn in_archive(files: &[(String, Vec<u8>)], base: &str) -> Result<Vec<Name>, String> {
    let content = |name: &str| files.iter().find(|(file, _)| file == name).map(|(_, content)| content.as_slice());
    let mut names: Vec<Name> = Vec::new();
    if let Some(index) = content("index.json") {
        let index: Index = serde_json::from_slice(index).map_err(|error| format!("index.json: {error}"))?;
        names.extend(index.manifests.iter().filter_map(|manifest| manifest.annotations.name(base)));
    } else if let Some(manifest) = content("manifest.json") {
        let images: Vec<Saved> = serde_json::from_slice(manifest).map_err(|error| format!("manifest.json: {error}"))?;
        let tags = images.into_iter().flat_map(|image| image.tags.unwrap_or_default());
        names.extend(tags.map(|tag| Name { stored: normalise(&tag), full: normalise(&tag), tag_only: false }));
    } else {
        return Err("it has neither index.json (OCI) nor manifest.json (docker save)".to_owned());
    }
    names.dedup();
    Ok(names)
}

/// An image in a `docker save` archive.
#[derive(Deserialize)]
struct Saved {
    #[serde(rename = "RepoTags")]
    tags: Option<Vec<String>>,
}

/// An OCI index.
#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Manifest>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Deserialize, Default)]
struct Annotations {
    #[serde(rename = "io.containerd.image.name")]
    containerd: Option<String>,
    #[serde(rename = "org.opencontainers.image.ref.name")]
    oci: Option<String>,
}

impl Annotations {
    /// containerd's own annotation is taken as it is, OCI's may be a whole reference or only a tag.
    fn name(&self, base: &str) -> Option<Name> {
        let (stored, tag_only) = match (&self.containerd, &self.oci) {
            (Some(name), _) if !name.is_empty() => (name.clone(), false),
            (_, Some(name)) if name.contains(['/', ':', '@']) => (name.clone(), false),
            (_, Some(tag)) if !tag.is_empty() => (format!("{base}:{tag}"), true),
            _ => return None,
        };
        Some(Name { full: normalise(&stored), stored, tag_only })
    }
}

/// The repository for images without one, from the archive's file name: lower case, and nothing a reference forbids.
pub(super) fn base_of(file: &std::path::Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let stem = [".tar.gz", ".tgz", ".tar"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    let clean: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let clean = clean.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    format!("{DEFAULT_REGISTRY}/{DEFAULT_NAMESPACE}/{}", if clean.is_empty() { "image" } else { &clean })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_grow_to_full_references() {
        for (short, full) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1.29", "docker.io/library/busybox:1.29"),
            ("me/app", "docker.io/me/app:latest"),
            ("docker.io/busybox:1", "docker.io/library/busybox:1"),
            ("index.docker.io/library/busybox", "docker.io/library/busybox:latest"),
            ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
            ("localhost/app", "localhost/app:latest"),
            ("reg:5000/app", "reg:5000/app:latest"),
            ("app@sha256:00", "docker.io/library/app@sha256:00"),
        ] {
            assert_eq!(normalise(short), full, "{short}");
            assert_eq!(normalise(full), full, "{full} is stable");
        }
    }

    fn names(file: &str, content: &str) -> Result<Vec<String>, String> {
        let files = [(file.to_owned(), content.as_bytes().to_vec())];
        in_archive(&files, "docker.io/library/base").map(|names| names.into_iter().map(|name| name.full).collect())
    }

    #[test]
    fn names_come_from_docker_and_oci_archives() {
        let docker = r#"[{"Config":"c","RepoTags":["busybox:1.29","x.io/y:2"],"Layers":[]},{"RepoTags":null}]"#;
        assert_eq!(names("manifest.json", docker).unwrap(), ["docker.io/library/busybox:1.29", "x.io/y:2"]);
        let oci = r#"{"manifests":[{"annotations":{"io.containerd.image.name":"docker.io/library/a:1"}},
            {"annotations":{"org.opencontainers.image.ref.name":"me/b:2"}},
            {"annotations":{"org.opencontainers.image.ref.name":"v3"}},{}]}"#;
        let found = names("index.json", oci).unwrap();
        assert_eq!(found, ["docker.io/library/a:1", "docker.io/me/b:2", "docker.io/library/base:v3"]);
    }

    #[test]
    fn archives_without_images_are_refused_in_words() {
        assert!(names("other", "").unwrap_err().contains("neither index.json"));
        assert!(names("index.json", "[").unwrap_err().starts_with("index.json: "));
    }

    #[test]
    fn the_file_name_becomes_a_repository() {
        for (file, base) in [("/x/My_App.v2.tar.gz", "my-app-v2"), ("/x/..tar", "image"), ("layout", "layout")] {
            assert_eq!(base_of(std::path::Path::new(file)), format!("docker.io/library/{base}"));
        }
    }
}
