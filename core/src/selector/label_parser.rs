//! Parses the text form of label selectors, with upstream's grammar and upstream's words for what does not fit it.

use std::collections::BTreeSet;

use super::InvalidSelector;
use super::label::{Operator, Requirement, key_error};
use crate::field::Path;

type Result<T> = std::result::Result<T, InvalidSelector>;

/// The requirements in a text, in the order written.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>> {
    let mut parser = Parser { tokens: tokens(text), position: 0 };
    let mut requirements = Vec::new();
    loop {
        match parser.peek() {
            Token::End => return Ok(requirements),
            token if starts_requirement(token) => {}
            token => return Err(found(token, ", expected: !, identifier, or 'end of string'")),
        }
        let requirement = parser.requirement();
        requirements.push(
            requirement.map_err(|error| InvalidSelector(format!("unable to parse requirement: {error}")))?,
        );
        match parser.next() {
            Token::End => return Ok(requirements),
            Token::Symbol(",") if starts_requirement(parser.peek()) => {}
            Token::Symbol(",") => return Err(found(parser.peek(), ", expected: identifier after ','")),
            token => return Err(found(token, ", expected: ',' or 'end of string'")),
        }
    }
}

/// A piece of the text. `in` and `notin` are words: only the place decides whether they are operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'a str),
    End,
}

impl<'a> Token<'a> {
    fn text(self) -> &'a str {
        match self {
            Token::Word(text) | Token::Symbol(text) => text,
            Token::End => "",
        }
    }
}

fn starts_requirement(token: Token<'_>) -> bool {
    matches!(token, Token::Word(_) | Token::Symbol("!"))
}

fn found(token: Token<'_>, expected: &str) -> InvalidSelector {
    InvalidSelector(format!("found '{}'{expected}", token.text()))
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let space = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let special = |c: char| matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(space);
    while !rest.is_empty() {
        let (token, length) = if rest.starts_with(special) {
            let length = if rest.starts_with("==") || rest.starts_with("!=") { 2 } else { 1 };
            (Token::Symbol(&rest[..length]), length)
        } else {
            let length = rest.find(|c| special(c) || space(c)).unwrap_or(rest.len());
            (Token::Word(&rest[..length]), length)
        };
        tokens.push(token);
        rest = rest[length..].trim_start_matches(space);
    }
    tokens
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    position: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens.get(self.position).copied().unwrap_or(Token::End)
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.position += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement> {
        let absent = self.peek() == Token::Symbol("!");
        if absent {
            self.next();
        }
        let key = match self.next() {
            Token::Word(key) => key,
            token => return Err(found(token, ", expected: identifier")),
        };
        if let Some(error) = key_error(key, &Path::new("<nil>")) {
            return Err(InvalidSelector(error.to_string()));
        }
        let none: [&str; 0] = [];
        match self.peek() {
            _ if absent => Requirement::new(key, Operator::DoesNotExist, none),
            Token::End | Token::Symbol(",") => Requirement::new(key, Operator::Exists, none),
            _ => self.comparison(key),
        }
    }

    fn comparison(&mut self, key: &str) -> Result<Requirement> {
        let operator = match self.next().text() {
            "in" => Operator::In,
            "notin" => Operator::NotIn,
            "=" => Operator::Equals,
            "==" => Operator::DoubleEquals,
            "!=" => Operator::NotEquals,
            ">" => Operator::GreaterThan,
            "<" => Operator::LessThan,
            other => return Err(found(Token::Word(other), ", expected: in, notin, =, ==, !=, gt, lt")),
        };
        let values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => BTreeSet::from([self.exact_value()?]),
        };
        Requirement::new(key, operator, values)
    }

    fn exact_value(&mut self) -> Result<&'a str> {
        match self.peek() {
            Token::End | Token::Symbol(",") => Ok(""),
            Token::Word(value) => {
                self.next();
                Ok(value)
            }
            token => Err(found(token, ", expected: identifier")),
        }
    }

    fn values(&mut self) -> Result<BTreeSet<&'a str>> {
        match self.next() {
            Token::Symbol("(") => {}
            token => return Err(found(token, " expected: '('")),
        }
        match self.peek() {
            Token::Symbol(")") => {
                self.next();
                Ok(BTreeSet::from([""]))
            }
            Token::Word(_) | Token::Symbol(",") => self.value_list(),
            token => Err(found(token, ", expected: ',', ')' or identifier")),
        }
    }

    /// The values up to the closing parenthesis. What stands before the first comma, after the last one, and between
    /// two of them may be empty, and is then the empty value.
    fn value_list(&mut self) -> Result<BTreeSet<&'a str>> {
        let mut values = BTreeSet::new();
        loop {
            match self.next() {
                Token::Word(value) => {
                    values.insert(value);
                    match self.peek() {
                        Token::Symbol(",") => {}
                        Token::Symbol(")") => break,
                        token => return Err(found(token, ", expected: ',' or ')'")),
                    }
                }
                Token::Symbol(",") => {
                    if values.is_empty() || matches!(self.peek(), Token::Symbol("," | ")")) {
                        values.insert("");
                    }
                    if self.peek() == Token::Symbol(")") {
                        break;
                    }
                }
                token => return Err(found(token, ", expected: ',', or identifier")),
            }
        }
        self.next();
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use crate::selector::LabelSelector;

    fn parse(text: &str) -> Result<String, String> {
        text.parse::<LabelSelector>().map(|parsed| parsed.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_are_read_as_upstream_reads_them() {
        let cases = [
            ("", ""),
            (" a ", "a"),
            ("!a", "!a"),
            ("b,a", "a,b"),
            ("a=b", "a=b"),
            ("a = b", "a=b"),
            ("a==b", "a==b"),
            ("a!=b", "a!=b"),
            ("a=", "a="),
            ("a=,b", "a=,b"),
            ("a>1,b<2", "a>1,b<2"),
            ("a in (c,b)", "a in (b,c)"),
            ("a\tnotin\n( b )", "a notin (b)"),
            ("a in ()", "a in ()"),
            ("a in (,b)", "a in (,b)"),
            ("a in (b,)", "a in (,b)"),
            ("a in (b,,c)", "a in (,b,c)"),
            ("a in (b,,)", "a in (,b)"),
            ("a in (,,,b)", "a in (,b)"),
            ("in in (in,notin)", "in in (in,notin)"),
            ("a=in", "a=in"),
            ("example.com/a", "example.com/a"),
        ];
        for (text, printed) in cases {
            assert_eq!(parse(text).as_deref(), Ok(printed), "{text}");
        }
    }

    #[test]
    fn faults_are_worded_as_upstream_words_them() {
        let in_requirement = [
            ("!", "found '', expected: identifier"),
            ("!!a", "found '!', expected: identifier"),
            ("a b", "found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("a=>b", "found '>', expected: identifier"),
            ("a in b", "found 'b' expected: '('"),
            ("a in (=)", "found '=', expected: ',', ')' or identifier"),
            ("a in (b", "found '', expected: ',' or ')'"),
            ("a in (b c)", "found 'c', expected: ',' or ')'"),
            ("a in (b,=)", "found '=', expected: ',', or identifier"),
            ("a in (,", "found '', expected: ',', or identifier"),
            (
                "a>b",
                "values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
        ];
        for (text, fault) in in_requirement {
            assert_eq!(parse(text), Err(format!("unable to parse requirement: {fault}")), "{text}");
        }
        let between = [
            ("a=b,", "found '', expected: identifier after ','"),
            ("a=b,,c", "found ',', expected: identifier after ','"),
            (",a", "found ',', expected: !, identifier, or 'end of string'"),
            ("a=b c", "found 'c', expected: ',' or 'end of string'"),
            ("!a in (b)", "found 'in', expected: ',' or 'end of string'"),
        ];
        for (text, fault) in between {
            assert_eq!(parse(text), Err(fault.to_owned()), "{text}");
        }
    }

    #[test]
    fn malformed_keys_and_values_are_named() {
        let key = parse("a/b/c=d").unwrap_err();
        assert!(key.starts_with(
            "unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a valid label key must consist of"
        ));
        let value = parse(r#"app="a""#).unwrap_err();
        assert!(value.starts_with(
            r#"unable to parse requirement: values[0][app]: Invalid value: "\"a\"": a valid label must be an empty"#
        ));
    }
}
