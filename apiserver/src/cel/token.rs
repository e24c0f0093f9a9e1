//! Cuts the text of an expression into tokens, as the grammar of the Common Expression Language has them.

use super::expr::Literal;

/// A piece of the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    /// The byte offset of its first character.
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Ident(String),
    /// A number has no sign yet: the smallest integer stands for what only fits below a minus.
    Literal(Literal),
    Symbol(&'static str),
    End,
}

/// What is wrong with a text, and at which byte.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) why: String,
}

const SYMBOLS: [&str; 26] = [
    "==", "!=", "<=", ">=", "&&", "||", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":", "+", "*",
    "/", "%", "<", ">", "in", "`",
];

/// The tokens of a text; the last is [`Kind::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Wrong> {
    let mut cutter = Cutter { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        cutter.skip_blanks();
        let at = cutter.at;
        let kind = cutter.next()?;
        let is_end = kind == Kind::End;
        tokens.push(Token { at, kind });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Cutter<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Cutter<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest().trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
            self.at = self.source.len() - rest.len();
            if !rest.starts_with("//") {
                return;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn next(&mut self) -> Result<Kind, Wrong> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Kind::End) };
        if let Some(start) = string_start(rest) {
            return self.string(start);
        }
        if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(self.word());
        }
        match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => {
                self.at += symbol.len();
                Ok(Kind::Symbol(symbol))
            }
            None => Err(self.wrong(format!("Syntax error: token recognition error at: '{first}'"))),
        }
    }

    fn word(&mut self) -> Kind {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += length;
        match &rest[..length] {
            "in" => Kind::Symbol("in"),
            "true" => Kind::Literal(Literal::Bool(true)),
            "false" => Kind::Literal(Literal::Bool(false)),
            "null" => Kind::Literal(Literal::Null),
            name => Kind::Ident(name.to_owned()),
        }
    }

    fn number(&mut self) -> Result<Kind, Wrong> {
        let rest = self.rest();
        if let Some(hex) = rest.strip_prefix("0x") {
            let digits = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
            return self.integer(2 + digits, &hex[..digits], 16);
        }
        let mut length = digits(rest);
        let fraction = rest[length..].strip_prefix('.').map_or(0, digits);
        let mut is_double = fraction > 0;
        if is_double {
            length += 1 + fraction;
        }
        if let Some(exponent) = rest[length..].strip_prefix(['e', 'E']) {
            let sign = usize::from(exponent.starts_with(['+', '-']));
            if let count @ 1.. = digits(&exponent[sign..]) {
                length += 1 + sign + count;
                is_double = true;
            }
        }
        if !is_double {
            return self.integer(length, &rest[..length], 10);
        }
        let value: f64 = rest[..length].parse().map_err(|_| self.wrong("invalid double literal".into()))?;
        self.at += length;
        Ok(Kind::Literal(Literal::Double(value)))
    }

    fn integer(&mut self, length: usize, digits: &str, radix: u32) -> Result<Kind, Wrong> {
        let is_unsigned = self.rest()[length..].starts_with(['u', 'U']);
        let word = if is_unsigned { "uint" } else { "int" };
        let value = u64::from_str_radix(digits, radix)
            .ok()
            .filter(|value| is_unsigned || *value <= 1 << 63)
            .ok_or_else(|| self.wrong(format!("invalid {word} literal")))?;
        self.at += length + usize::from(is_unsigned);
        Ok(Kind::Literal(if is_unsigned {
            Literal::Uint(value)
        } else {
            // The parser refuses the one value that only fits below a minus.
            Literal::Int(i64::try_from(value).unwrap_or(i64::MIN))
        }))
    }

    fn string(&mut self, start: Start) -> Result<Kind, Wrong> {
        let body = &self.rest()[start.length..];
        let end = closing(body, start.quote, start.is_raw).ok_or_else(|| {
            self.wrong(format!("Syntax error: token recognition error at: '{}'", self.rest()))
        })?;
        let text = &body[..end];
        let bytes = if start.is_raw {
            text.replace("\r\n", "\n").into_bytes()
        } else {
            unescape(text, start.is_bytes)
                .ok_or_else(|| self.wrong("invalid string literal: unable to unescape string".to_owned()))?
        };
        self.at += start.length + end + start.quote.len();
        Ok(Kind::Literal(if start.is_bytes {
            Literal::Bytes(bytes)
        } else {
            Literal::String(String::from_utf8_lossy(&bytes).into_owned())
        }))
    }

    fn wrong(&self, why: String) -> Wrong {
        Wrong { at: self.at, why }
    }
}

/// How a string begins.
struct Start {
    /// Bytes before the text itself.
    length: usize,
    quote: &'static str,
    is_raw: bool,
    is_bytes: bool,
}

fn string_start(rest: &str) -> Option<Start> {
    let prefix = rest.find(|c: char| !matches!(c, 'r' | 'R' | 'b' | 'B'))?;
    let (is_raw, is_bytes) = match &rest[..prefix] {
        "" => (false, false),
        "r" | "R" => (true, false),
        "b" | "B" => (false, true),
        "br" | "bR" | "Br" | "BR" | "rb" | "rB" | "Rb" | "RB" => (true, true),
        _ => return None,
    };
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest[prefix..].starts_with(*quote))?;
    Some(Start { length: prefix + quote.len(), quote, is_raw, is_bytes })
}

/// Where the closing quote stands.
fn closing(body: &str, quote: &str, is_raw: bool) -> Option<usize> {
    let mut skip = false;
    for (index, c) in body.char_indices() {
        if skip {
            skip = false;
        } else if c == '\\' && !is_raw {
            skip = true;
        } else if body[index..].starts_with(quote) {
            return Some(index);
        } else if quote.len() == 1 && (c == '\n' || c == '\r') {
            return None;
        }
    }
    None
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

/// Replaces escape sequences; `None` if one is malformed. In bytes `\x` and octal escapes stand for one byte each.
fn unescape(text: &str, is_bytes: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            push(&mut out, c);
            continue;
        }
        let simple = match chars.next()? {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            c @ ('\\' | '\'' | '"' | '`' | '?') => c,
            'x' | 'X' => {
                code(&mut out, &take(&mut chars, 2), 16, is_bytes)?;
                continue;
            }
            'u' if !is_bytes => {
                code(&mut out, &take(&mut chars, 4), 16, false)?;
                continue;
            }
            'U' if !is_bytes => {
                code(&mut out, &take(&mut chars, 8), 16, false)?;
                continue;
            }
            first @ '0'..='3' => {
                code(&mut out, &format!("{first}{}", take(&mut chars, 2)), 8, is_bytes)?;
                continue;
            }
            _ => return None,
        };
        push(&mut out, simple);
    }
    Some(out)
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn take(chars: &mut std::str::Chars<'_>, count: usize) -> String {
    chars.take(count).collect()
}

fn code(out: &mut Vec<u8>, digits: &str, radix: u32, is_byte: bool) -> Option<()> {
    let value = u32::from_str_radix(digits, radix).ok()?;
    if is_byte {
        out.push(u8::try_from(value).ok()?);
    } else {
        push(out, char::from_u32(value)?);
    }
    Some(())
}
