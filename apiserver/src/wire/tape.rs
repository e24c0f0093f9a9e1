//! Reads JSON into a flat list of tokens that point into the text: one pass, nothing copied, no tree.

use std::borrow::Cow;

use super::Malformed;

/// How deep a value may be nested; a stored object is nested 127 deep at most.
pub(super) const DEPTH: usize = 128;

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    /// A string, a key too, without its quotes.
    Text,
    /// The same with escapes in it.
    Escaped,
    Number,
    True,
    False,
    Null,
}

/// A value, or a key, and where it stands in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    start: u32,
    end: u32,
    /// The token behind the value; for a container, behind all that it holds.
    pub(super) next: u32,
}

impl Token {
    /// The text of the token.
    pub(super) fn text<'t>(&self, json: &'t [u8]) -> &'t [u8] {
        &json[self.start as usize..self.end as usize]
    }

    /// The text of the whole value, with the quotes of a string.
    pub(super) fn whole<'t>(&self, json: &'t [u8]) -> &'t [u8] {
        let quote = usize::from(matches!(self.kind, Kind::Text | Kind::Escaped));
        &json[self.start as usize - quote..self.end as usize + quote]
    }

    /// The text of a string or a key, without escapes.
    pub(super) fn string<'t>(&self, json: &'t [u8]) -> Cow<'t, [u8]> {
        match self.kind {
            Kind::Escaped => match serde_json::from_slice::<String>(self.whole(json)) {
                Ok(text) => Cow::Owned(text.into_bytes()),
                // An escape that is none; nothing that the server has written.
                Err(_) => Cow::Borrowed(self.text(json)),
            },
            _ => Cow::Borrowed(self.text(json)),
        }
    }
}

/// Reads a text into `tape`, whose first token then is the whole value. What `tape` held is dropped.
pub(super) fn read(json: &[u8], tape: &mut Vec<Token>) -> Result<(), Malformed> {
    tape.clear();
    // Offsets are 32 bits wide.
    if u32::try_from(json.len()).is_err() {
        return Err(Malformed("a text of more than 4 GiB"));
    }
    let mut scan = Scan { json, at: 0, tape };
    scan.value(0)?;
    scan.space();
    if scan.at == json.len() { Ok(()) } else { Err(Malformed("text behind a JSON value")) }
}

struct Scan<'a> {
    json: &'a [u8],
    at: usize,
    tape: &'a mut Vec<Token>,
}

impl Scan<'_> {
    fn value(&mut self, depth: usize) -> Result<(), Malformed> {
        self.space();
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.container(Kind::Object, depth),
            Some(b'[') => self.container(Kind::Array, depth),
            Some(b't') => self.word(b"true", Kind::True),
            Some(b'f') => self.word(b"false", Kind::False),
            Some(b'n') => self.word(b"null", Kind::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(Malformed("JSON that has no value where one must be")),
        }
    }

    fn container(&mut self, kind: Kind, depth: usize) -> Result<(), Malformed> {
        if depth == DEPTH {
            return Err(Malformed("JSON that is nested too deep"));
        }
        let (own, start) = (self.tape.len(), self.at);
        self.push(kind, start, start);
        self.at += 1;
        let close = if kind == Kind::Object { b'}' } else { b']' };
        self.space();
        if self.peek() != Some(close) {
            self.entries(kind, depth, close)?;
        }
        self.at += 1;
        let next = self.tape.len() as u32;
        let token = &mut self.tape[own];
        token.end = self.at as u32;
        token.next = next;
        Ok(())
    }

    /// What stands between the brackets; stops at the closing one.
    fn entries(&mut self, kind: Kind, depth: usize, close: u8) -> Result<(), Malformed> {
        loop {
            if kind == Kind::Object {
                self.space();
                self.expect(b'"').and_then(|()| self.string())?;
                self.space();
                self.expect(b':')?;
                self.at += 1;
            }
            self.value(depth + 1)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(found) if found == close => return Ok(()),
                _ => return Err(Malformed("JSON without the end of an object or list")),
            }
        }
    }

    /// Begins at the opening quote.
    fn string(&mut self) -> Result<(), Malformed> {
        let start = self.at + 1;
        let mut kind = Kind::Text;
        let mut end = start;
        loop {
            let rest = self.json.get(end..).unwrap_or_default();
            match rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
                Some(plain) if rest[plain] == b'"' => {
                    end += plain;
                    self.push(kind, start, end);
                    self.at = end + 1;
                    return Ok(());
                }
                Some(plain) => {
                    kind = Kind::Escaped;
                    end += plain + 2;
                }
                None => return Err(Malformed("JSON without the end of a string")),
            }
        }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        let digits = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.json[self.at..].iter().take_while(|byte| digits(byte)).count();
        self.push(Kind::Number, self.at, self.at + length);
        self.at += length;
        Ok(())
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), Malformed> {
        if !self.json[self.at..].starts_with(word) {
            return Err(Malformed("JSON with a word that is none"));
        }
        self.push(kind, self.at, self.at + word.len());
        self.at += word.len();
        Ok(())
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        let next = self.tape.len() as u32 + 1;
        self.tape.push(Token { kind, start: start as u32, end: end as u32, next });
    }

    fn expect(&self, byte: u8) -> Result<(), Malformed> {
        if self.peek() == Some(byte) { Ok(()) } else { Err(Malformed("JSON with an object that is none")) }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(json: &str) -> Result<Vec<Kind>, Malformed> {
        let mut tape = Vec::new();
        read(json.as_bytes(), &mut tape)?;
        Ok(tape.iter().map(|token| token.kind).collect())
    }

    #[test]
    fn tokens_stand_in_the_order_of_the_text() {
        use Kind::*;
        let expected = [Object, Text, Array, Number, Text, Text, Object, Escaped, True, Text, Null];
        assert_eq!(kinds(r#" {"a": [-1.5e3, "x"], "b": {"c\"d": true}, "e": null } "#).unwrap(), expected);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for json in
            ["", "{", "[1", "{\"a\"}", "{\"a\":}", "tru", "\"a", "\"a\\", "{}x", "[1,]", "{1:2}", "nul"]
        {
            assert!(kinds(json).is_err(), "{json}");
        }
        assert!(kinds(&"[".repeat(100_000)).is_err());
    }
}
