//! The table of messages. `data/README.md` describes its text.
//!
//! The text is part of the program, so a mistake in it is ours: reading panics, and a test reads all of it.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::gvk;
use crate::schema::Gvk;

/// The place of a message in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct MessageId(u16);

/// The JSON form of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An object with the listed fields.
    Struct,
    /// A quantity: its text.
    Quantity,
    /// A number or text.
    IntOrString,
    /// RFC 3339 with whole seconds.
    Time,
    /// RFC 3339 with microseconds.
    MicroTime,
    /// Any JSON, carried as its text.
    Raw,
    /// A list of strings.
    Items,
    /// One JSON schema or a list of them.
    SchemaOrArray,
    /// A boolean or a JSON schema.
    SchemaOrBool,
    /// A JSON schema or a list of strings.
    SchemaOrStrings,
}

/// The type of a field, of a list's items or of a map's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Bytes,
    Int32,
    Int64,
    Bool,
    Double,
    Message(MessageId),
}

/// How many values a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cardinality {
    One,
    List,
    /// Keys are strings.
    Map,
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// Name in JSON.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) cardinality: Cardinality,
    /// A pointer in Go: written only when it is set, and a zero means something else than nothing.
    pub(super) pointer: bool,
    /// Shown in JSON even when zero.
    pub(super) required: bool,
    /// The fields of the message stand among those of its parent in JSON.
    pub(super) inlined: bool,
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// Sorted by number.
    pub(super) fields: Vec<Field>,
}

impl Message {
    /// Returns the field of a number.
    pub(super) fn field(&self, number: u32) -> Option<&Field> {
        // Numbers have few gaps: most fields are where their number says.
        let guess = usize::try_from(number).ok()?.checked_sub(1)?;
        match self.fields.get(guess) {
            Some(field) if field.number == number => Some(field),
            _ => self.fields.binary_search_by_key(&number, |f| f.number).ok().and_then(|i| self.fields.get(i)),
        }
    }
}

struct Table {
    messages: Vec<Message>,
    by_gvk: HashMap<Gvk<'static>, MessageId>,
    /// Kinds that every group and version has.
    common: Vec<(&'static str, MessageId)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| load(include_str!("../../data/protobuf.txt")));

/// Tells whether a kind has a message. What is common to all groups and versions (`DeleteOptions`, `Status`, …) has one in each.
pub fn knows(api_version: &str, kind: &str) -> bool {
    of_kind(api_version, kind).is_some()
}

/// Returns the message of a kind.
pub(super) fn of_kind(api_version: &str, kind: &str) -> Option<&'static Message> {
    let (group, version) = gvk::split_api_version(api_version);
    let table: &'static Table = &TABLE;
    let id = lookup(&table.by_gvk, Gvk { group, version, kind });
    let common = || table.common.iter().find(|(name, _)| *name == kind).map(|(_, id)| *id);
    id.or_else(common).map(get)
}

// The map's keys live forever; a shorter borrow of the same type finds them as well.
fn lookup<'a>(map: &HashMap<Gvk<'a>, MessageId>, gvk: Gvk<'a>) -> Option<MessageId> {
    map.get(&gvk).copied()
}

/// Returns the message a reference names. References are checked by a test.
pub(super) fn get(id: MessageId) -> &'static Message {
    TABLE.messages.get(usize::from(id.0)).expect("references are checked by a test")
}

/// Returns all messages.
#[cfg(test)]
pub(super) fn messages() -> &'static [Message] {
    &TABLE.messages
}

fn load(text: &'static str) -> Table {
    let mut table =
        Table { messages: Vec::with_capacity(1024), by_gvk: HashMap::with_capacity(512), common: Vec::new() };
    for line in text.lines() {
        if let Some(line) = line.strip_prefix('=') {
            let message = message(&mut table, line);
            table.messages.push(message);
        } else {
            table.messages.last_mut().expect("the table starts with a message").fields.push(field(line));
        }
    }
    for message in &mut table.messages {
        message.fields.shrink_to_fit();
    }
    table.messages.shrink_to_fit();
    table
}

fn message(table: &mut Table, line: &'static str) -> Message {
    let id = MessageId(u16::try_from(table.messages.len()).expect("the table holds fewer than 65,536 messages"));
    let mut parts = line.split('\t');
    let mut message = Message { name: parts.next().unwrap_or_default(), shape: Shape::Struct, fields: Vec::new() };
    for part in parts {
        match part.split_once('=') {
            Some(("shape", value)) => message.shape = shape(value),
            Some(("common", value)) => table.common.push((value, id)),
            Some(("gvk", value)) => {
                let mut parts = value.split('/');
                let mut next = || parts.next().unwrap_or_default();
                table.by_gvk.insert(Gvk { group: next(), version: next(), kind: next() }, id);
            }
            _ => panic!("the table says {part} about {line}"),
        }
    }
    message
}

fn field(line: &'static str) -> Field {
    let mut parts = line.split('\t');
    let mut next = || parts.next().unwrap_or_default();
    let number = next().parse().expect("a field starts with its number");
    let name = next();
    let (cardinality, kind) = ty(next());
    let flags = next();
    let has = |flag| flags.contains(flag);
    Field { number, name, kind, cardinality, pointer: has('*'), required: has('!'), inlined: has('^') }
}

fn ty(text: &str) -> (Cardinality, Kind) {
    let (cardinality, rest) = match text.split_at_checked(1) {
        Some(("[", rest)) => (Cardinality::List, rest),
        Some(("{", rest)) => (Cardinality::Map, rest),
        _ => (Cardinality::One, text),
    };
    let kind = match rest.split_at_checked(1) {
        Some(("s", _)) => Kind::String,
        Some(("y", _)) => Kind::Bytes,
        Some(("i", _)) => Kind::Int32,
        Some(("l", _)) => Kind::Int64,
        Some(("b", _)) => Kind::Bool,
        Some(("d", _)) => Kind::Double,
        Some(("@", id)) => Kind::Message(MessageId(id.parse().expect("the table refers by number"))),
        _ => panic!("the table holds the type {text}"),
    };
    (cardinality, kind)
}

fn shape(text: &str) -> Shape {
    match text {
        "quantity" => Shape::Quantity,
        "intstr" => Shape::IntOrString,
        "time" => Shape::Time,
        "microtime" => Shape::MicroTime,
        "raw" => Shape::Raw,
        "items" => Shape::Items,
        "orarray" => Shape::SchemaOrArray,
        "orbool" => Shape::SchemaOrBool,
        "orstrings" => Shape::SchemaOrStrings,
        _ => panic!("the table holds the shape {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> &'static Message {
        messages().iter().find(|m| m.name == name).unwrap()
    }

    #[test]
    fn every_reference_leads_somewhere_and_fields_are_sorted() {
        assert!(messages().len() > 700);
        for message in messages() {
            assert!(message.fields.is_sorted_by_key(|f| f.number), "{}", message.name);
            for field in &message.fields {
                assert!(std::ptr::eq(message.field(field.number).unwrap(), field));
                if let Kind::Message(id) = field.kind {
                    assert!(!get(id).name.is_empty());
                    assert!(!field.inlined || get(id).shape == Shape::Struct);
                }
            }
        }
    }

    #[test]
    fn every_kind_of_the_schema_has_a_message() {
        for def in crate::schema::definitions() {
            for gvk in def.gvks() {
                let known = knows(&gvk::join_api_version(gvk.group, gvk.version), gvk.kind);
                assert!(known, "{} {}/{}", gvk.kind, gvk.group, gvk.version);
            }
        }
        assert!(knows("example.com/v1", "DeleteOptions"));
        assert!(!knows("example.com/v1", "Widget"));
        assert!(!knows("meta.k8s.io/v1", "Table"));
    }

    #[test]
    fn the_table_tells_pointers_from_values() {
        let deployment = named("api.apps.v1.DeploymentSpec");
        let replicas = deployment.field(1).unwrap();
        assert_eq!((replicas.name, replicas.pointer), ("replicas", true));
        let ready = deployment.field(5).unwrap();
        assert_eq!((ready.name, ready.pointer), ("minReadySeconds", false));
        let pod = named("api.core.v1.PodSpec");
        let of = |name: &str| pod.fields.iter().find(|f| f.name == name).unwrap();
        assert!(
            !of("hostNetwork").pointer && of("automountServiceAccountToken").pointer && of("hostnameOverride").pointer
        );
        assert!(!of("nodeName").pointer && of("securityContext").pointer);
        let volume = named("api.core.v1.Volume");
        assert!(volume.field(2).unwrap().inlined);
    }
}
