//! Events of the YAML parser to values.

use std::collections::HashMap;

use base64::Engine;
use serde_json::{Map, Value};
use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::{Document, Error, scalar};
use crate::decode::Parsed;
use crate::quote::quote;

/// Deepest nesting, the same as for JSON.
const MAX_DEPTH: usize = 127;
/// Most values that aliases may copy, so that a small document cannot grow without bound.
const MAX_ALIASED: usize = 100_000;

pub(super) fn documents(text: &str) -> Result<Vec<Document>, Error> {
    let mut parser = Parser::new_from_str(text);
    let mut documents = Vec::new();
    let mut builder = Builder::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|e| error(e.marker(), e.info()))?;
        match event {
            Event::DocumentStart(..) => builder = Builder { line: span.start.line(), ..Builder::default() },
            Event::DocumentEnd => documents.push(std::mem::take(&mut builder).finish()),
            other => builder.event(other, &span)?,
        }
    }
    Ok(documents)
}

fn error(at: &Marker, message: impl Into<String>) -> Error {
    Error { line: at.line().max(1), column: at.col() + 1, message: message.into() }
}

/// A document that is being read.
#[derive(Default)]
struct Builder {
    line: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Value>,
    aliased: usize,
    root: Option<Value>,
    duplicates: Vec<String>,
}

/// A list or map that is not finished.
struct Open {
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Value>),
    Map {
        map: Map<String, Value>,
        /// The key whose value comes next.
        key: Option<Key>,
        /// Maps named by `<<`; the map's own keys win.
        merges: Vec<Value>,
    },
}

enum Key {
    Text(String),
    Merge,
}

const MERGE: &str = "<<";
const YAML_TAGS: &str = "tag:yaml.org,2002:";

impl Builder {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Error> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if style == ScalarStyle::Plain && tag.is_none() && text == MERGE && self.expects_key() {
                    self.set_key(Key::Merge, span);
                    return Ok(());
                }
                let value = scalar_value(&text, style, tag.as_deref()).map_err(|m| error(&span.start, m))?;
                self.node(value, anchor, span)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(anchor, Content::List(Vec::new()), span),
            Event::MappingStart(_, anchor, _) => {
                self.begin(anchor, Content::Map { map: Map::new(), key: None, merges: Vec::new() }, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(id) => {
                let value =
                    self.anchors.get(&id).cloned().ok_or_else(|| error(&span.start, "anchor contains itself"))?;
                self.aliased += size(&value);
                if self.aliased > MAX_ALIASED {
                    return Err(error(&span.start, "document contains excessive aliasing"));
                }
                self.node(value, 0, span)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, content: Content, span: &Span) -> Result<(), Error> {
        if self.expects_key() {
            return Err(error(&span.start, "a list or map cannot be a key"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(error(&span.start, "exceeded max depth"));
        }
        self.open.push(Open { anchor, content });
        Ok(())
    }

    fn end(&mut self, span: &Span) -> Result<(), Error> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.content {
            Content::List(items) => Value::Array(items),
            Content::Map { mut map, merges, .. } => {
                for merge in merges {
                    merge_into(&mut map, merge).map_err(|m| error(&span.start, m))?;
                }
                Value::Object(map)
            }
        };
        self.node(value, open.anchor, span)
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Map { key: None, .. }, .. }))
    }

    /// Places a finished value.
    fn node(&mut self, value: Value, anchor: usize, span: &Span) -> Result<(), Error> {
        if self.expects_key() {
            let key = key_text(value).map_err(|m| error(&span.start, m))?;
            self.set_key(Key::Text(key), span);
            return Ok(());
        }
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut().map(|o| &mut o.content) {
            None => self.root = Some(value),
            Some(Content::List(items)) => items.push(value),
            Some(Content::Map { map, key, merges }) => match key.take() {
                Some(Key::Text(key)) => drop(map.insert(key, value)),
                Some(Key::Merge) | None => merges.push(value),
            },
        }
        Ok(())
    }

    fn set_key(&mut self, new: Key, span: &Span) {
        let Some(Open { content: Content::Map { map, key, .. }, .. }) = self.open.last_mut() else { return };
        if let Key::Text(text) = &new
            && map.contains_key(text)
        {
            self.duplicates.push(format!("line {}: key {} already set in map", span.start.line(), quote(text)));
        }
        *key = Some(new);
    }

    fn finish(self) -> Document {
        let strict = if self.duplicates.is_empty() {
            Vec::new()
        } else {
            vec![format!("yaml: unmarshal errors:\n  {}", self.duplicates.join("\n  "))]
        };
        Document { line: self.line.max(1), parsed: Parsed { value: self.root.unwrap_or_default(), strict } }
    }
}

fn merge_into(map: &mut Map<String, Value>, merge: Value) -> Result<(), String> {
    match merge {
        Value::Object(other) => {
            for (key, value) in other {
                map.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(maps) => maps.into_iter().try_for_each(|other| match other {
            Value::Object(_) => merge_into(map, other),
            _ => Err("map merge requires map or sequence of maps as the value".to_owned()),
        }),
        _ => Err("map merge requires map or sequence of maps as the value".to_owned()),
    }
}

fn key_text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null => Err("null cannot be a key".to_owned()),
        Value::Array(_) | Value::Object(_) => Err("a list or map cannot be a key".to_owned()),
    }
}

fn scalar_value(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let wrong = |what: &str| format!("cannot decode {} as a {what}", quote(text));
    let suffix = tag.and_then(|t| t.suffix_in_namespace(YAML_TAGS));
    match suffix.as_deref() {
        Some("str") => Ok(Value::String(text.to_owned())),
        Some("int") => scalar::integer(text).ok_or_else(|| wrong("!!int")),
        Some("float") => scalar::float(text).ok_or_else(|| wrong("!!float")),
        Some("bool") => scalar::resolve(text).filter(Value::is_boolean).ok_or_else(|| wrong("!!bool")),
        Some("null") => Ok(Value::Null),
        Some("binary") => {
            let packed: String = text.split_ascii_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(packed).map_err(|_| wrong("!!binary"))?;
            Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ if style != ScalarStyle::Plain || tag.is_some() => Ok(Value::String(text.to_owned())),
        _ if scalar::is_special(text) && text != MERGE => Err(format!("unsupported value: {text}")),
        _ => Ok(scalar::resolve(text).unwrap_or_else(|| Value::String(text.to_owned()))),
    }
}

/// Counts the values inside a value, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(map) => map.values().map(size).sum(),
        _ => 0,
    }
}
