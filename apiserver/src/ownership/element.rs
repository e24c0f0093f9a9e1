//! One step of a path into an object, which `fieldsV1` writes as a text: `f:name`, `k:{"name":"x"}`, `v:"x"`, `i:0`.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt::{self, Write};

use steersman_core::tree::{Map, Text, Value};

use crate::json_text::{for_pages, quote, quote_behind};
use crate::workplace;

thread_local! {
    /// Where the texts of steps are put together, most of which are short.
    static WORKPLACE: Cell<String> = const { Cell::new(String::new()) };
}

/// One step of a path, ordered as its text is. A name is borrowed from the object or the text that it was read from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element<'a> {
    /// The field of that name, or the entry with that key.
    Field(Cow<'a, str>),
    /// The element of a list that has these key fields, this value or this index: the text of the step.
    Item(Text),
}

/// A text that is no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It may be one to a later version: upstream drops it.
    Unknown,
    /// It is malformed.
    Malformed,
}

impl<'a> Element<'a> {
    /// The field of that name, or the entry with that key.
    pub(super) fn field(name: &'a str) -> Self {
        Element::Field(Cow::Borrowed(name))
    }

    /// The element of a list that has these values in its key fields.
    pub(super) fn key<'v>(
        fields: impl Iterator<Item = (&'v str, Cow<'v, Value>)> + Clone,
    ) -> Element<'static> {
        if fields.clone().is_sorted_by(|(one, _), (other, _)| one <= other) {
            return Element::item(|text| write_key(fields, text));
        }
        let mut fields: Vec<_> = fields.collect();
        fields.sort_unstable_by_key(|(name, _)| *name);
        Element::item(|text| write_key(fields.into_iter(), text))
    }

    /// The element of a set that has this value.
    pub(super) fn value(value: &Value) -> Element<'static> {
        Element::item(|text| {
            text.push_str("v:");
            write_value(value, text);
        })
    }

    /// The element of a list at that place.
    pub(super) fn index(index: usize) -> Element<'static> {
        Element::Item(Text::of(&format_args!("i:{index}")))
    }

    /// Reads a key of `fieldsV1`.
    pub(super) fn read(text: Cow<'a, str>) -> Result<Self, Unreadable> {
        let (Some(kind), Some(b':')) = (text.as_bytes().first(), text.as_bytes().get(1)) else {
            return Err(Unreadable::Malformed);
        };
        match kind {
            b'f' => Ok(Element::Field(without_kind(text))),
            b'k' if is_written_fields(&text[2..]) => Ok(Element::Item(text.into())),
            b'k' => rewritten(&text, true),
            b'v' => rewritten(&text, false),
            b'i' if text[2..].parse::<i64>().is_ok() => Ok(Element::Item(text.into())),
            b'i' => Err(Unreadable::Malformed),
            _ => Err(Unreadable::Unknown),
        }
    }

    /// The name, if it is a field.
    pub(super) fn field_name(&self) -> Option<&str> {
        match self {
            Element::Field(name) => Some(name),
            Element::Item(_) => None,
        }
    }

    /// The order in which steps are told of: fields, elements by their keys, by their values, by their places; numbers
    /// as numbers.
    pub(super) fn cmp_as_told(&self, other: &Self) -> Ordering {
        let (Element::Item(one), Element::Item(two)) = (self, other) else { return self.cmp(other) };
        let rank = |text: &str| ["k:", "v:", "i:"].iter().position(|kind| text.starts_with(kind));
        let value = |text: &str| serde_json::from_str::<Value>(&text[2..]).unwrap_or_default();
        rank(one).cmp(&rank(two)).then_with(|| match (value(one), value(two)) {
            (Value::Object(one), Value::Object(two)) => compare_fields(&one, &two),
            (one, two) => compare_scalars(&one, &two),
        })
    }

    /// What its text begins with, and what follows that.
    pub(super) fn parts(&self) -> (&str, &str) {
        match self {
            Element::Field(name) => ("f:", name),
            Element::Item(text) => ("", text),
        }
    }

    fn item(write: impl FnOnce(&mut String)) -> Element<'static> {
        workplace::at(&WORKPLACE, |text| {
            write(text);
            Element::Item(Text::from(text.as_str()))
        })
    }

    /// Writes the key of `fieldsV1` as JSON.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Element::Field(name) => quote_behind("f:", name, out),
            Element::Item(text) => quote(text, out),
        }
    }
}

fn write_key<'v>(fields: impl Iterator<Item = (&'v str, Cow<'v, Value>)>, text: &mut String) {
    text.push_str("k:");
    for (index, (name, value)) in fields.enumerate() {
        text.push(if index == 0 { '{' } else { ',' });
        quote(name, text);
        text.push(':');
        write_value(&value, text);
    }
    text.push('}');
}

/// Values are written as a page might show them, names are not.
fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::String(text) if !may_be_markup(text) => quote(text, out),
        // A string takes whatever is written into it.
        Value::Number(number) => drop(write!(out, "{number}")),
        other => out.push_str(&for_pages(&other.to_string())),
    }
}

/// Whether a text may hold what a page would take for its own; `0xe2` begins the separators of lines, and others.
fn may_be_markup(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2))
}

fn compare_fields(one: &Map, two: &Map) -> Ordering {
    let pairs = one.iter().zip(two);
    let mut orders = pairs.map(|((a, x), (b, y))| a.cmp(b).then_with(|| compare_scalars(x, y)));
    orders.find(|order| order.is_ne()).unwrap_or_else(|| one.len().cmp(&two.len()))
}

/// Numbers before texts before truth values.
fn compare_scalars(one: &Value, two: &Value) -> Ordering {
    let rank = |value: &Value| (!value.is_number(), !value.is_string(), !value.is_boolean());
    rank(one).cmp(&rank(two)).then_with(|| match (one, two) {
        (Value::Number(one), Value::Number(two)) => match (one.as_i64(), two.as_i64()) {
            (Some(one), Some(two)) => one.cmp(&two),
            _ => one.as_f64().partial_cmp(&two.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::String(one), Value::String(two)) => one.cmp(two),
        (Value::Bool(one), Value::Bool(two)) => one.cmp(two),
        _ => Ordering::Equal,
    })
}

/// A step of a list that another has written, in our own writing.
fn rewritten(text: &str, of_fields: bool) -> Result<Element<'static>, Unreadable> {
    match serde_json::from_str::<Value>(&text[2..]) {
        Ok(Value::Object(fields)) if of_fields => {
            Ok(Element::key(fields.iter().map(|(name, value)| (name.as_str(), Cow::Borrowed(value)))))
        }
        Ok(value) if !of_fields && !value.is_object() => Ok(Element::value(&value)),
        _ => Err(Unreadable::Malformed),
    }
}

/// Whether key fields are written as [`Element::key`] writes them; it may be denied where they are.
fn is_written_fields(json: &str) -> bool {
    let Some(mut rest) = json.strip_prefix('{') else { return false };
    let mut last = None;
    loop {
        let Some((name, value)) = plain_string(rest) else { return false };
        let Some(value) = value.strip_prefix(':') else { return false };
        let Some((_, after)) = plain_string(value).or_else(|| plain_number(value)) else { return false };
        if last.replace(name).is_some_and(|last| last >= name) {
            return false;
        }
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return after == "}",
        }
    }
}

/// The string without escapes that the text begins with, and what follows it.
fn plain_string(json: &str) -> Option<(&str, &str)> {
    let inner = json.strip_prefix('"')?;
    let end = inner.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')?;
    let (text, rest) = inner.split_at(end);
    Some((text, rest.strip_prefix('"')?)).filter(|_| !may_be_markup(text))
}

/// The natural number that the text begins with, and what follows it.
fn plain_number(json: &str) -> Option<(&str, &str)> {
    let end = json.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = json.split_at(end);
    let is_plain = digits == "0" || (1..19).contains(&end) && !digits.starts_with('0');
    is_plain.then_some((digits, rest))
}

fn without_kind(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[2..]),
        Cow::Owned(text) => Cow::Owned(text[2..].to_owned()),
    }
}

/// As paths show it: `.name`, `[name="x"]`, `[="x"]`, `[0]`.
impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Element::Field(name) => return write!(f, ".{name}"),
            Element::Item(text) => text,
        };
        match text.split_at(2) {
            ("k:", rest) => {
                let fields: Map = serde_json::from_str(rest).unwrap_or_default();
                let shown: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(f, "[{}]", shown.join(","))
            }
            ("v:", rest) => write!(f, "[={}]", serde_json::from_str::<Value>(rest).unwrap_or_default()),
            (_, rest) => write!(f, "[{rest}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn written(element: &Element<'_>) -> String {
        let mut text = String::new();
        element.write(&mut text);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn elements_are_read_in_their_canonical_text_and_shown_as_paths() {
        let cases = [
            ("f:a.b/c", Ok(("f:a.b/c", ".a.b/c"))),
            ("f:", Ok(("f:", "."))),
            ("f:\"\u{1}", Ok(("f:\"\u{1}", ".\"\u{1}"))),
            (r#"k:{"b":1, "a":"x"}"#, Ok((r#"k:{"a":"x","b":1}"#, r#"[a="x",b=1]"#))),
            (r#"k:{"b":1,"a":"x"}"#, Ok((r#"k:{"a":"x","b":1}"#, r#"[a="x",b=1]"#))),
            (r#"k:{"a":"x","b":0}"#, Ok((r#"k:{"a":"x","b":0}"#, r#"[a="x",b=0]"#))),
            (r#"k:{"a":"\u0041"}"#, Ok((r#"k:{"a":"A"}"#, r#"[a="A"]"#))),
            (r#"k:{"a":"<&>"}"#, Ok((r#"k:{"a":"\u003c\u0026\u003e"}"#, r#"[a="<&>"]"#))),
            (r#"k:{"a<":1}"#, Ok((r#"k:{"a<":1}"#, "[a<=1]"))),
            (r#"v:"<""#, Ok((r#"v:"\u003c""#, r#"[="<"]"#))),
            (r#"k:{"a":01}"#, Err(Unreadable::Malformed)),
            (r#"k:{"a":1.0}"#, Ok((r#"k:{"a":1.0}"#, r#"[a=1.0]"#))),
            (r#"k:{"a":1"#, Err(Unreadable::Malformed)),
            (r#"k:{"a":1}}"#, Err(Unreadable::Malformed)),
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
            let read = Element::read(Cow::Borrowed(text));
            let shown = read.map(|element| (written(&element), element.to_string()));
            assert_eq!(shown, expected.map(|(a, b)| (a.to_owned(), b.to_owned())), "{text}");
        }
        let (one, text) = (json!(1), json!("x"));
        let key = Element::key([("b", Cow::Borrowed(&one)), ("a", Cow::Borrowed(&text))].into_iter());
        assert_eq!(written(&key), r#"k:{"a":"x","b":1}"#);
        assert_eq!(written(&Element::value(&text)), r#"v:"x""#);
        assert_eq!(written(&Element::value(&json!("a&b"))), r#"v:"a\u0026b""#);
    }

    #[test]
    fn steps_are_told_of_in_the_order_of_what_they_are() {
        let told = [
            "f:a",
            "f:b",
            r#"k:{"port":80}"#,
            r#"k:{"port":80,"protocol":"TCP"}"#,
            r#"k:{"port":443}"#,
            "v:9",
            "v:10",
            r#"v:"1""#,
            "v:false",
            "i:2",
            "i:10",
        ];
        let read = |text: &'static str| Element::read(Cow::Borrowed(text)).unwrap();
        assert!(told.map(read).is_sorted_by(|a, b| a.cmp_as_told(b).is_lt()));
    }

    #[test]
    fn fields_stand_before_elements_of_lists_as_their_texts_do() {
        assert!(Element::field("z") < Element::Item("i:0".into()));
    }
}
