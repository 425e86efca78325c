//! Tables: columns as wide as their widest cell, three blanks between them, colours for states on a terminal.

use std::io::IsTerminal as _;

use serde_json::Value;

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Plain text.
    Plain,
    /// Colours for a terminal.
    Colour,
}

impl Style {
    /// Colours when standard output is a terminal and `NO_COLOR` is not set.
    pub fn detect() -> Self {
        let wanted = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        if wanted { Self::Colour } else { Self::Plain }
    }
}

/// Blanks between columns.
const PADDING: usize = 3;
/// Least width of a column, blanks included.
const LEAST_WIDTH: usize = 6;

/// A first column that is made from a row's object: its name and its cell.
pub type Lead = (&'static str, fn(&Value) -> String);

/// A table of text.
#[derive(Debug, Clone, Default)]
pub struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this heading.
    pub fn new(heading: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { heading: heading.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Takes over a `Table` of the server. `lead` makes a first cell from a row's object, for namespaces.
    pub fn from_server(table: &Value, wide: bool, lead: Option<Lead>) -> Self {
        let columns = table.get("columnDefinitions").and_then(Value::as_array).cloned().unwrap_or_default();
        let shown: Vec<bool> =
            columns.iter().map(|c| wide || c.get("priority").and_then(Value::as_i64) == Some(0)).collect();
        let names = columns.iter().zip(&shown).filter(|(_, shown)| **shown);
        let names = names.map(|(c, _)| c.get("name").and_then(Value::as_str).unwrap_or_default().to_uppercase());
        let mut result = Self::new(lead.iter().map(|(name, _)| (*name).to_owned()).chain(names));
        for row in table.get("rows").and_then(Value::as_array).into_iter().flatten() {
            let cells = row.get("cells").and_then(Value::as_array).into_iter().flatten();
            let cells = cells.zip(&shown).filter(|(_, shown)| **shown).map(|(cell, _)| text(cell));
            let first = lead.iter().map(|(_, make)| make(row.get("object").unwrap_or(&Value::Null)));
            result.row(first.chain(cells));
        }
        result
    }

    /// Puts `prefix` before the first cell of each row, as `deployment.apps/web`.
    pub fn prefix_names(&mut self, column: usize, prefix: &str) {
        for cell in self.rows.iter_mut().filter_map(|row| row.get_mut(column)) {
            cell.insert_str(0, prefix);
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The table as text, with its heading when `heading` is wanted. Columns are at least as wide as `widths`, which keeps the
    /// widest of what is printed one after another. Trailing blanks stay, as kubectl has them.
    pub fn print(&self, heading: Heading, style: Style, widths: &mut Widths) -> String {
        let all = || std::iter::once(&self.heading).filter(|_| heading == Heading::Shown).chain(&self.rows);
        let count = all().map(Vec::len).max().unwrap_or(0);
        widths.0.resize(count.max(widths.0.len()), 0);
        for (i, width) in widths.0.iter_mut().enumerate() {
            let cells = all().filter_map(|row| row.get(i));
            let widest = cells.map(|cell| cell.chars().count() + PADDING).max().unwrap_or(0);
            *width = widest.max(LEAST_WIDTH).max(*width);
        }
        let mut out = String::new();
        for row in all() {
            for (i, (cell, width)) in row.iter().zip(&widths.0).enumerate() {
                let last = i + 1 == row.len();
                let blanks = if last { 0 } else { width - cell.chars().count() };
                out.push_str(&coloured(cell, style));
                out.extend(std::iter::repeat_n(' ', blanks));
            }
            out.push('\n');
        }
        out
    }
}

/// Widths of columns, with the blanks after them.
#[derive(Debug, Clone, Default)]
pub struct Widths(Vec<usize>);

/// Whether the heading is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heading {
    /// It is.
    Shown,
    /// Rows alone.
    Hidden,
}

/// States in green, yellow and red.
fn coloured(cell: &str, style: Style) -> String {
    const GOOD: &[&str] = &["Running", "Ready", "Active", "Bound", "Completed", "Succeeded"];
    const WAITING: &[&str] = &["Pending", "ContainerCreating", "Terminating", "PodInitializing"];
    let colour = match cell {
        _ if style == Style::Plain => None,
        _ if GOOD.contains(&cell) => Some(32),
        _ if WAITING.contains(&cell) || cell.starts_with("Init:") => Some(33),
        _ if cell.ends_with("BackOff") || cell.contains("Error") || cell == "NotReady" || cell == "OOMKilled" => {
            Some(31)
        }
        _ => None,
    };
    match colour {
        Some(code) => format!("\u{1b}[{code}m{cell}\u{1b}[0m"),
        None => cell.to_owned(),
    }
}

fn text(cell: &Value) -> String {
    match cell {
        // What follows a line feed would not be in its column.
        Value::String(text) => match text.find(['\n', '\r', '\u{c}']) {
            Some(end) => format!("{}...", text.get(..end).unwrap_or_default()),
            None => text.clone(),
        },
        Value::Null => "<none>".to_owned(),
        other => other.to_string(),
    }
}
