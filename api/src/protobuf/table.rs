//! The table of messages, read from `api/data/protobuf.txt` when it is first needed.

use std::sync::LazyLock;

static TEXT: &str = include_str!("../../data/protobuf.txt");
static TABLE: LazyLock<Box<[Message]>> = LazyLock::new(|| load(TEXT));

/// What a message looks like in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An object with the message's fields.
    Object,
    /// A quantity: text.
    Quantity,
    /// A number or text.
    IntOrString,
    /// A time in seconds.
    Time,
    /// A time in microseconds.
    MicroTime,
    /// A duration as Go writes it.
    Duration,
    /// JSON in bytes.
    Raw,
    /// A list of strings.
    Items,
    /// Whichever of its fields is set, without its name.
    OneOf,
}

/// Type of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// UTF-8 text.
    Text,
    /// Bytes, base64 in JSON.
    Bytes,
    /// 32 or 64 bits, signed.
    Int,
    /// A boolean.
    Bool,
    /// A double.
    Double,
    /// The message of this number.
    Message(u16),
}

/// How often a value occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// At most once.
    One,
    /// As a list.
    List,
    /// As a map from strings.
    Map,
    /// At most once, with its fields among those of the message it is in.
    Inline,
}

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Number on the wire.
    pub number: u32,
    /// Name in JSON.
    pub name: &'static str,
    /// Type of its values.
    pub ty: Type,
    /// How often it occurs.
    pub count: Count,
    /// Whether a zero means that it is unset.
    pub zero_is_unset: bool,
}

/// A message.
#[derive(Debug)]
pub struct Message {
    /// Name of its schema definition.
    pub name: &'static str,
    /// What it looks like in JSON.
    pub shape: Shape,
    fields: Vec<Field>,
}

impl Message {
    /// Finds a field by its number.
    pub fn field(&self, number: u32) -> Option<&Field> {
        let at = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        self.fields.get(at)
    }
}

/// Finds a message by the name of its definition.
pub fn find(name: &str) -> Option<&'static Message> {
    let at = TABLE.binary_search_by(|message| message.name.cmp(name)).ok()?;
    TABLE.get(at)
}

/// Finds a message by its number.
pub fn get(number: u16) -> Option<&'static Message> {
    TABLE.get(usize::from(number))
}

fn load(text: &'static str) -> Box<[Message]> {
    let mut messages: Vec<Message> = Vec::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix('=') {
            messages.push(message(head));
        } else if let (Some(message), Some(field)) = (messages.last_mut(), field(line)) {
            message.fields.push(field);
        }
    }
    messages.into()
}

fn message(head: &'static str) -> Message {
    let (name, shape) = head.split_once("\tshape=").unwrap_or((head, ""));
    let shape = match shape {
        "quantity" => Shape::Quantity,
        "intstr" => Shape::IntOrString,
        "time" => Shape::Time,
        "microtime" => Shape::MicroTime,
        "duration" => Shape::Duration,
        "raw" => Shape::Raw,
        "items" => Shape::Items,
        "oneof" => Shape::OneOf,
        _ => Shape::Object,
    };
    Message { name, shape, fields: Vec::new() }
}

fn field(line: &'static str) -> Option<Field> {
    let mut parts = line.split('\t');
    let number = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let ty = parts.next()?;
    let (count, ty) = match ty.split_at_checked(1)? {
        ("[", item) => (Count::List, item),
        ("{", item) => (Count::Map, item),
        (">", item) => (Count::Inline, item),
        _ => (Count::One, ty),
    };
    let ty = match ty {
        "s" => Type::Text,
        "y" => Type::Bytes,
        "i" | "l" => Type::Int,
        "b" => Type::Bool,
        "d" => Type::Double,
        reference => Type::Message(reference.strip_prefix('@')?.parse().ok()?),
    };
    Some(Field { number, name, ty, count, zero_is_unset: parts.next() == Some("z") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_understood_and_every_reference_leads_somewhere() {
        let fields: usize = TABLE.iter().map(|message| message.fields.len()).sum();
        assert_eq!(fields + TABLE.len(), TEXT.lines().count());
        assert!(TABLE.windows(2).all(|pair| pair[0].name < pair[1].name));
        for field in TABLE.iter().flat_map(|message| &message.fields) {
            if let Type::Message(number) = field.ty {
                assert!(get(number).is_some(), "{field:?}");
            }
        }
    }

    #[test]
    fn every_kind_of_the_schema_is_there() {
        for def in crate::schema::definitions().iter().filter(|def| !def.gvks().is_empty()) {
            assert!(find(def.name()).is_some(), "{}", def.name());
        }
    }
}
