//! Explains malformed JSON in the words of Go's `encoding/json`, which clients see and tests match.

use crate::quote::quote_char;

const END: &str = "unexpected end of JSON input";

/// Finds the first syntax error; `None` when Go's scanner finds none.
pub(super) fn explain(body: &[u8]) -> Option<String> {
    let mut scanner = Scanner { body, at: 0 };
    scanner.document().err()
}

struct Scanner<'a> {
    body: &'a [u8],
    at: usize,
}

#[derive(Clone, Copy)]
enum Open {
    Object,
    Array,
}

impl Scanner<'_> {
    /// Walks the whole text with an explicit stack, so that depth costs no call stack.
    fn document(&mut self) -> Result<(), String> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            // A value begins here.
            match self.token()? {
                b'{' => {
                    if self.token()? != b'}' {
                        self.at -= 1;
                        self.key()?;
                        open.push(Open::Object);
                        continue;
                    }
                }
                b'[' => {
                    if self.token()? != b']' {
                        self.at -= 1;
                        open.push(Open::Array);
                        continue;
                    }
                }
                first => self.scalar(first)?,
            }
            if self.after_value(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Reads what follows a value up to the start of the next; true at the end of the document.
    fn after_value(&mut self, open: &mut Vec<Open>) -> Result<bool, String> {
        loop {
            let Some(top) = open.last().copied() else {
                self.blanks();
                return match self.peek() {
                    None => Ok(true),
                    Some(b) => Err(invalid(b, "after top-level value")),
                };
            };
            match (top, self.token()?) {
                (Open::Object, b',') => {
                    self.key()?;
                    return Ok(false);
                }
                (Open::Array, b',') => return Ok(false),
                (Open::Object, b'}') | (Open::Array, b']') => {
                    open.pop();
                }
                (Open::Object, b) => return Err(invalid(b, "after object key:value pair")),
                (Open::Array, b) => return Err(invalid(b, "after array element")),
            }
        }
    }

    fn key(&mut self) -> Result<(), String> {
        match self.token()? {
            b'"' => self.string()?,
            b => return Err(invalid(b, "looking for beginning of object key string")),
        }
        match self.token()? {
            b':' => Ok(()),
            b => Err(invalid(b, "after object key")),
        }
    }

    fn scalar(&mut self, first: u8) -> Result<(), String> {
        match first {
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'-' | b'0'..=b'9' => self.number(first),
            b => Err(invalid(b, "looking for beginning of value")),
        }
    }

    fn string(&mut self) -> Result<(), String> {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let b = self.next()?;
                            if !b.is_ascii_hexdigit() {
                                return Err(invalid(b, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    b => return Err(invalid(b, "in string escape code")),
                },
                b if b < 0x20 => return Err(invalid(b, "in string literal")),
                _ => {}
            }
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), String> {
        for expected in word.bytes().skip(1) {
            let b = self.next()?;
            if b != expected {
                return Err(invalid(b, &format!("in literal {word} (expecting {})", quote_char(char::from(expected)))));
            }
        }
        Ok(())
    }

    fn number(&mut self, first: u8) -> Result<(), String> {
        let mut lead = first;
        if lead == b'-' {
            lead = self.next()?;
            if !lead.is_ascii_digit() {
                return Err(invalid(lead, "in numeric literal"));
            }
        }
        if lead != b'0' {
            self.digits();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn some_digits(&mut self, place: &str) -> Result<(), String> {
        let b = self.next()?;
        if !b.is_ascii_digit() {
            return Err(invalid(b, place));
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    /// Returns the next byte, whatever it is.
    fn next(&mut self) -> Result<u8, String> {
        let b = self.peek().ok_or(END)?;
        self.at += 1;
        Ok(b)
    }

    /// Returns the next byte that is no blank.
    fn token(&mut self) -> Result<u8, String> {
        self.blanks();
        self.next()
    }
}

fn invalid(b: u8, place: &str) -> String {
    format!("invalid character {} {place}", quote_char(char::from(b)))
}
