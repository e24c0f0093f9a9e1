//! Unifies a recorded answer with an actual one: placeholders bind at first sight and must then stay the same.

use std::collections::BTreeMap;

use steersman::core::tree::{Map, Value};

/// What the placeholders of a case stand for.
#[derive(Clone, Default)]
pub(crate) struct Bindings(BTreeMap<String, String>);

/// Placeholders that match any value of their kind, every time anew.
const ANY: &[&str] = &[
    "time",
    "age",
    "rvany",
    "kid",
    "epoch",
    "hash",
    "key",
    "data",
    "server",
    "secure-port",
    "gitCommit",
    "gitVersion",
    "gitTreeState",
    "buildDate",
    "goVersion",
    "compiler",
    "platform",
];

/// Placeholders that are bound, followed by a number.
const BOUND: &[&str] = &["uid", "rv", "listrv", "gen", "ip", "port", "continue", "jwt"];

impl Bindings {
    pub(crate) fn bind(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// `text` with every bound placeholder replaced.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        if !text.contains('<') {
            return filled;
        }
        for (name, value) in &self.0 {
            filled = filled.replace(&format!("<{name}>"), value);
        }
        filled
    }

    /// JSON text in which quoted placeholders that stand for numbers are replaced, with their quotes.
    pub(crate) fn fill_numbers(&self, json: &str) -> String {
        let ports = self.0.iter().filter(|(name, _)| name.starts_with("port"));
        ports.fold(json.to_owned(), |json, (name, value)| json.replace(&format!("\"<{name}>\""), value))
    }

    /// The first difference between what was recorded and what came.
    pub(crate) fn unify(&mut self, at: &str, expected: &Value, actual: &Value) -> Option<String> {
        match (expected, actual) {
            (Value::Object(left), Value::Object(right)) => self.unify_maps(at, left, right),
            (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
                let mut pairs = left.iter().zip(right).enumerate();
                pairs.find_map(|(index, (left, right))| self.unify(&format!("{at}/{index}"), left, right))
            }
            (Value::String(pattern), Value::String(text)) if self.matches(pattern, text) => None,
            (Value::String(pattern), Value::Number(number))
                if pattern.starts_with('<') && self.matches(pattern, &number.to_string()) =>
            {
                None
            }
            _ if expected == actual => None,
            _ => Some(format!("{at}\n      expected {expected}\n      got      {actual}")),
        }
    }

    fn unify_maps(&mut self, at: &str, left: &Map, right: &Map) -> Option<String> {
        let mut unexpected = right.keys().filter(|key| !left.contains_key(key));
        for (key, expected) in left {
            let key = self.fill(key);
            let Some(actual) = right.get(&key) else {
                return Some(format!("{at}/{key}\n      expected {expected}\n      got      nothing"));
            };
            if let Some(difference) = self.unify(&format!("{at}/{key}"), expected, actual) {
                return Some(difference);
            }
        }
        let filled: Vec<String> = left.keys().map(|key| self.fill(key)).collect();
        let extra = unexpected.find(|key| !filled.iter().any(|one| **key == *one))?;
        Some(format!("{at}/{extra}\n      expected nothing\n      got      {}", right[extra]))
    }

    /// Whether `text` fits `pattern`; binds what was unbound if it does.
    pub(crate) fn matches(&mut self, pattern: &str, text: &str) -> bool {
        if !pattern.contains('<') {
            return pattern == text;
        }
        let mut bindings = self.clone();
        let fits = bindings.fits(pattern, text);
        if fits {
            *self = bindings;
        }
        fits
    }

    fn fits(&mut self, pattern: &str, text: &str) -> bool {
        let Some((literal, placeholder, rest)) = next_placeholder(pattern) else { return pattern == text };
        let Some(text) = text.strip_prefix(literal) else { return false };
        if let Some(value) = self.0.get(placeholder).cloned() {
            return text.strip_prefix(value.as_str()).is_some_and(|text| self.fits(rest, text));
        }
        let longest: usize = text.chars().take_while(|c| may_hold(placeholder, *c)).map(char::len_utf8).sum();
        let shortest = if rest.is_empty() { longest.max(1) } else { 1 };
        (shortest..=longest).rev().filter(|end| text.is_char_boundary(*end)).any(|end| {
            let mut bindings = self.clone();
            if is_bound(placeholder) {
                bindings.bind(placeholder, &text[..end]);
            }
            let fits = bindings.fits(rest, &text[end..]);
            if fits {
                *self = bindings;
            }
            fits
        })
    }
}

/// The text before the first placeholder, its name, and the text after it.
fn next_placeholder(pattern: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = pattern[from..].find('<').map(|place| place + from) {
        let close = open + pattern[open..].find('>')?;
        let name = &pattern[open + 1..close];
        if name == "ns" || ANY.contains(&name) || is_bound(name) {
            return Some((&pattern[..open], name, &pattern[close + 1..]));
        }
        from = open + 1;
    }
    None
}

fn is_bound(name: &str) -> bool {
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    kind.len() < name.len() && BOUND.contains(&kind)
}

/// Which characters a placeholder's value may hold.
fn may_hold(placeholder: &str, c: char) -> bool {
    match placeholder.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "uid" => c.is_ascii_hexdigit() || c == '-',
        "rv" | "listrv" | "rvany" | "port" | "epoch" | "secure-port" => c.is_ascii_digit(),
        "gen" => c.is_ascii_lowercase() || c.is_ascii_digit(),
        "ip" => c.is_ascii_digit() || c == '.' || c == ':' || c.is_ascii_hexdigit(),
        "time" => c.is_ascii_digit() || "-:.TZ".contains(c),
        "age" => c.is_ascii_alphanumeric(),
        _ => !c.is_control(),
    }
}
