//! Prints values as Go's encoding of a struct does, on one line or indented.

use steersman_core::tree::Value;

use super::Form;
use crate::json_text::for_pages;
use crate::tree::Read;

/// The metadata that a template may have, in upstream's order.
const METADATA: [&str; 7] =
    ["name", "generateName", "namespace", "labels", "annotations", "ownerReferences", "finalizers"];

/// A field of a struct: its Go name, its name in JSON, and what it is.
pub(super) struct Field(pub(super) &'static str, pub(super) &'static str, pub(super) Form);

/// A value whose fields have an order.
pub(super) enum Node {
    /// Anything without parts, printed.
    Leaf(String),
    /// A struct or a map.
    Object(Vec<(String, Node)>),
    /// A list.
    List(Vec<Node>),
}

/// The struct that a value is.
pub(super) fn node(value: &Value, fields: &'static [Field]) -> Node {
    let mut parts = Vec::with_capacity(fields.len());
    add(value, fields, &mut parts);
    Node::Object(parts)
}

fn add(value: &Value, fields: &'static [Field], parts: &mut Vec<(String, Node)>) {
    for Field(go, json, form) in fields {
        match form {
            Form::Inline(fields) => add(value, fields, parts),
            Form::Metadata => add_metadata(value.at(json), parts),
            form => parts.push(((*go).to_owned(), part(value.at(json), *form))),
        }
    }
}

fn add_metadata(metadata: &Value, parts: &mut Vec<(String, Node)>) {
    let given = METADATA.into_iter().filter(|field| metadata.has(field));
    parts.extend(given.map(|field| (field.to_owned(), Node::of(metadata.at(field)))));
}

fn part(value: &Value, form: Form) -> Node {
    match form {
        Form::Text => plain(value, "\"\""),
        Form::Number => plain(value, "0"),
        Form::Flag => plain(value, "false"),
        Form::Inside(fields) | Form::Inline(fields) => node(value, fields),
        Form::Struct(fields) if !value.is_null() => node(value, fields),
        Form::Selector if !value.is_null() => selector(value),
        Form::List(fields) => match value.as_array() {
            Some(items) => Node::List(items.iter().map(|item| node(item, fields)).collect()),
            None => Node::Leaf("null".to_owned()),
        },
        Form::Pointer | Form::Struct(_) | Form::Selector | Form::Metadata => Node::of(value),
    }
}

fn plain(value: &Value, zero: &str) -> Node {
    if value.is_null() { Node::Leaf(zero.to_owned()) } else { Node::of(value) }
}

/// Upstream tells the labels first.
fn selector(value: &Value) -> Node {
    let parts = ["matchLabels", "matchExpressions"].into_iter();
    let parts = parts.filter(|part| value.has(part));
    Node::Object(parts.map(|part| (part.to_owned(), Node::of(value.at(part)))).collect())
}

impl Node {
    /// A value that is the same in Go as it is in JSON.
    fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => Node::List(items.iter().map(Node::of).collect()),
            Value::Object(map) => {
                Node::Object(map.iter().map(|(key, value)| (key.to_string(), Node::of(value))).collect())
            }
            other => Node::Leaf(for_pages(&other.to_string())),
        }
    }

    /// The value on one line.
    pub(super) fn compact(&self) -> String {
        let mut text = String::new();
        self.write(None, &mut text);
        text
    }

    /// The value with a line for each part, each level one space further in.
    pub(super) fn indented(&self) -> String {
        let mut text = String::new();
        self.write(Some(0), &mut text);
        text
    }

    /// Writes the value; `depth` is that of its first line, and `None` keeps everything on one line.
    fn write(&self, depth: Option<usize>, text: &mut String) {
        let inner = depth.map(|depth| depth + 1);
        match self {
            Node::Leaf(leaf) => text.push_str(leaf),
            Node::List(items) => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    separate(index, inner, text);
                    item.write(inner, text);
                }
                close(items.is_empty(), depth, ']', text);
            }
            Node::Object(parts) => {
                text.push('{');
                for (index, (name, part)) in parts.iter().enumerate() {
                    separate(index, inner, text);
                    text.push_str(&for_pages(&Value::from(name).to_string()));
                    text.push_str(if depth.is_some() { ": " } else { ":" });
                    part.write(inner, text);
                }
                close(parts.is_empty(), depth, '}', text);
            }
        }
    }
}

fn separate(index: usize, depth: Option<usize>, text: &mut String) {
    if index > 0 {
        text.push(',');
    }
    start_line(depth, text);
}

fn close(is_empty: bool, depth: Option<usize>, end: char, text: &mut String) {
    if !is_empty {
        start_line(depth, text);
    }
    text.push(end);
}

fn start_line(depth: Option<usize>, text: &mut String) {
    if let Some(depth) = depth {
        text.push('\n');
        text.extend(std::iter::repeat_n(' ', depth));
    }
}
