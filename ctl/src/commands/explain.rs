//! `cvctl explain`: the server's schema of a kind or of one of its fields.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::error::Errors;
use crate::request::Accept;
use crate::session::Session;
use crate::target;
use crate::value::{entries, list, text, texts};

/// Columns of a description.
const WIDTH: usize = 78;
/// Deepest nesting shown.
const DEEPEST: usize = 32;
/// Values of an enumeration shown beside a field.
const SOME: usize = 4;

#[derive(Args)]
pub struct Flags {
    /// TYPE, or TYPE.FIELD...
    words: Vec<String>,
    /// When true, print the name of all the fields recursively.
    #[arg(long)]
    recursive: bool,
    /// Use given api-version (group/version) of the resource.
    #[arg(long, default_value = "", hide_default_value = true)]
    api_version: String,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let word = match flags.words.as_slice() {
        [word] => word,
        [] => bail!("You must specify the type of resource to explain. {}", target::SEE_RESOURCES),
        _ => bail!("We accept only this format: explain RESOURCE"),
    };
    let mut path = word.split('.');
    let kind = path.next().unwrap_or_default();
    let fields: Vec<&str> = path.collect();
    let resources = session.resources().await?;
    let mut resource = resources.find(kind).map_err(Errors::only)?;
    if !flags.api_version.is_empty() {
        resource = resources.of_kind(&flags.api_version, &resource.kind).with_context(|| {
            format!("couldn't find resource for \"{}, Resource={}\"", flags.api_version, resource.plural)
        })?;
    }
    let root = if resource.group.is_empty() { "api" } else { "apis" };
    let document =
        session.requests.get(&format!("/openapi/v3/{root}/{}", resource.api_version()), Accept::Object).await?;
    let schema = entries(&document, "/components/schemas").map(|(_, schema)| schema).find(|schema| {
        list(schema, "/x-kubernetes-group-version-kind").iter().any(|gvk| {
            (text(gvk, "/group"), text(gvk, "/version"), text(gvk, "/kind"))
                == (resource.group.as_str(), resource.version.as_str(), resource.kind.as_str())
        })
    });
    let schema = schema.with_context(|| format!("GVK {} not found in OpenAPI schema", resource.kind))?;
    let mut out = String::new();
    if !resource.group.is_empty() {
        out.push_str(&format!("GROUP:      {}\n", resource.group));
    }
    out.push_str(&format!("KIND:       {}\nVERSION:    {}\n\n", resource.kind, resource.version));
    let found = Schemas(&document).explain(&mut out, schema, &fields, flags.recursive);
    print!("{out}");
    if let Err(missing) = found {
        bail!("field \"{missing}\" does not exist");
    }
    println!();
    Ok(())
}

/// A document of OpenAPI v3.
struct Schemas<'a>(&'a Value);

impl<'a> Schemas<'a> {
    /// Follows the fields and writes what is there; the field that is not.
    fn explain<'f>(
        &self,
        out: &mut String,
        schema: &'a Value,
        fields: &[&'f str],
        recursive: bool,
    ) -> Result<(), &'f str> {
        let mut schema = schema;
        for (i, field) in fields.iter().enumerate() {
            schema = self.property(schema, field).ok_or(*fields.last().unwrap_or(field))?;
            if i + 1 == fields.len() {
                out.push_str(&format!("FIELD: {field} <{}>\n", self.kind(schema)));
                if !list(schema, "/enum").is_empty() {
                    out.push_str("ENUM:");
                    values(schema).for_each(|value| out.push_str(&format!("\n    {value}")));
                }
                out.push_str("\n\n");
            }
        }
        let mut description = String::new();
        self.describe(&mut description, schema, 0);
        let description = if description.is_empty() { "<empty>" } else { &description };
        out.push_str(&format!("DESCRIPTION:\n{}\n", wrapped(description, WIDTH - 2, 4)));
        let mut list = String::new();
        self.fields(&mut list, schema, 1, recursive, &mut Vec::new());
        if !list.is_empty() {
            out.push_str(&format!("FIELDS:\n{list}"));
        }
        Ok(())
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let name = text(schema, "/$ref").rsplit('/').next().unwrap_or_default();
        self.0.pointer(&format!("/components/schemas/{name}")).unwrap_or(schema)
    }

    /// The schemas one is made of.
    fn parts(schema: &'a Value) -> impl Iterator<Item = &'a Value> {
        let more = schema.get("additionalProperties").filter(|more| more.is_object());
        list(schema, "/allOf").iter().chain(schema.get("items")).chain(more)
    }

    fn property(&self, schema: &'a Value, field: &str) -> Option<&'a Value> {
        let schema = self.resolve(schema);
        let own = schema.get("properties").and_then(|properties| properties.get(field));
        own.or_else(|| Self::parts(schema).find_map(|part| self.property(part, field)))
    }

    fn describe(&self, out: &mut String, schema: &'a Value, depth: usize) {
        let schema = self.resolve(schema);
        let description = text(schema, "/description");
        if !description.is_empty() {
            out.push_str(description);
            out.push('\n');
        }
        if depth < DEEPEST {
            Self::parts(schema).for_each(|part| self.describe(out, part, depth + 1));
        }
    }

    /// Writes the fields of a schema. Those inside `within` are written already: a schema may hold itself.
    fn fields(&self, out: &mut String, schema: &'a Value, level: usize, recursive: bool, within: &mut Vec<&'a str>) {
        let reference = text(schema, "/$ref");
        if within.contains(&reference) {
            return;
        }
        let depth = within.len();
        within.extend(Some(reference).filter(|reference| !reference.is_empty()));
        let schema = self.resolve(schema);
        let indent = level * 2;
        let required = texts(schema, "/required");
        for (name, field) in entries(schema, "/properties") {
            let must = if required.contains(&name.as_str()) { " -required-" } else { "" };
            out.push_str(&format!("{:indent$}{name}\t<{}>{must}\n", "", self.kind(field)));
            if !list(field, "/enum").is_empty() {
                let some: Vec<String> = values(field).take(SOME).collect();
                let more = if list(field, "/enum").len() > SOME { ", ...." } else { "" };
                out.push_str(&format!("{:indent$}enum: {}{more}\n", "", some.join(", ")));
            }
            if recursive {
                self.fields(out, field, level + 1, recursive, within);
                continue;
            }
            let description = text(field, "/description");
            let description = if description.is_empty() { "<no description>" } else { description };
            out.push_str(&format!("{}\n\n", wrapped(description, WIDTH - indent, indent + 2)));
        }
        Self::parts(schema).for_each(|part| self.fields(out, part, level, recursive, within));
        within.truncate(depth);
    }

    fn kind(&self, schema: &'a Value) -> String {
        if let Some(items) = schema.get("items") {
            return format!("[]{}", self.kind(items));
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            return format!("map[string]{}", self.kind(values));
        }
        if let ([only], None) = (list(schema, "/allOf"), schema.get("properties")) {
            return self.kind(only);
        }
        let of = |schema: &Value| match text(schema, "/type") {
            "" | "object" => None,
            plain => Some(plain.to_owned()),
        };
        let name = text(schema, "/$ref").rsplit(['/', '.']).next().filter(|name| !name.is_empty());
        of(self.resolve(schema)).unwrap_or_else(|| name.unwrap_or("Object").to_owned())
    }
}

fn values(schema: &Value) -> impl Iterator<Item = String> {
    list(schema, "/enum").iter().map(|value| match value.as_str() {
        Some("") => "\"\"".to_owned(),
        _ => crate::value::plain(value),
    })
}

/// Breaks lines between words, and indents them; blanks between words stay as they are, empty lines are indented too.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let space = " ".repeat(indent);
    let lines: Vec<String> = text.split('\n').flat_map(|line| broken(line, width)).collect();
    lines.iter().map(|line| format!("{space}{line}")).collect::<Vec<_>>().join("\n")
}

/// The lines one is broken into. A word longer than any line has one of its own.
fn broken(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line, mut used, mut rest) = (Vec::new(), String::new(), 0, text);
    while !rest.is_empty() {
        let (blanks, from_word) = rest.split_at(rest.len() - rest.trim_start().len());
        let (word, after) = from_word.split_at(from_word.find(char::is_whitespace).unwrap_or(from_word.len()));
        rest = after;
        let (gap, length) = (blanks.chars().count(), word.chars().count());
        if used + gap + length <= width || used + gap == 0 {
            line.push_str(blanks);
            used += gap + length;
        } else if !word.is_empty() {
            lines.push(std::mem::take(&mut line));
            used = length;
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Schemas;

    #[test]
    fn fields_are_followed_through_references_and_lists() {
        let document = json!({ "components": { "schemas": {
            "a.b.Pod": { "description": "A pod.", "properties": {
                "spec": { "allOf": [{ "$ref": "#/components/schemas/a.b.Spec" }], "description": "What is wanted." },
                "labels": { "additionalProperties": { "type": "string" } } } },
            "a.b.Spec": { "description": "The spec.", "required": ["of"], "type": "object", "properties": {
                "of": { "type": "array", "items": { "$ref": "#/components/schemas/a.b.Spec" } },
                "mode": { "type": "string", "enum": ["", "a", "b", "c", "d"] } } },
        } } });
        let schemas = Schemas(&document);
        let explain = |fields: &[&str]| {
            let mut out = String::new();
            let found = schemas.explain(&mut out, &document["components"]["schemas"]["a.b.Pod"], fields, false);
            found.map(|()| out).map_err(str::to_owned)
        };
        assert_eq!(
            explain(&[]).unwrap(),
            "DESCRIPTION:\n    A pod.\n    \nFIELDS:\n  labels\t<map[string]string>\n    <no description>\n\n  spec\t<Spec>\n    What is wanted.\n\n"
        );
        assert_eq!(
            explain(&["spec", "of", "of"]).unwrap(),
            "FIELD: of <[]Spec>\n\n\nDESCRIPTION:\n    The spec.\n    \nFIELDS:\n  mode\t<string>\n  enum: \"\", a, b, c, ....\n    <no description>\n\n  of\t<[]Spec> -required-\n    <no description>\n\n"
        );
        assert_eq!(explain(&["spec", "nope"]).unwrap_err(), "nope");
    }
}
