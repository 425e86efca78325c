//! `cvctl label` and `cvctl annotate`.

use anyhow::{Result, bail};
use clap::Args;
use corvette_api::{meta, names};
use serde_json::{Map, Value};

use super::common::{Writing, change_each};
use super::select::{Selection, Unnamed};
use crate::output::go;
use crate::session::Session;

/// Which map of the metadata is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Labels.
    Labels,
    /// Annotations.
    Annotations,
}

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    writing: Writing,
    /// If true, allow values to be overwritten, otherwise reject updates that overwrite existing values.
    #[arg(long)]
    overwrite: bool,
    /// If true, display the values for a given resource.
    #[arg(long)]
    list: bool,
    /// If non-empty, the update will only succeed if this is the current resource version of the object.
    #[arg(long, default_value = "", hide_default_value = true)]
    resource_version: String,
}

/// What is to become of a map.
#[derive(Debug, Default, PartialEq)]
struct Edit {
    set: Map<String, Value>,
    remove: Vec<String>,
}

pub async fn run(session: &Session, mut flags: Flags, of: Of) -> Result<()> {
    let edit = Edit::take(&mut flags.selection.words, of)?;
    if flags.selection.is_empty() {
        bail!("one or more resources must be specified as <resource> <name> or <resource>/<name>");
    }
    if flags.list {
        return list(session, &flags, of).await;
    }
    if edit == Edit::default() {
        bail!("at least one {} update is required", if of == Of::Labels { "label" } else { "annotation" });
    }
    change_each(session, &flags.selection, &flags.writing, |_, object| {
        let said = edit.apply(object, of, flags.overwrite)?;
        if !flags.resource_version.is_empty() {
            meta::set_resource_version(object, &flags.resource_version);
        }
        Ok(Some(said))
    })
    .await
}

async fn list(session: &Session, flags: &Flags, of: Of) -> Result<()> {
    let resources = session.resources().await?;
    for item in flags.selection.find(session, &resources, Unnamed::Mistake).await? {
        let object = item.get(session).await?;
        for (key, value) in of.map(&object).into_iter().flatten() {
            println!("{key}={}", go::text(value));
        }
    }
    Ok(())
}

impl Of {
    fn field(self) -> &'static str {
        if self == Self::Labels { "labels" } else { "annotations" }
    }

    fn map(self, object: &Value) -> Option<&Map<String, Value>> {
        meta::field(object, self.field()).and_then(Value::as_object)
    }
}

impl Edit {
    /// Takes `key=value` and `key-` from the words.
    fn take(words: &mut Vec<String>, of: Of) -> Result<Self> {
        let mut edit = Self::default();
        let is_edit = |word: &String| word.find('=').is_some_and(|at| at > 0) || word.ends_with('-');
        for word in words.extract_if(.., |word| is_edit(word)) {
            match word.split_once('=') {
                Some((key, value)) => {
                    check(&word, key, value, of)?;
                    edit.set.insert(key.to_owned(), value.into());
                }
                None => edit.remove.extend(word.strip_suffix('-').map(str::to_owned)),
            }
        }
        if edit.remove.iter().any(|key| edit.set.contains_key(key)) {
            let what = if of == Of::Labels { "a label" } else { "an annotation" };
            bail!("can not both modify and remove {what} in the same command");
        }
        Ok(edit)
    }

    /// Changes the object; what to say of it.
    fn apply(&self, object: &mut Value, of: Of, overwrite: bool) -> Result<&'static str> {
        let before = of.map(object).cloned().unwrap_or_default();
        let taken: Vec<String> = self
            .set
            .iter()
            .filter_map(|(key, value)| before.get(key).filter(|old| *old != value).map(|old| (key, old)))
            .map(|(key, old)| format!("'{key}' already has a value ({}), and --overwrite is false", go::text(old)))
            .collect();
        if !overwrite && !taken.is_empty() {
            match of {
                Of::Labels => bail!(taken.join("; ")),
                Of::Annotations => bail!(
                    "--overwrite is false but found the following declared annotation(s): {}",
                    taken.join("; ").replace(", and --overwrite is false", "")
                ),
            }
        }
        let mut after = before.clone();
        after.extend(self.set.clone());
        for key in &self.remove {
            if after.remove(key).is_none() && of == Of::Labels {
                println!("label \"{key}\" not found.");
            }
        }
        let said = match of {
            Of::Annotations => "annotated",
            Of::Labels if after == before => "not labeled",
            Of::Labels if !overwrite && after.len() < before.len() => "unlabeled",
            Of::Labels => "labeled",
        };
        meta::set_field(object, of.field(), after);
        Ok(said)
    }
}

fn check(word: &str, key: &str, value: &str, of: Of) -> Result<()> {
    if of == Of::Labels {
        if value.contains('=') {
            bail!("invalid label spec: {word}");
        }
        if let Err(wrong) = names::is_label_value(value) {
            bail!("invalid label value: \"{word}\": {}", wrong.join("; "));
        }
    }
    if let Err(wrong) = names::is_qualified_name(key) {
        let what = if of == Of::Labels { "label" } else { "annotation" };
        bail!("invalid {what} key: \"{word}\": {}", wrong.join("; "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Edit, Of};

    #[test]
    fn maps_change_as_the_words_say() {
        let mut words = ["pods", "a", "x=1", "y-"].map(str::to_owned).to_vec();
        let edit = Edit::take(&mut words, Of::Labels).unwrap();
        assert_eq!(words, ["pods", "a"]);
        for (labels, overwrite, after, said) in [
            (json!({}), false, Some(json!({ "x": "1" })), "labeled"),
            (json!({ "x": "1" }), false, Some(json!({ "x": "1" })), "not labeled"),
            (json!({ "x": "1", "y": "2" }), false, Some(json!({ "x": "1" })), "unlabeled"),
            (json!({ "x": "2" }), true, Some(json!({ "x": "1" })), "labeled"),
            (json!({ "x": "2" }), false, None, "'x' already has a value (2), and --overwrite is false"),
        ] {
            let mut object = json!({ "metadata": { "labels": labels } });
            match (edit.apply(&mut object, Of::Labels, overwrite), after) {
                (Ok(told), Some(after)) => assert_eq!((told, &object["metadata"]["labels"]), (said, &after)),
                (Err(told), None) => assert_eq!(told.to_string(), said),
                (told, _) => panic!("{told:?}"),
            }
        }
    }

    #[test]
    fn mistakes_read_as_kubectls() {
        for (words, said) in [
            (["a=b=c", ""], "invalid label spec: a=b=c"),
            (["a=1", "a-"], "can not both modify and remove a label in the same command"),
        ] {
            let mut words = words.map(str::to_owned).to_vec();
            assert_eq!(Edit::take(&mut words, Of::Labels).unwrap_err().to_string(), said);
        }
    }
}
