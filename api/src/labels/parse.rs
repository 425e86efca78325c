//! The grammar of label selectors.

use super::requirement::check_key;
use super::{Error, Operator, Requirement};
use crate::field::{Errors, Path};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    In,
    NotIn,
    Comma,
    Open,
    Close,
    Not,
    Equals,
    DoubleEquals,
    NotEquals,
    Greater,
    Less,
    Error,
    End,
}

#[derive(Debug, Clone)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

/// Where a token stands: `in` and `notin` are operators in one place and words in another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Operator,
    Value,
}

pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, Error> {
    let mut parser = Parser { tokens: scan(text), at: 0 };
    let mut requirements = Vec::new();
    loop {
        let token = parser.peek();
        match token.kind {
            Kind::Word | Kind::Not => {
                let requirement =
                    parser.requirement().map_err(|e| Error::Syntax(format!("unable to parse requirement: {e}")))?;
                requirements.push(requirement);
                let next = parser.next(Place::Value);
                match next.kind {
                    Kind::End => return Ok(requirements),
                    Kind::Comma => {
                        let after = parser.peek();
                        if !matches!(after.kind, Kind::Word | Kind::Not) {
                            return Err(Error::Syntax(format!(
                                "found '{}', expected: identifier after ','",
                                after.text
                            )));
                        }
                    }
                    _ => return Err(Error::Syntax(format!("found '{}', expected: ',' or 'end of string'", next.text))),
                }
            }
            Kind::End => return Ok(requirements),
            _ => {
                return Err(Error::Syntax(format!(
                    "found '{}', expected: !, identifier, or 'end of string'",
                    token.text
                )));
            }
        }
    }
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Parser<'a> {
    fn get(&self, place: Place) -> Token<'a> {
        let mut token = self.tokens.get(self.at).cloned().unwrap_or(Token { kind: Kind::End, text: "" });
        if place == Place::Value && matches!(token.kind, Kind::In | Kind::NotIn) {
            token.kind = Kind::Word;
        }
        token
    }

    fn peek(&self) -> Token<'a> {
        self.get(Place::Value)
    }

    fn next(&mut self, place: Place) -> Token<'a> {
        let token = self.get(place);
        self.at += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, Error> {
        let mut token = self.next(Place::Value);
        let negated = token.kind == Kind::Not;
        if negated {
            token = self.next(Place::Value);
        }
        if token.kind != Kind::Word {
            return Err(Error::Syntax(format!("found '{}', expected: identifier", token.text)));
        }
        let key = token.text;
        let mut errs = Errors::new();
        check_key(key, &Path::root(), &mut errs);
        errs.into_result()?;
        if negated {
            return Ok(Requirement::new(key, Operator::DoesNotExist, Vec::new())?);
        }
        if matches!(self.peek().kind, Kind::End | Kind::Comma) {
            return Ok(Requirement::new(key, Operator::Exists, Vec::new())?);
        }
        let operator = self.operator()?;
        let values =
            if matches!(operator, Operator::In | Operator::NotIn) { self.values()? } else { vec![self.exact_value()?] };
        Ok(Requirement::new(key, operator, values)?)
    }

    fn operator(&mut self) -> Result<Operator, Error> {
        let token = self.next(Place::Operator);
        Ok(match token.kind {
            Kind::In => Operator::In,
            Kind::NotIn => Operator::NotIn,
            Kind::Equals => Operator::Equals,
            Kind::DoubleEquals => Operator::DoubleEquals,
            Kind::NotEquals => Operator::NotEquals,
            Kind::Greater => Operator::GreaterThan,
            Kind::Less => Operator::LessThan,
            _ => return Err(Error::Syntax(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", token.text))),
        })
    }

    fn exact_value(&mut self) -> Result<String, Error> {
        if matches!(self.peek().kind, Kind::End | Kind::Comma) {
            return Ok(String::new());
        }
        let token = self.next(Place::Value);
        if token.kind == Kind::Word {
            return Ok(token.text.to_owned());
        }
        Err(Error::Syntax(format!("found '{}', expected: identifier", token.text)))
    }

    /// Parses `(a,b)`. A place between commas that holds no word is the empty value, and so is `()`.
    fn values(&mut self) -> Result<Vec<String>, Error> {
        let open = self.next(Place::Value);
        if open.kind != Kind::Open {
            return Err(Error::Syntax(format!("found '{}' expected: '('", open.text)));
        }
        let first = self.peek();
        match first.kind {
            Kind::Close => {
                self.at += 1;
                return Ok(vec![String::new()]);
            }
            Kind::Word | Kind::Comma => {}
            _ => return Err(Error::Syntax(format!("found '{}', expected: ',', ')' or identifier", first.text))),
        }
        let mut values: Vec<String> = Vec::new();
        loop {
            let token = self.next(Place::Value);
            let after = self.peek();
            match token.kind {
                Kind::Word => {
                    values.push(token.text.to_owned());
                    if !matches!(after.kind, Kind::Comma | Kind::Close) {
                        return Err(Error::Syntax(format!("found '{}', expected: ',' or ')'", after.text)));
                    }
                }
                Kind::Comma if values.is_empty() || matches!(after.kind, Kind::Comma | Kind::Close) => {
                    values.push(String::new())
                }
                Kind::Comma => {}
                _ => return Err(Error::Syntax(format!("found '{}', expected: ',', or identifier", token.text))),
            }
            if after.kind == Kind::Close {
                self.at += 1;
                return Ok(values);
            }
        }
    }
}

fn scan(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    while let Some(first) = rest.chars().next() {
        let (token, tail) = if is_symbol(first) { scan_symbol(rest) } else { scan_word(rest) };
        tokens.push(token);
        rest = tail.trim_start_matches(is_blank);
    }
    tokens
}

fn scan_word(text: &str) -> (Token<'_>, &str) {
    let end = text.find(|c| is_symbol(c) || is_blank(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let kind = match word {
        "in" => Kind::In,
        "notin" => Kind::NotIn,
        _ => Kind::Word,
    };
    (Token { kind, text: word }, rest)
}

fn scan_symbol(text: &str) -> (Token<'_>, &str) {
    const SYMBOLS: [(&str, Kind); 9] = [
        ("==", Kind::DoubleEquals),
        ("!=", Kind::NotEquals),
        ("=", Kind::Equals),
        ("!", Kind::Not),
        ("(", Kind::Open),
        (")", Kind::Close),
        (",", Kind::Comma),
        (">", Kind::Greater),
        ("<", Kind::Less),
    ];
    SYMBOLS
        .into_iter()
        .find_map(|(symbol, kind)| text.strip_prefix(symbol).map(|rest| (Token { kind, text: symbol }, rest)))
        .unwrap_or((Token { kind: Kind::Error, text }, ""))
}

const fn is_symbol(c: char) -> bool {
    matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}
