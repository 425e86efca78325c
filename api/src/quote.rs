//! Renders text the way Go's `%q` does, which is how upstream shows values inside messages.

use std::fmt::Write;

/// Quotes a string as Go's `strconv.Quote`: double quotes, backslash escapes, printable Unicode kept.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    out.push('"');
    out
}

/// Quotes one character as Go's `%q` of a rune or `quoteChar` of the JSON decoder: `'x'`.
pub fn quote_char(c: char) -> String {
    match c {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        _ => {
            let mut out = String::from("'");
            push_escaped(&mut out, c);
            out.push('\'');
            out
        }
    }
}

/// Quotes each value and joins them with `", "`, as lists of supported values are shown.
pub fn quote_list<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for (i, value) in values.into_iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_str(&quote(value));
    }
    out
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        c if (c as u32) < 0x20 || c as u32 == 0x7f => push_hex(out, "\\x", 2, c),
        c if c.is_control() || is_format(c) => push_hex(out, "\\u", 4, c),
        c => out.push(c),
    }
}

/// Invisible characters that Go does not count as printable.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{a0}')
}

fn push_hex(out: &mut String, prefix: &str, width: usize, c: char) {
    write!(out, "{prefix}{:0width$x}", c as u32).expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_like_go() {
        assert_eq!(quote("a\"b\\c\n\t\u{1}é\u{7f}"), "\"a\\\"b\\\\c\\n\\t\\x01é\\x7f\"");
        assert_eq!(quote("\u{200b}"), "\"\\u200b\"");
        assert_eq!(quote_list(["TCP", "UDP"]), "\"TCP\", \"UDP\"");
        assert_eq!(quote_char('}'), "'}'");
        assert_eq!(quote_char('\''), r"'\''");
    }
}
