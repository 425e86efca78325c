//! From text to [`Node`]s.

use anyhow::{Result, bail};

/// Deepest nesting of expressions within filters and unions.
const DEEPEST: usize = 64;

/// A step of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// A word: `range`, `end`, or a mistake that shows when it is evaluated.
    Identifier(String),
    Field(String),
    Slice(Slice),
    Wildcard,
    Recursive,
    /// Left side, operator and right side; without operator the left side has to exist.
    Filter(Vec<Node>, Option<(String, Vec<Node>)>),
    Union(Vec<Vec<Node>>),
}

/// `[from:to:step]`; one index is a slice of length one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    pub from: Option<i64>,
    pub to: Option<i64>,
    /// Whether `to` is only what follows from an index.
    pub derived: bool,
    pub step: Option<i64>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text(String),
    Action(Vec<Node>),
}

/// Parses a whole template.
///
/// # Errors
/// Kubectl's, without the template.
pub fn template(text: &str) -> Result<Vec<Part>> {
    let mut parser = Parser::new(text, 0);
    let mut parts = Vec::new();
    loop {
        let plain = parser.take_while(|c| c != '{');
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        if parser.next().is_none() {
            return Ok(parts);
        }
        parts.push(Part::Action(parser.action()?));
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn new(text: &str, depth: usize) -> Self {
        Self { chars: text.chars().collect(), at: 0, depth }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn skip(&mut self, prefix: &str) -> bool {
        let found = prefix.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c));
        self.at += if found { prefix.len() } else { 0 };
        found
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.peek().filter(|c| wanted(*c)) {
            taken.push(c);
            self.at += 1;
        }
        taken
    }

    /// What is between the braces, the opening one read already.
    fn action(&mut self) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        loop {
            if self.skip("}") {
                return Ok(nodes);
            }
            if self.skip("[?(") {
                nodes.push(self.filter()?);
                continue;
            }
            if self.skip("..") {
                if nodes.last() == Some(&Node::Recursive) {
                    bail!("invalid multiple recursive descent");
                }
                nodes.push(Node::Recursive);
                if self.peek().is_some_and(is_word) {
                    nodes.push(self.field());
                }
                continue;
            }
            match self.next() {
                None | Some('\n' | '\r') => bail!("unclosed action"),
                Some(' ' | '@' | '$') => {}
                Some('[') => self.array(&mut nodes)?,
                Some(quote @ ('"' | '\'')) => nodes.push(self.quoted(quote)?),
                Some('.') => nodes.push(self.field()),
                Some(c) if matches!(c, '+' | '-') || c.is_ascii_digit() => nodes.push(self.number(c)?),
                Some(c) if is_word(c) => {
                    self.at -= 1;
                    nodes.push(match self.take_while(|c| !is_terminator(c)) {
                        word if matches!(word.as_str(), "true" | "false") => Node::Bool(word == "true"),
                        word => Node::Identifier(word),
                    });
                }
                Some(c) => bail!("unrecognized character in action: U+{:04X} '{c}'", u32::from(c)),
            }
        }
    }

    fn field(&mut self) -> Node {
        let mut name = String::new();
        while let Some(c) = self.peek().filter(|c| !is_terminator(*c)) {
            self.at += 1;
            match c {
                '\\' => name.extend(self.next()),
                c => name.push(c),
            }
        }
        if name == "*" { Node::Wildcard } else { Node::Field(name) }
    }

    fn number(&mut self, first: char) -> Result<Node> {
        let text = format!("{first}{}", self.take_while(|c| c == '.' || c.is_ascii_digit()));
        let int = text.parse().map(Node::Int).ok();
        match int.or_else(|| text.parse().map(Node::Float).ok()) {
            Some(number) => Ok(number),
            None => bail!("cannot parse number {text}"),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Node> {
        let mut text = String::new();
        loop {
            match self.next() {
                None | Some('\n') => bail!("unterminated quoted string"),
                Some(c) if c == quote => return Ok(Node::Text(text)),
                Some('\\') => text.push(match self.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some(c @ ('\\' | '"' | '\'' | '/')) => c,
                    Some(c) => bail!("unquote string {quote}{text}\\{c}{quote} error invalid syntax"),
                    None => bail!("unterminated quoted string"),
                }),
                Some(c) => text.push(c),
            }
        }
    }

    /// An expression of its own, such as one side of a filter.
    fn inner(&self, text: &str) -> Result<Vec<Node>> {
        if self.depth == DEEPEST {
            bail!("expressions are nested too deep");
        }
        Self::new(&format!("{text}}}"), self.depth + 1).action()
    }

    fn array(&mut self, nodes: &mut Vec<Node>) -> Result<()> {
        let text = self.take_while(|c| !matches!(c, ']' | '\n'));
        if self.next() != Some(']') {
            bail!("unterminated array");
        }
        if text.contains(',') {
            let parts = text.split(',').map(|part| self.inner(&format!("[{}]", part.trim_matches(' '))));
            nodes.push(Node::Union(parts.collect::<Result<_>>()?));
        } else if let Some(key) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
            nodes.extend(self.inner(&format!(".{key}"))?);
        } else {
            nodes.push(Node::Slice(slice(if text == "*" { ":" } else { &text })?));
        }
        Ok(())
    }

    fn filter(&mut self) -> Result<Node> {
        let (mut text, mut quote, mut closed) = (String::new(), None, false);
        loop {
            match self.next() {
                None | Some('\n') => bail!("unterminated filter"),
                Some(')') if quote.is_some() == closed => break,
                Some(c @ ('"' | '\'')) if quote.is_none() => {
                    quote = Some(c);
                    text.push(c);
                }
                Some(c) => {
                    closed |= quote == Some(c) && !text.ends_with('\\');
                    text.push(c);
                }
            }
        }
        if self.next() != Some(']') {
            bail!("unclosed array expect ]");
        }
        let is_operator = |c: char| matches!(c, '!' | '<' | '>' | '=');
        let end = text.find(is_operator).filter(|at| *at > 0);
        let split = end.and_then(|at| {
            let (left, rest) = text.split_at_checked(at)?;
            let right = rest.trim_start_matches(is_operator);
            (!right.is_empty()).then(|| (left, rest.strip_suffix(right).unwrap_or(rest), right))
        });
        Ok(match split {
            Some((left, operator, right)) => {
                Node::Filter(self.inner(left)?, Some((operator.to_owned(), self.inner(right)?)))
            }
            None => Node::Filter(self.inner(&text)?, None),
        })
    }
}

fn slice(text: &str) -> Result<Slice> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_number = |part: &str| part.strip_prefix('-').unwrap_or(part).chars().all(|c| c.is_ascii_digit());
    if parts.len() > 3 || !parts.iter().all(|part| is_number(part)) {
        bail!("invalid array index {text}");
    }
    let number = |i: usize| match parts.get(i).filter(|part| !part.is_empty()) {
        None => Ok(None),
        Some(part) => match part.parse::<i64>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => bail!("array index {part} is not a number"),
        },
    };
    let from = number(0)?;
    let derived = parts.len() == 1;
    let to = if derived { Some(from.unwrap_or(0).saturating_add(1)) } else { number(1)? };
    Ok(Slice { from, to, derived, step: number(2)? })
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn is_terminator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}
