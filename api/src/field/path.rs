//! Paths of fields: `spec.containers[0].env[FOO].value`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The place of a value inside an object. Cheap to clone; displayed as `spec.containers[0].name`.
#[derive(Debug, Clone, Default)]
pub struct Path(Option<Arc<Node>>);

#[derive(Debug)]
struct Node {
    parent: Path,
    segment: Segment,
}

#[derive(Debug)]
enum Segment {
    Child(Cow<'static, str>),
    Index(usize),
    Key(String),
}

impl Path {
    /// Starts a path at a top-level field.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self::default().child(name)
    }

    /// Returns the empty path: the object itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// Returns the path of a field of this value. The name may hold dots (`spec.replicas`) to go several levels at once.
    #[must_use]
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        self.with(Segment::Child(name.into()))
    }

    /// Returns the path of an item of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// Returns the path of an entry of this map: `metadata.labels[key]`.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// Says whether this is the object itself.
    pub fn is_root(&self) -> bool {
        self.0.is_none()
    }

    fn with(&self, segment: Segment) -> Self {
        Self(Some(Arc::new(Node { parent: self.clone(), segment })))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(node) = &self.0 else { return Ok(()) };
        node.parent.write(f)?;
        match &node.segment {
            // Upstream tells a field from an index by its having a name.
            Segment::Child(name) if name.is_empty() => f.write_str("[]"),
            Segment::Child(name) if node.parent.is_root() => f.write_str(name),
            Segment::Child(name) => write!(f, ".{name}"),
            Segment::Index(index) => write!(f, "[{index}]"),
            Segment::Key(key) => write!(f, "[{key}]"),
        }
    }
}

impl fmt::Display for Path {
    /// Writes the path; the root shows as `<nil>`, as upstream.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() { f.write_str("<nil>") } else { self.write(f) }
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Path {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_show_children_indexes_and_keys() {
        let path = Path::new("spec").child("containers").index(0).child("env").key("a.b").child("value");
        assert_eq!(path.to_string(), "spec.containers[0].env[a.b].value");
        assert_eq!(Path::root().to_string(), "<nil>");
        assert_eq!(Path::new("").to_string(), "[]");
        assert_eq!(Path::root().index(3).to_string(), "[3]");
    }
}
