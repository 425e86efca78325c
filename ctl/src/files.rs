//! Objects from `-f`: files, folders, standard input; YAML with several documents, or JSON; lists are taken apart.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corvette_api::yaml;
use serde_json::Value;

use crate::error::Errors;

/// Says of an error of the operating system what Go says.
pub fn in_gos_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// Endings that files in a folder are taken by.
const ENDINGS: &[&str] = &["yaml", "yml", "json"];

/// An object and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The file, or `STDIN`.
    pub source: String,
    /// The object.
    pub object: Value,
}

/// Reads all objects, in order; what is wrong with one file is no reason to leave out another.
///
/// # Errors
/// A file that is not there.
pub fn load(names: &[String], recursive: bool) -> Result<(Vec<Loaded>, Errors)> {
    let (mut objects, mut errors) = (Vec::new(), Errors::default());
    for name in names {
        if name == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("error reading STDIN")?;
            parse("STDIN", &text, &mut objects, &mut errors);
            continue;
        }
        let path = Path::new(name);
        if !path.exists() {
            bail!("the path \"{name}\" does not exist");
        }
        for file in expand(path, recursive)? {
            let text = std::fs::read_to_string(&file).with_context(|| format!("error reading {}", file.display()))?;
            parse(&file.display().to_string(), &text, &mut objects, &mut errors);
        }
    }
    Ok((objects, errors))
}

fn expand(path: &Path, recursive: bool) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
        .with_context(|| format!("error reading {}", path.display()))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<std::io::Result<_>>()
        .with_context(|| format!("error reading {}", path.display()))?;
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            if recursive {
                files.extend(expand(&entry, recursive)?);
            }
        } else if entry.extension().is_some_and(|e| ENDINGS.iter().any(|known| e == *known)) {
            files.push(entry);
        }
    }
    Ok(files)
}

/// Reads the documents up to the first that is wrong.
fn parse(source: &str, text: &str, into: &mut Vec<Loaded>, errors: &mut Errors) {
    let documents =
        yaml::documents(text).with_context(|| format!("error parsing {source}: error converting YAML to JSON"));
    let flattened = documents.and_then(|documents| {
        let values = documents.into_iter().map(|document| document.parsed.value);
        values.filter(|value| !value.is_null()).try_for_each(|value| flatten(source, value, into))
    });
    if let Err(wrong) = flattened {
        errors.push(wrong);
    }
}

fn flatten(source: &str, mut document: Value, into: &mut Vec<Loaded>) -> Result<()> {
    let kind = document.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let version = document.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let wrong = match (version.is_empty(), kind.is_empty()) {
        _ if !document.is_object() => "invalid object to validate",
        (true, true) => "[apiVersion not set, kind not set]",
        (true, false) => "apiVersion not set",
        (false, true) => "kind not set",
        (false, false) => "",
    };
    if !wrong.is_empty() {
        bail!(
            "error validating \"{source}\": error validating data: {wrong}; if you choose to ignore these errors, turn validation off with --validate=false"
        );
    }
    match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if kind.ends_with("List") => {
            for item in items {
                flatten(source, item, into)?;
            }
        }
        Some(items) => {
            if let Some(slot) = document.get_mut("items") {
                *slot = items;
            }
            into.push(Loaded { source: source.to_owned(), object: document });
        }
        None => into.push(Loaded { source: source.to_owned(), object: document }),
    }
    Ok(())
}
