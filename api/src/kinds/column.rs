//! Columns of table output and fields of selectors, each with where its value comes from.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::common::values::{int, is_true, len, list, text};
use super::printing;

/// One column of a `Table` answer.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Heading, e.g. `Ready`.
    pub name: &'static str,
    /// OpenAPI type: `string`, `integer`, `number`, `boolean` or `date`.
    pub r#type: &'static str,
    /// OpenAPI format: empty, or `name` for the column that names the object.
    pub format: &'static str,
    /// 0 is always shown, anything greater only in wide output.
    pub priority: i32,
    /// One sentence for people.
    pub description: &'static str,
    cell: Cell,
}

/// Where the value of a cell comes from.
#[derive(Debug, Clone, Copy)]
enum Cell {
    /// The text at a JSON pointer; the second text when it is unset or empty.
    Text(&'static str, &'static str),
    /// The integer at a JSON pointer; 0 when unset.
    Count(&'static str),
    /// The number of items or entries at a JSON pointer.
    Len(&'static str),
    /// The boolean at a JSON pointer; false when unset.
    Flag(&'static str),
    /// The texts of the list at a JSON pointer, joined by commas; the second text when there are none.
    List(&'static str, &'static str),
    /// The labels at a JSON pointer, `<none>` when there are none.
    Labels(&'static str),
    /// What a function finds in the object.
    Picked(fn(&Value) -> &str),
    /// What a function says of the object.
    Shown(fn(&Value) -> String),
    /// What a function says of the object at a time.
    Made(fn(&Value, Timestamp) -> Value),
}

impl Column {
    /// The column with the object's name; first in nearly every table.
    pub const NAME: Self = Self {
        format: "name",
        ..Self::text(
            "Name",
            "/metadata/name",
            "Name must be unique within a namespace. Is required when creating resources.",
        )
    };

    /// The column with the time since creation.
    pub const AGE: Self = Self::new("Age", "string", printing::age, "Time since the object was created.");

    /// The time of creation itself, as the RBAC kinds print it.
    pub const CREATED: Self = Self::text("Created At", "/metadata/creationTimestamp", "Time of creation.")
        .or(printing::UNKNOWN)
        .typed("date");

    /// Makes a column of any type, made by a function.
    pub const fn new(
        name: &'static str,
        r#type: &'static str,
        cell: fn(&Value, Timestamp) -> Value,
        description: &'static str,
    ) -> Self {
        Self { name, r#type, format: "", priority: 0, description, cell: Cell::Made(cell) }
    }

    /// Makes a column with the text at a JSON pointer.
    pub const fn text(name: &'static str, pointer: &'static str, description: &'static str) -> Self {
        Self { name, r#type: "string", format: "", priority: 0, description, cell: Cell::Text(pointer, "") }
    }

    /// Makes a column with a text that a function finds.
    pub const fn picked(name: &'static str, cell: fn(&Value) -> &str, description: &'static str) -> Self {
        Self { cell: Cell::Picked(cell), ..Self::text(name, "", description) }
    }

    /// Makes a column with a list of texts, joined by commas.
    pub const fn list(name: &'static str, pointer: &'static str, description: &'static str) -> Self {
        Self { cell: Cell::List(pointer, ""), ..Self::text(name, "", description) }
    }

    /// Makes a column with a map of labels.
    pub const fn labels(name: &'static str, pointer: &'static str, description: &'static str) -> Self {
        Self { cell: Cell::Labels(pointer), ..Self::text(name, "", description) }
    }

    /// Makes a column with a text that a function makes.
    pub const fn shown(name: &'static str, cell: fn(&Value) -> String, description: &'static str) -> Self {
        Self { cell: Cell::Shown(cell), ..Self::text(name, "", description) }
    }

    /// Makes a column with the integer at a JSON pointer, 0 when unset.
    pub const fn count(name: &'static str, pointer: &'static str, description: &'static str) -> Self {
        Self { cell: Cell::Count(pointer), r#type: "integer", ..Self::text(name, "", description) }
    }

    /// Makes a column with the number of items at a JSON pointer.
    pub const fn len(name: &'static str, pointer: &'static str, description: &'static str) -> Self {
        Self { cell: Cell::Len(pointer), r#type: "integer", ..Self::text(name, "", description) }
    }

    /// Makes a column with the boolean at a JSON pointer.
    pub const fn flag(name: &'static str, pointer: &'static str, description: &'static str) -> Self {
        Self { cell: Cell::Flag(pointer), r#type: "boolean", ..Self::text(name, "", description) }
    }

    /// The same column, printing another text where there is none.
    #[must_use]
    pub const fn or(self, empty: &'static str) -> Self {
        match self.cell {
            Cell::Text(pointer, _) => Self { cell: Cell::Text(pointer, empty), ..self },
            Cell::List(pointer, _) => Self { cell: Cell::List(pointer, empty), ..self },
            _ => self,
        }
    }

    /// The same column with a text that a function makes.
    #[must_use]
    pub const fn showing(self, cell: fn(&Value) -> String) -> Self {
        Self { cell: Cell::Shown(cell), ..self }
    }

    /// The same column with another type, where upstream's differs from that of the cells.
    #[must_use]
    pub const fn typed(self, r#type: &'static str) -> Self {
        Self { r#type, ..self }
    }

    /// The same column, marked as one that names an object.
    #[must_use]
    pub const fn naming(self) -> Self {
        Self { format: "name", ..self }
    }

    /// The same column, in wide output only.
    #[must_use]
    pub const fn wide(self) -> Self {
        Self { priority: 1, ..self }
    }

    /// The cell of one object in this column.
    pub fn cell(&self, obj: &Value, now: Timestamp) -> Value {
        match self.cell {
            Cell::Text(pointer, empty) => match text(obj, pointer) {
                "" => empty.into(),
                text => text.into(),
            },
            Cell::Count(pointer) => int(obj, pointer).unwrap_or(0).into(),
            Cell::Len(pointer) => len(obj, pointer).into(),
            Cell::Flag(pointer) => is_true(obj, pointer).into(),
            Cell::List(pointer, empty) => match list(obj, pointer) {
                [] => empty.into(),
                items => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",").into(),
            },
            Cell::Labels(pointer) => printing::labels(obj.pointer(pointer).and_then(Value::as_object)).into(),
            Cell::Picked(pick) => pick(obj).into(),
            Cell::Shown(shown) => shown(obj).into(),
            Cell::Made(made) => made(obj, now),
        }
    }
}

/// A field that selectors can name beside `metadata.name` and `metadata.namespace`.
#[derive(Debug, Clone, Copy)]
pub struct Selectable {
    /// Its name, `spec.nodeName`.
    pub name: &'static str,
    read: Read,
}

/// Where the value of a selectable field comes from.
#[derive(Debug, Clone, Copy)]
enum Read {
    Text(&'static str),
    Count(&'static str),
    Flag(&'static str),
    Picked(fn(&Value) -> &str),
}

impl Selectable {
    /// Makes a field with the text at a JSON pointer, empty when unset.
    pub const fn text(name: &'static str, pointer: &'static str) -> Self {
        Self { name, read: Read::Text(pointer) }
    }

    /// Makes a field with the integer at a JSON pointer, 0 when unset.
    pub const fn count(name: &'static str, pointer: &'static str) -> Self {
        Self { name, read: Read::Count(pointer) }
    }

    /// Makes a field with the boolean at a JSON pointer, false when unset.
    pub const fn flag(name: &'static str, pointer: &'static str) -> Self {
        Self { name, read: Read::Flag(pointer) }
    }

    /// Makes a field that a function picks.
    pub const fn picked(name: &'static str, pick: fn(&Value) -> &str) -> Self {
        Self { name, read: Read::Picked(pick) }
    }

    /// The field's value in an object.
    pub fn value<'a>(&self, obj: &'a Value) -> Cow<'a, str> {
        match self.read {
            Read::Text(pointer) => text(obj, pointer).into(),
            Read::Count(pointer) => int(obj, pointer).unwrap_or(0).to_string().into(),
            Read::Flag(pointer) => if is_true(obj, pointer) { "true" } else { "false" }.into(),
            Read::Picked(pick) => pick(obj).into(),
        }
    }
}
