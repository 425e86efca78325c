//! What the words after a command name mean: `pods`, `pods a b`, `pod/a svc/b`, `pods,services`, `all`.

use anyhow::{Result, bail};

use crate::commands::Item;
use crate::resources::{Resource, Resources};

/// Where to look when no kind was named.
pub const SEE_RESOURCES: &str = "Use \"cvctl api-resources\" for a complete list of supported resources.";

/// Where to look further.
pub const EXPLAIN: &str =
    "Use \"cvctl explain <resource>\" for a detailed description of that resource (e.g. cvctl explain pods).";

/// A resource, and the names that were given; none means all of them.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// Names of objects.
    pub names: Vec<String>,
    /// Their namespace, where it is not that of the session.
    pub namespace: Option<String>,
}

impl<'a> From<Item<'a>> for Target<'a> {
    fn from(item: Item<'a>) -> Self {
        Self { resource: item.resource, names: vec![item.name], namespace: Some(item.namespace) }
    }
}

/// Reads the words; no words mean nothing.
///
/// # Errors
/// Kubectl's, for words that do not fit together.
pub fn parse<'a>(words: &[String], resources: &'a Resources) -> Result<Vec<Target<'a>>> {
    let Some((first, rest)) = words.split_first() else { return Ok(Vec::new()) };
    if words.iter().any(|word| word.contains('/')) {
        return words.iter().map(|word| slashed(word, resources)).collect();
    }
    let mut targets = Vec::new();
    for kind in first.split(',') {
        let category = resources.in_category(kind);
        if category.is_empty() {
            targets.push(Target { resource: resources.find(kind)?, names: rest.to_vec(), namespace: None });
        } else {
            targets.extend(category.into_iter().map(|resource| Target {
                resource,
                names: rest.to_vec(),
                namespace: None,
            }));
        }
    }
    Ok(targets)
}

fn slashed<'a>(word: &str, resources: &'a Resources) -> Result<Target<'a>> {
    let Some((kind, name)) = word.split_once('/') else {
        bail!(
            "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'cvctl get resource/<resource_name>' instead of 'cvctl get resource resource/<resource_name>'"
        );
    };
    if name.contains('/') {
        bail!("arguments in resource/name form may not have more than one slash");
    }
    if kind.is_empty() || name.is_empty() {
        bail!("arguments in resource/name form must have a single resource and name");
    }
    Ok(Target { resource: resources.find(kind)?, names: vec![name.to_owned()], namespace: None })
}
