//! One step of a path into an object, in the text that `fieldsV1` gives it: `f:name`, `k:{"name":"x"}`, `v:"x"`, `i:0`.

use std::borrow::Borrow;
use std::fmt;

use serde_json::{Map, Value};

/// One step of a path. Equal steps have equal texts, so the text is all there is to keep.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Element(String);

/// A text that is no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It may be one to a later version: upstream drops it.
    Unknown,
    /// It is malformed.
    Malformed,
}

impl Element {
    /// The field of that name, or the entry with that key.
    pub(super) fn field(name: &str) -> Self {
        let mut text = String::with_capacity(name.len() + 2);
        text.push_str("f:");
        text.push_str(name);
        Element(text)
    }

    /// The element of a list that has these values in its key fields, which are ordered by name.
    pub(super) fn key<'a>(fields: impl Iterator<Item = (&'a str, Value)>) -> Self {
        let fields: Map<String, Value> = fields.map(|(name, value)| (name.to_owned(), value)).collect();
        Element(format!("k:{}", Value::Object(fields)))
    }

    /// The element of a set that has this value.
    pub(super) fn value(value: &Value) -> Self {
        Element(format!("v:{value}"))
    }

    /// Reads a key of `fieldsV1`.
    pub(super) fn read(text: String) -> Result<Self, Unreadable> {
        let (Some(kind), Some(b':')) = (text.as_bytes().first(), text.as_bytes().get(1)) else {
            return Err(Unreadable::Malformed);
        };
        let canonical = |object: bool| match serde_json::from_str::<Value>(&text[2..]) {
            Ok(value) if value.is_object() == object => Ok(Element(format!("{}{value}", &text[..2]))),
            _ => Err(Unreadable::Malformed),
        };
        match kind {
            b'f' => Ok(Element(text)),
            b'k' => canonical(true),
            b'v' => canonical(false),
            b'i' if text[2..].parse::<i64>().is_ok() => Ok(Element(text)),
            b'i' => Err(Unreadable::Malformed),
            _ => Err(Unreadable::Unknown),
        }
    }

    /// The name, if it is a field.
    pub(super) fn field_name(&self) -> Option<&str> {
        self.0.strip_prefix("f:")
    }

    /// The key of `fieldsV1`.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

impl Borrow<str> for Element {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// As paths show it: `.name`, `[name="x"]`, `[="x"]`, `[0]`.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, rest) = self.0.split_at(2);
        match kind {
            "f:" => write!(f, ".{rest}"),
            "k:" => {
                let fields: Map<String, Value> = serde_json::from_str(rest).unwrap_or_default();
                let shown: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(f, "[{}]", shown.join(","))
            }
            "v:" => write!(f, "[={rest}]"),
            _ => write!(f, "[{rest}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_are_read_in_their_canonical_text_and_shown_as_paths() {
        let cases = [
            ("f:a.b/c", Ok(("f:a.b/c", ".a.b/c"))),
            ("f:", Ok(("f:", "."))),
            (r#"k:{"b":1, "a":"x"}"#, Ok((r#"k:{"a":"x","b":1}"#, r#"[a="x",b=1]"#))),
            (r#"v:"x""#, Ok((r#"v:"x""#, r#"[="x"]"#))),
            ("i:-3", Ok(("i:-3", "[-3]"))),
            ("i:x", Err(Unreadable::Malformed)),
            ("k:[]", Err(Unreadable::Malformed)),
            ("v:{}", Err(Unreadable::Malformed)),
            ("x:1", Err(Unreadable::Unknown)),
            ("f", Err(Unreadable::Malformed)),
            ("", Err(Unreadable::Malformed)),
        ];
        for (text, expected) in cases {
            let read = Element::read(text.to_owned());
            let shown = read.map(|element| (element.clone().into_text(), element.to_string()));
            assert_eq!(shown, expected.map(|(a, b)| (a.to_owned(), b.to_owned())), "{text}");
        }
        let key = Element::key([("a", json!("x")), ("b", json!(1))].into_iter());
        assert_eq!(key.into_text(), r#"k:{"a":"x","b":1}"#);
        assert_eq!(Element::value(&json!("x")).into_text(), r#"v:"x""#);
    }
}
