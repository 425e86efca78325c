//! Kubectl's JSONPath templates: text and `{expressions}`, with `range`/`end`, over RFC 9535 paths.

use anyhow::{Context as _, Result, bail};
use jsonpath_rust::JsonPath as _;
use serde_json::Value;

/// A parsed template.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Path(String),
    Range(String, Vec<Part>),
}

impl Template {
    /// Parses a template such as `{range .items[*]}{.metadata.name}{"\n"}{end}`; without braces the whole is one path.
    ///
    /// # Errors
    /// For an unclosed brace, quote or range.
    pub fn parse(template: &str) -> Result<Self> {
        if template.is_empty() {
            bail!("template format specified but no template given");
        }
        let whole = if template.contains('{') { template.to_owned() } else { format!("{{{template}}}") };
        let mut tokens = tokenize(&whole)?.into_iter();
        let parts = parse_parts(&mut tokens, Until::End)?;
        Ok(Self { parts })
    }

    /// The template's text for one value.
    ///
    /// # Errors
    /// For a path that is not valid.
    pub fn print(&self, value: &Value) -> Result<String> {
        let mut out = String::new();
        render(&self.parts, value, &mut out)?;
        Ok(out)
    }

    /// All values the template's paths find, as a list.
    ///
    /// # Errors
    /// For a path that is not valid.
    pub fn values(&self, value: &Value) -> Result<Value> {
        let mut found = Vec::new();
        collect(&self.parts, value, &mut found)?;
        Ok(Value::Array(found))
    }

    /// The values one path finds.
    ///
    /// # Errors
    /// For a path that is not valid.
    pub fn find<'a>(path: &str, value: &'a Value) -> Result<Vec<&'a Value>> {
        let path = path_of(path);
        value.query(&path).with_context(|| format!("error parsing jsonpath {path}"))
    }
}

enum Token {
    Text(String),
    Expression(String),
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Until {
    End,
    RangeEnd,
}

fn tokenize(template: &str) -> Result<Vec<Token>> {
    let (mut tokens, mut rest) = (Vec::new(), template);
    while let Some((text, tail)) = rest.split_once('{') {
        if !text.is_empty() {
            tokens.push(Token::Text(text.to_owned()));
        }
        let close = closing_brace(tail).with_context(|| format!("unclosed action in {template}"))?;
        let (expression, tail) = tail.split_at(close);
        tokens.push(Token::Expression(expression.trim().to_owned()));
        rest = tail.strip_prefix('}').unwrap_or(tail);
    }
    if !rest.is_empty() {
        tokens.push(Token::Text(rest.to_owned()));
    }
    Ok(tokens)
}

/// Where the brace closes, quotes aside.
fn closing_brace(text: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (_, '\\') => escaped = true,
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '}') => return Some(at),
            _ => {}
        }
    }
    None
}

fn parse_parts(tokens: &mut impl Iterator<Item = Token>, until: Until) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    while let Some(token) = tokens.next() {
        match token {
            Token::Text(text) => parts.push(Part::Text(text)),
            Token::Expression(e) if e == "end" => {
                if until == Until::RangeEnd {
                    return Ok(parts);
                }
                bail!("not in range, nothing to end");
            }
            Token::Expression(e) => match e.strip_prefix("range ") {
                Some(path) => parts.push(Part::Range(path.trim().to_owned(), parse_parts(tokens, Until::RangeEnd)?)),
                None if e.starts_with(['"', '\'']) => parts.push(Part::Text(unquote(&e)?)),
                None => parts.push(Part::Path(e)),
            },
        }
    }
    if until == Until::RangeEnd { bail!("unterminated range, must end with {{end}}") } else { Ok(parts) }
}

fn unquote(quoted: &str) -> Result<String> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    serde_json::from_str(&format!("\"{}\"", inner.replace('"', "\\\"")))
        .with_context(|| format!("invalid text {quoted}"))
}

fn render(parts: &[Part], value: &Value, out: &mut String) -> Result<()> {
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Path(path) => {
                let found: Vec<String> = Template::find(path, value)?.into_iter().map(plain).collect();
                out.push_str(&found.join(" "));
            }
            Part::Range(path, body) => {
                for item in Template::find(path, value)? {
                    render(body, item, out)?;
                }
            }
        }
    }
    Ok(())
}

fn collect(parts: &[Part], value: &Value, found: &mut Vec<Value>) -> Result<()> {
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Path(path) => found.extend(Template::find(path, value)?.into_iter().cloned()),
            Part::Range(path, body) => {
                for item in Template::find(path, value)? {
                    collect(body, item, found)?;
                }
            }
        }
    }
    Ok(())
}

/// RFC 9535 from kubectl's dialect: the leading `$` may be missing, `@` is the current value, `\.` is a dot within a name.
fn path_of(path: &str) -> String {
    let tail = path.trim().trim_start_matches(['$', '@']);
    let mut result = String::from("$");
    let mut rest = tail;
    if !tail.is_empty() && !tail.starts_with(['.', '[']) {
        result.push('.');
    }
    while let Some(at) = rest.find("\\.") {
        // The name around an escaped dot becomes a quoted one.
        let start = rest.get(..at).and_then(|head| head.rfind('.')).unwrap_or(0);
        let (before, name) = rest.split_at(start);
        let name = name.strip_prefix('.').unwrap_or(name);
        let end = unescaped_end(name);
        let (name, tail) = name.split_at(end);
        result.push_str(before);
        result.push_str(&format!("['{}']", name.replace("\\.", ".")));
        rest = tail;
    }
    result.push_str(rest);
    result.replace("[:]", "[*]")
}

fn unescaped_end(name: &str) -> usize {
    let mut escaped = false;
    for (at, c) in name.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '.' | '[' => return at,
            _ => {}
        }
    }
    name.len()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Template;

    #[test]
    fn templates_read_as_kubectls_do() {
        let list = json!({ "items": [
            { "metadata": { "name": "a", "labels": { "app.kubernetes.io/name": "x" } }, "n": 1 },
            { "metadata": { "name": "b" }, "n": 2 },
        ] });
        let rows = [
            ("{.items[0].metadata.name}", "a"),
            (".items[1].n", "2"),
            ("{$.items[*].metadata.name}", "a b"),
            ("{items[*].n}", "1 2"),
            (r#"{range .items[*]}{.metadata.name}{"\t"}{.n}{"\n"}{end}"#, "a\t1\nb\t2\n"),
            (r"{.items[0].metadata.labels.app\.kubernetes\.io/name}", "x"),
            ("{.items[?(@.n==2)].metadata.name}", "b"),
            ("name: {.items[0].missing}!", "name: !"),
        ];
        for (template, expected) in rows {
            assert_eq!(Template::parse(template).unwrap().print(&list).unwrap(), expected, "{template}");
        }
        for broken in ["", "{.a", "{range .items[*]}x", "{end}"] {
            assert!(Template::parse(broken).is_err(), "{broken}");
        }
    }
}
