//! The `-o` flag.

use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};

use super::{CustomColumns, Heading, Template};
use crate::files;

/// A format of output.
#[derive(Debug, Clone)]
pub enum Format {
    /// The server's table; wide with more columns.
    Table {
        /// Whether columns of lower priority are shown.
        wide: bool,
    },
    /// YAML.
    Yaml,
    /// Indented JSON.
    Json,
    /// `kind/name`.
    Name,
    /// A JSONPath template.
    JsonPath(Template),
    /// What a JSONPath template finds, as a JSON list.
    JsonPathAsJson(Template),
    /// Columns of the user's choice.
    Columns(CustomColumns),
}

impl Format {
    /// Reads the flag; empty is the table.
    ///
    /// # Errors
    /// For an unknown format, with those there are.
    pub fn parse(flag: &str) -> Result<Self> {
        let (name, argument) = flag.split_once('=').unwrap_or((flag, ""));
        Ok(match name.to_lowercase().as_str() {
            "" => Self::Table { wide: false },
            "wide" => Self::Table { wide: true },
            "yaml" => Self::Yaml,
            "json" => Self::Json,
            "name" => Self::Name,
            "jsonpath" => Self::JsonPath(Template::parse(argument)?),
            "jsonpath-as-json" => Self::JsonPathAsJson(Template::parse(argument)?),
            "jsonpath-file" => Self::JsonPath(Template::parse(&read(argument, "error reading --template")?)?),
            "custom-columns" => Self::Columns(CustomColumns::parse(argument)?),
            "custom-columns-file" => {
                Self::Columns(CustomColumns::parse_file(&read(argument, "error reading template")?)?)
            }
            _ => bail!(
                "unable to match a printer suitable for the output format \"{name}\", allowed formats are: custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,wide,yaml"
            ),
        })
    }

    /// Whether the server's table is wanted.
    pub fn is_table(&self) -> bool {
        matches!(self, Self::Table { .. })
    }

    /// Text of objects; `as_list` when they were asked for as a list. Tables are printed by [`super::Table`].
    ///
    /// # Errors
    /// When a template does not fit the objects.
    pub fn print(&self, objects: &[Value], as_list: bool) -> Result<String> {
        self.print_with(objects, as_list, false)
    }

    /// The same, custom columns without heading when `no_headers`.
    ///
    /// # Errors
    /// As [`Format::print`].
    pub fn print_with(&self, objects: &[Value], as_list: bool, no_headers: bool) -> Result<String> {
        let heading = if no_headers { Heading::Hidden } else { Heading::Shown };
        Ok(match self {
            Self::Name => objects.iter().map(|o| format!("{}\n", name(o))).collect(),
            Self::Columns(columns) => columns.print(objects, heading)?,
            Self::JsonPath(template) => template.print(&whole(objects, as_list))?,
            Self::JsonPathAsJson(template) => {
                let groups = template.values(&whole(objects, as_list))?;
                groups.iter().map(|group| Ok(format!("{}\n", indented(group, 4)?))).collect::<Result<String>>()?
            }
            Self::Json => format!("{}\n", indented(&whole(objects, as_list), 4)?),
            Self::Yaml | Self::Table { .. } => corvette_api::yaml::to_string(&whole(objects, as_list)),
        })
    }
}

fn read(file: &str, doing: &str) -> Result<String> {
    std::fs::read_to_string(file)
        .map_err(|error| anyhow!("{doing} {file}, open {file}: {}", files::in_gos_words(&error)))
}

/// JSON in lines, indented by `blanks`; objects have four.
///
/// # Errors
/// None that a value can cause.
pub fn indented(value: &Value, blanks: usize) -> Result<String> {
    let mut text = Vec::new();
    let indent = " ".repeat(blanks);
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    serde::Serialize::serialize(value, &mut serializer)?;
    Ok(String::from_utf8(text)?)
}

fn whole(objects: &[Value], as_list: bool) -> Value {
    match objects {
        [only] if !as_list => only.clone(),
        _ => json!({ "apiVersion": "v1", "items": objects, "kind": "List", "metadata": { "resourceVersion": "" } }),
    }
}

/// `deployment.apps/web`.
pub fn name(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let kind = text("/kind").to_lowercase();
    let group = text("/apiVersion").split_once('/').map_or("", |(group, _)| group);
    let dot = if group.is_empty() { "" } else { "." };
    format!("{kind}{dot}{group}/{}", text("/metadata/name"))
}
