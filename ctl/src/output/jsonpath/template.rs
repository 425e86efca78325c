//! Templates and single expressions.

use std::borrow::Cow;
use std::iter::Peekable;
use std::vec::IntoIter;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

use super::eval::{Found, walk};
use super::parse::{self, Node};
use crate::output::go;

/// A parsed template such as `{range .items[*]}{.metadata.name}{"\n"}{end}`.
#[derive(Debug, Clone)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Action(Vec<Node>),
    /// What is gone through, and what is done for each.
    Range(Vec<Node>, Vec<Part>),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// For an unclosed brace, quote or list, and for an empty template.
    pub fn parse(source: &str) -> Result<Self> {
        if source.is_empty() {
            bail!("template format specified but no template given");
        }
        let parts =
            parse::template(source).with_context(|| format!("error parsing jsonpath {source}")).map_err(comma)?;
        Ok(Self { source: source.to_owned(), parts: blocks(&mut parts.into_iter().peekable(), false) })
    }

    /// The template's text for one value.
    ///
    /// # Errors
    /// For an expression that does not fit the value.
    pub fn print(&self, value: &Value) -> Result<String> {
        let texts = self.groups(value)?.into_iter().map(|group| {
            let texts: Vec<String> = group.iter().map(|value| shown(value)).collect();
            texts.join(" ")
        });
        Ok(texts.collect())
    }

    /// What each expression finds, as lists of JSON.
    ///
    /// # Errors
    /// As [`Template::print`].
    pub fn values(&self, value: &Value) -> Result<Vec<Value>> {
        let groups = self.groups(value)?.into_iter();
        Ok(groups.map(|group| Value::Array(group.into_iter().map(Cow::into_owned).collect())).collect())
    }

    fn groups<'a>(&self, value: &'a Value) -> Result<Vec<Vec<Found<'a>>>> {
        let mut groups = Vec::new();
        run(&self.parts, &Cow::Borrowed(value), &mut groups).map_err(|error| {
            let source = &self.source;
            anyhow!(
                "error executing jsonpath \"{source}\": Error executing template: {error}. Printing more information for debugging the template:\n\ttemplate was:\n\t\t{source}"
            )
        })?;
        Ok(groups)
    }
}

/// One path, which may go without braces and without its first dot.
#[derive(Debug, Clone)]
pub struct Expression(Vec<Node>);

impl Expression {
    /// Parses `metadata.name`, `.metadata.name` or `{.metadata.name}`.
    ///
    /// # Errors
    /// For anything that is not one path.
    pub fn parse(path: &str) -> Result<Self> {
        let inner = path.strip_prefix('{').map_or(Some(path), |rest| rest.strip_suffix('}'));
        let inner = inner.map(|inner| inner.strip_prefix('.').unwrap_or(inner));
        let Some(inner) = inner.filter(|inner| !inner.is_empty() && !inner.contains(['{', '}'])) else {
            bail!(
                "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{{name1.name2}}' or '{{.name1.name2}}'"
            );
        };
        let parsed =
            parse::template(&format!("{{.{inner}}}")).with_context(|| format!("error parsing jsonpath {{.{inner}}}"));
        Ok(Self(
            parsed
                .map_err(comma)?
                .into_iter()
                .flat_map(|part| match part {
                    parse::Part::Action(nodes) => nodes,
                    parse::Part::Text(_) => Vec::new(),
                })
                .collect(),
        ))
    }

    /// What the path finds.
    ///
    /// # Errors
    /// When it does not fit the value.
    pub fn find<'a>(&self, value: &'a Value) -> Result<Vec<Cow<'a, Value>>> {
        walk(&self.0, vec![Cow::Borrowed(value)])
    }
}

/// Kubectl has a comma where others have a colon.
fn comma(error: anyhow::Error) -> anyhow::Error {
    let parts: Vec<String> = error.chain().map(ToString::to_string).collect();
    anyhow!(parts.join(", "))
}

/// Parts with what is between `range` and `end` inside the range. The end of the template ends all ranges.
fn blocks(parts: &mut Peekable<IntoIter<parse::Part>>, inside: bool) -> Vec<Part> {
    let mut found = Vec::new();
    while let Some(part) = parts.next() {
        let nodes = match part {
            parse::Part::Text(text) => {
                found.push(Part::Text(text));
                continue;
            }
            parse::Part::Action(nodes) => nodes,
        };
        match nodes.split_first() {
            Some((Node::Identifier(word), rest)) if word == "range" => {
                found.push(Part::Range(rest.to_vec(), blocks(parts, true)));
            }
            Some((Node::Identifier(word), _)) if word == "end" && inside => return found,
            _ => found.push(Part::Action(nodes)),
        }
    }
    found
}

fn run<'a>(parts: &[Part], value: &Found<'a>, groups: &mut Vec<Vec<Found<'a>>>) -> Result<()> {
    for part in parts {
        match part {
            Part::Text(text) => groups.push(vec![Cow::Owned(text.as_str().into())]),
            Part::Action(nodes) => groups.push(walk(nodes, vec![value.clone()])?),
            Part::Range(nodes, body) => {
                for item in walk(nodes, vec![value.clone()])? {
                    run(body, &item, groups)?;
                }
            }
        }
    }
    Ok(())
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => go::json(value),
        Value::Null => "null".to_owned(),
        scalar => go::text(scalar),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Expression, Template};

    fn list() -> serde_json::Value {
        json!({ "items": [
            { "metadata": { "name": "a", "labels": { "app.kubernetes.io/name": "x" } }, "n": 1 },
            { "metadata": { "name": "b" }, "n": 2, "on": true, "html": { "k": "<&>" } },
        ] })
    }

    #[test]
    fn templates_read_as_kubectls_do() {
        let rows = [
            ("{.items[0].metadata.name}", "a"),
            ("{.items[*].n}", "1 2"),
            ("{$.items[*].metadata.name}", "a b"),
            ("{@.items[-1].n}", "2"),
            ("{.items[0:2].n}{.items[1:].n}{.items[::2].n}", "1 221"),
            (".items[1].n", ".items[1].n"),
            (r#"{range .items[*]}{.metadata.name}{"\t"}{.n}{"\n"}{end}!"#, "a\t1\nb\t2\n!"),
            ("{range .items[*]}{.n},", "1,2,"),
            ("{range .none[*]}x{end}y", "y"),
            (r"{.items[0].metadata.labels.app\.kubernetes\.io/name}", "x"),
            (r"{.items[0].metadata.labels['app\.kubernetes\.io/name']}", "x"),
            ("{.items[?(@.n==2)].metadata.name}", "b"),
            ("{.items[?(@.on==true)].metadata.name}", "b"),
            (r#"{.items[?(@.metadata.name>="b")].n}"#, "2"),
            ("{.items[?(@.on)].n}", "2"),
            ("{.items[*]['n','on']}", "1 2 true"),
            ("{..name}", "a b"),
            ("{.items[1].html}", r#"{"k":"\u003c\u0026\u003e"}"#),
            ("name: {.items[0].missing}!", "name: !"),
            ("{1}{1.5}{true}", "11.5true"),
        ];
        for (template, expected) in rows {
            assert_eq!(Template::parse(template).unwrap().print(&list()).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn mistakes_read_as_kubectls() {
        let parsing = [
            ("", "template format specified but no template given"),
            ("{.a", "error parsing jsonpath {.a, unclosed action"),
            ("{.a[b]}", "error parsing jsonpath {.a[b]}, invalid array index b"),
            ("{.a[0:", "error parsing jsonpath {.a[0:, unterminated array"),
            ("{\"a}", "error parsing jsonpath {\"a}, unterminated quoted string"),
            ("{^}", "error parsing jsonpath {^}, unrecognized character in action: U+005E '^'"),
            ("{.a[?(@.b}", "error parsing jsonpath {.a[?(@.b}, unterminated filter"),
        ];
        for (template, expected) in parsing {
            assert_eq!(Template::parse(template).unwrap_err().to_string(), expected);
        }
        let executing = [
            ("{.items[5]}", "array index out of bounds: index 5, length 2"),
            ("{.items[1:0]}", "starting index 1 is greater than ending index 0"),
            ("{.items[0].metadata[0]}", "map[string]interface {} is not array or slice"),
            ("{end}", "not in range, nothing to end"),
            ("{items}", "unrecognized identifier items"),
            ("{.items[?(@.n==\"x\")]}", "incompatible types for comparison"),
        ];
        for (template, expected) in executing {
            let error = Template::parse(template).unwrap().print(&list()).unwrap_err().to_string();
            assert!(error.contains(&format!("Error executing template: {expected}. ")), "{error}");
        }
    }

    #[test]
    fn single_paths_may_go_without_braces() {
        for path in ["items[1].n", ".items[1].n", "{.items[1].n}", "{items[1].n}"] {
            let found: Vec<_> =
                Expression::parse(path).unwrap().find(&list()).unwrap().into_iter().map(|v| v.into_owned()).collect();
            assert_eq!(found, [json!(2)]);
        }
        for path in ["", "{", "{.a}{.b}", "{}"] {
            assert!(Expression::parse(path).is_err(), "{path}");
        }
    }
}
