//! Values to YAML, laid out as Go's YAML library does.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::scalar;
use crate::quote::quote;

/// Column after which text goes on in the next line.
const WIDTH: usize = 80;

/// Writes a value as YAML. Keys are sorted (numbers inside them by value), lists stand at the indentation of their key, text
/// is quoted where it would read as something else, and folded where it is long.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => write_map(&mut out, map, 0, Start::Line),
        Value::Array(items) if !items.is_empty() => write_list(&mut out, items, 0, Start::Line),
        scalar => {
            write_scalar(&mut out, scalar, 0);
            out.push('\n');
        }
    }
    out
}

/// Where the first entry of a collection is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// On a line of its own, to be indented.
    Line,
    /// Right after `- `.
    AfterDash,
}

fn write_map(out: &mut String, map: &Map<String, Value>, indent: usize, start: Start) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|(a, _), (b, _)| natural_order(a, b));
    for (i, (key, value)) in entries.into_iter().enumerate() {
        if i > 0 || start == Start::Line {
            push_indent(out, indent);
        }
        write_key(out, key);
        out.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                out.push('\n');
                write_map(out, map, indent + 2, Start::Line);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                write_list(out, items, indent, Start::Line);
            }
            scalar => {
                out.push(' ');
                write_scalar(out, scalar, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn write_list(out: &mut String, items: &[Value], indent: usize, start: Start) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 || start == Start::Line {
            push_indent(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => write_map(out, map, indent + 2, Start::AfterDash),
            Value::Array(items) if !items.is_empty() => write_list(out, items, indent + 2, Start::AfterDash),
            scalar => {
                write_scalar(out, scalar, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn write_key(out: &mut String, key: &str) {
    match style_of(key) {
        Style::Literal => out.push_str(&double_quoted(key)),
        style => write_text(out, key, style, 0),
    }
}

/// Writes a scalar or an empty collection, without the line's end.
fn write_scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        Value::String(text) => write_text(out, text, style_of(text), indent),
        other => out.push_str(&other.to_string()),
    }
}

#[derive(Clone, Copy)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

fn write_text(out: &mut String, text: &str, style: Style, indent: usize) {
    match style {
        Style::Plain => write_folded(out, text, style, indent),
        Style::Single => write_folded(out, &format!("'{}'", text.replace('\'', "''")), style, indent),
        Style::Double => write_folded(out, &double_quoted(text), style, indent),
        Style::Literal => write_literal(out, text, indent),
    }
}

/// Writes what is already quoted, going on in a new line at single blanks behind [`WIDTH`]. An indentation of 0 is that of keys,
/// which stay on their line.
fn write_folded(out: &mut String, quoted: &str, style: Style, indent: usize) {
    let mut column = out.chars().rev().take_while(|c| *c != '\n').count();
    // A blank at either end of quoted text is part of it.
    let inner = |at: usize| matches!(style, Style::Plain) || (at > 1 && at + 2 < quoted.len());
    let (mut before, mut chars) = (None, quoted.char_indices().peekable());
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map(|(_, c)| *c);
        // In double quotes the next line may begin with a blank, escaped.
        let single = after != Some(' ') || matches!(style, Style::Double);
        if c == ' ' && before != Some(' ') && single && indent > 0 && column > WIDTH && inner(at) {
            out.push('\n');
            push_indent(out, indent);
            column = indent;
            if after == Some(' ') {
                out.push('\\');
                column += 1;
            }
        } else {
            out.push(c);
            column += 1;
        }
        before = Some(c);
    }
}

/// Writes a literal block; its last line break is left to the caller.
fn write_literal(out: &mut String, text: &str, indent: usize) {
    out.push('|');
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    let body = match text.strip_suffix('\n') {
        None => {
            out.push('-');
            text
        }
        Some(body) if body.is_empty() || body.ends_with('\n') => {
            out.push('+');
            body
        }
        Some(body) => body,
    };
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            push_indent(out, indent);
            out.push_str(line);
        }
    }
}

/// Chooses the style of a text.
fn style_of(text: &str) -> Style {
    let facts = Facts::of(text);
    if text.contains('\n') {
        return if facts.special || facts.space_before_break || text.ends_with(' ') {
            Style::Double
        } else {
            Style::Literal
        };
    }
    if text.is_empty() || facts.special || text.contains('\t') || scalar::is_ambiguous(text) {
        return Style::Double;
    }
    if facts.indicators || text.starts_with(' ') || text.ends_with(' ') {
        return Style::Single;
    }
    Style::Plain
}

/// What a text holds that plain style cannot show.
#[derive(Default)]
struct Facts {
    /// Characters that mean something in YAML at their place.
    indicators: bool,
    /// Characters that must be escaped.
    special: bool,
    space_before_break: bool,
}

impl Facts {
    fn of(text: &str) -> Self {
        let mut facts = Self { indicators: text.starts_with("---") || text.starts_with("..."), ..Self::default() };
        let mut before = ' ';
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            let blank_after = chars.peek().is_none_or(|n| matches!(n, ' ' | '\t' | '\n' | '\r'));
            facts.indicators |= match c {
                '#' if first => true,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => first,
                ':' => blank_after,
                '?' | '-' => first && blank_after,
                '#' => matches!(before, ' ' | '\t' | '\n'),
                _ => false,
            };
            facts.special |= !is_printable(c);
            facts.space_before_break |= c == '\n' && before == ' ';
            before = c;
            first = false;
        }
        facts
    }
}

fn is_printable(c: char) -> bool {
    match c {
        '\t' | '\n' | ' '..='~' => true,
        '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
        c => c >= '\u{a0}' && !('\u{fffe}'..='\u{ffff}').contains(&c),
    }
}

/// Quotes as YAML does: Go's escapes, but for the few characters the two write differently.
fn double_quoted(text: &str) -> String {
    if text.chars().all(|c| matches!(c, ' '..='~' | '\n' | '\t')) {
        return quote(text);
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\0' => out.push_str("\\0"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{a0}' => out.push_str("\\_"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            '\u{feff}' => out.push_str("\\uFEFF"),
            c if is_printable(c) && !matches!(c, '"' | '\\' | '\n' | '\t') => out.push(c),
            c => {
                let quoted = quote(c.encode_utf8(&mut [0; 4]));
                out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
            }
        }
    }
    out.push('"');
    out
}

fn push_indent(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Orders keys as Go's YAML library does: letters by code, runs of digits by their number, other characters before letters.
fn natural_order(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(i) = a.iter().zip(&b).position(|(x, y)| x != y) else { return a.len().cmp(&b.len()) };
    let (Some(x), Some(y)) = (a.get(i).copied(), b.get(i).copied()) else { return a.len().cmp(&b.len()) };
    let after_digit = i.checked_sub(1).and_then(|p| a.get(p)).is_some_and(char::is_ascii_digit);
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return if after_digit { Ordering::Less } else { Ordering::Greater },
        (false, true) => return if after_digit { Ordering::Greater } else { Ordering::Less },
        (false, false) => {}
    }
    // A zero inside a number is a digit of it; leading zeros count for nothing.
    let inside = (x == '0' || y == '0') && a.iter().take(i).rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
    let run = |text: &[char]| {
        let digits = text.iter().skip(i).map_while(|c| c.to_digit(10)).map(u64::from);
        digits.fold((u64::from(inside), 0usize), |(n, len), d| (n.saturating_mul(10).saturating_add(d), len + 1))
    };
    run(&a).cmp(&run(&b)).then(x.cmp(&y))
}
