//! What changes a kubeconfig's file.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::view::{LISTS, complete};
use crate::files::in_gos_words;
use crate::session::Global;
use crate::value::text;

/// Whether an entry was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is new.
    Created,
    /// It was there.
    Modified,
}

/// A field and its value, when it is to be set.
type Field = (&'static str, Option<Value>);

pub fn use_context(global: &Global, name: &str) -> Result<()> {
    rewrite(global, |config, _| {
        if entry(config, "contexts", name)?.is_none() {
            bail!("no context exists with the name: \"{name}\"");
        }
        map(config)?.insert("current-context".to_owned(), json!(name));
        Ok(())
    })
}

/// Sets the cluster, user and namespace of a context to what the flags say.
pub fn set_context(global: &Global, name: Option<String>, current: bool) -> Result<(String, Changed)> {
    let mut done = (String::new(), Changed::Modified);
    let fields = vec![
        ("cluster", global.cluster.clone().map(Value::from)),
        ("user", global.user.clone().map(Value::from)),
        ("namespace", global.namespace.clone().map(Value::from)),
    ];
    rewrite(global, |config, _| {
        let name = match (name, current) {
            (Some(_), true) => bail!("you cannot specify both a context name and --current"),
            (Some(name), false) => name,
            (None, true) if text(config, "/current-context").is_empty() => bail!("no current context is set"),
            (None, true) => text(config, "/current-context").to_owned(),
            (None, false) => bail!("you must specify a non-empty context name or --current"),
        };
        done = (name.clone(), put(config, "contexts", &name, fields)?);
        Ok(())
    })?;
    Ok(done)
}

/// Sets fields of an entry.
pub fn set(global: &Global, list: &str, name: &str, fields: Vec<Field>) -> Result<()> {
    rewrite(global, |config, _| put(config, list, name, fields).map(drop))
}

pub fn rename_context(global: &Global, old: &str, new: &str) -> Result<()> {
    rewrite(global, |config, path| {
        if entry(config, "contexts", new)?.is_some() {
            bail!("cannot rename the context \"{old}\", the context \"{new}\" already exists in {path}");
        }
        let Some(context) = entry(config, "contexts", old)? else {
            bail!("cannot rename the context \"{old}\", it's not in {path}");
        };
        context.insert("name".to_owned(), json!(new));
        if text(config, "/current-context") == old {
            map(config)?.insert("current-context".to_owned(), json!(new));
        }
        Ok(())
    })
}

/// Removes a `context`, `cluster` or `user`.
pub fn delete(global: &Global, what: &str, name: &str) -> Result<()> {
    rewrite(global, |config, path| {
        let entries = map(config)?.get_mut(&format!("{what}s")).and_then(Value::as_array_mut);
        let entries = entries.filter(|all| all.iter().any(|entry| text(entry, "/name") == name));
        let Some(entries) = entries else { bail!("cannot delete {what} {name}, not in {path}") };
        entries.retain(|entry| text(entry, "/name") != name);
        if what == "context" && text(config, "/current-context") == name {
            eprintln!(
                "warning: this removed your active context, use \"cvctl config use-context\" to select a different one"
            );
        }
        println!("deleted {what} {name} from {path}");
        Ok(())
    })
}

/// The field that names a file, or holds its content.
///
/// # Errors
/// For a file that cannot be read.
pub fn file(field: &'static str, path: Option<&Path>, embed: bool) -> Result<[Field; 2]> {
    let data = match field {
        "certificate-authority" => "certificate-authority-data",
        "client-certificate" => "client-certificate-data",
        _ => "client-key-data",
    };
    let Some(path) = path else { return Ok([(field, None), (data, None)]) };
    if embed {
        return Ok([(field, Some(Value::Null)), (data, Some(content(path)?.into()))]);
    }
    let absolute = std::path::absolute(path)?;
    Ok([(field, Some(absolute.display().to_string().into())), (data, Some(Value::Null))])
}

/// Puts the content of all files into the kubeconfig.
///
/// # Errors
/// For a file that cannot be read.
pub fn embed_all(config: &mut Value) -> Result<()> {
    for (list, part) in LISTS {
        let entries = config.get_mut(*list).and_then(Value::as_array_mut).into_iter().flatten();
        for fields in entries.filter_map(|entry| entry.get_mut(part).and_then(Value::as_object_mut)) {
            for field in ["certificate-authority", "client-certificate", "client-key"] {
                if let Some(Value::String(path)) = fields.remove(field) {
                    fields.insert(format!("{field}-data"), content(Path::new(&path))?.into());
                }
            }
        }
    }
    Ok(())
}

fn content(path: &Path) -> Result<String> {
    let read = std::fs::read(path);
    let read = read.map_err(|error| anyhow!("could not stat {}: {}", path.display(), in_gos_words(&error)))?;
    Ok(STANDARD.encode(&read))
}

/// Rewrites the file in place of its old content, all or nothing.
fn rewrite(global: &Global, edit: impl FnOnce(&mut Value, &str) -> Result<()>) -> Result<()> {
    let files = global.files();
    let path = files.to_change()?;
    let shown = path.display().to_string();
    let mut config = match std::fs::read_to_string(path) {
        Ok(text) => {
            corvette_api::yaml::parse(&text).with_context(|| format!("error loading config file \"{shown}\""))?.value
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => json!({}),
        Err(error) => return Err(error).with_context(|| format!("error loading config file \"{shown}\"")),
    };
    if config.is_null() {
        config = json!({});
    }
    edit(&mut config, &shown)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let text = corvette_api::yaml::to_string(&complete(config));
    corvette_component::files::write_atomic(path, text.as_bytes(), 0o600)
        .with_context(|| format!("cannot write {shown}"))
}

fn map(value: &mut Value) -> Result<&mut Map<String, Value>> {
    value.as_object_mut().context("the kubeconfig is not an object")
}

fn entry<'a>(config: &'a mut Value, list: &str, name: &str) -> Result<Option<&'a mut Map<String, Value>>> {
    let entries = map(config)?.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
    Ok(entries.filter_map(Value::as_object_mut).find(|entry| entry.get("name").is_some_and(|known| known == name)))
}

/// Sets fields of an entry, which is made when it is not there. Null removes.
fn put(config: &mut Value, list: &str, name: &str, fields: Vec<Field>) -> Result<Changed> {
    let part = LISTS.iter().find(|(known, _)| *known == list).map_or("", |(_, part)| part);
    let done = if entry(config, list, name)?.is_some() { Changed::Modified } else { Changed::Created };
    if done == Changed::Created {
        let entries = map(config)?.entry(list).or_insert_with(|| json!([]));
        if entries.is_null() {
            *entries = json!([]);
        }
        entries.as_array_mut().context("not a list")?.push(json!({ "name": name, part: {} }));
    }
    let Some(entry) = entry(config, list, name)? else { return Ok(done) };
    let known = entry.entry(part).or_insert_with(|| json!({}));
    for (field, value) in fields {
        match value {
            None => {}
            Some(Value::Null) => drop(map(known)?.remove(field)),
            Some(value) => drop(map(known)?.insert(field.to_owned(), value)),
        }
    }
    Ok(done)
}
