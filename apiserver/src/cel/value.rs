//! The values that expressions are evaluated over: trees of JSON are looked at where they stand, and not converted.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kube_cel::cel::Value as Foreign;
use steersman_core::Quantity;
use steersman_core::tree::{Map as JsonMap, Number, Value as Json};

use super::authority::Authority;
use super::kind::{Declared, ListKind, ObjectType, Type};
use super::versions::Version;

/// A value; whatever came with the object is borrowed from it.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Text<'a>),
    Bytes(Arc<[u8]>),
    Duration(SignedDuration),
    Timestamp(Timestamp),
    List(List<'a>),
    Map(Map<'a>),
    Optional(Option<Arc<Value<'a>>>),
    /// A type, by its name.
    Type(String),
    Quantity(Arc<Quantity>),
    /// A URL, as it was written.
    Url(Arc<str>),
    Version(Arc<Version>),
    /// A format of texts, by its name.
    NamedFormat(&'static str),
    /// A value of the libraries that `kube-cel` has: an address, a version, ….
    Opaque(Foreign),
    /// The authoriser, a question to it, or its answer.
    Authority(Authority<'a>),
    /// What `all` and `exists` come to while an element could not be judged and none has decided.
    Failed(Arc<str>),
}

/// Text that is borrowed, or shared.
#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Shared(Arc<str>),
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum List<'a> {
    Json(&'a [Json], &'a Declared),
    Made(Arc<Vec<Value<'a>>>),
}

#[derive(Clone, Debug)]
pub(super) enum Map<'a> {
    /// An object with declared fields.
    Object(&'a JsonMap, &'a ObjectType),
    /// Any keys, whose values are declared alike.
    Json(&'a JsonMap, &'a Declared),
    Made(Arc<BTreeMap<Key, Value<'a>>>),
    /// The fields of a message, and its name.
    Message(&'a str, Arc<BTreeMap<Key, Value<'a>>>),
}

/// A key of a map that an expression made. Whole numbers that are equal are the same key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Bool(bool),
    Int(i128),
    String(String),
}

impl<'a> Value<'a> {
    /// What a part of an object is to expressions, given what its schema declares.
    pub(super) fn of(json: &'a Json, declared: &'a Declared) -> Self {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => of_number(number, &declared.kind),
            Json::String(text) => of_text(text, &declared.kind),
            Json::Array(items) => Value::List(List::Json(items, declared)),
            Json::Object(fields) => Value::Map(match &declared.kind {
                Type::Object(object) => Map::Object(fields, object),
                _ => Map::Json(fields, declared),
            }),
        }
    }

    pub(super) fn text(text: impl Into<Arc<str>>) -> Self {
        Value::String(Text::Shared(text.into()))
    }

    pub(super) fn list(items: Vec<Value<'a>>) -> Self {
        Value::List(List::Made(Arc::new(items)))
    }

    pub(super) fn some(value: Value<'a>) -> Self {
        Value::Optional(Some(Arc::new(value)))
    }

    /// The text that it is.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// How large cost models take it to be.
    pub(super) fn size(&self) -> u64 {
        let size = match self {
            Value::String(text) => text.as_str().chars().count(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(list) => list.len(),
            Value::Map(Map::Object(fields, _) | Map::Json(fields, _)) => fields.len(),
            Value::Map(Map::Made(entries) | Map::Message(_, entries)) => entries.len(),
            Value::Optional(Some(value)) => return value.size(),
            _ => 1,
        };
        size as u64
    }

    /// How many parts it has, down to its depths.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Value::List(List::Json(items, _)) => items.iter().map(weight).sum::<u64>() + 1,
            Value::List(List::Made(items)) => items.iter().map(Value::weight).sum::<u64>() + 1,
            Value::Map(Map::Object(fields, _) | Map::Json(fields, _)) => {
                fields.values().map(weight).sum::<u64>() + 1
            }
            Value::Map(Map::Made(entries) | Map::Message(_, entries)) => {
                entries.values().map(Value::weight).sum::<u64>() + 1
            }
            _ => 1,
        }
    }

    /// The name of its type.
    pub(super) fn type_name(&self) -> &str {
        match self {
            Value::Null => "null_type",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::Duration(_) => "google.protobuf.Duration",
            Value::Timestamp(_) => "google.protobuf.Timestamp",
            Value::List(_) => "list",
            Value::Map(Map::Object(_, object)) => &object.name,
            Value::Map(Map::Message(name, _)) => name,
            Value::Map(_) => "map",
            Value::Optional(_) => "optional_type",
            Value::Type(_) => "type",
            Value::Quantity(_) => "kubernetes.Quantity",
            Value::Url(_) => "kubernetes.URL",
            Value::Version(_) => "kubernetes.Semver",
            Value::NamedFormat(_) => "kubernetes.NamedFormat",
            Value::Opaque(Foreign::Opaque(value)) => value.runtime_type_name(),
            Value::Opaque(_) => "dyn",
            Value::Authority(authority) => authority.type_name(),
            Value::Failed(_) => "error",
        }
    }

    /// Whether two values are equal; numbers are by their value, whatever their type.
    pub(super) fn equals(&self, other: &Value<'a>) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::String(a), Value::String(b)) => a.as_str() == b.as_str(),
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Duration(a), Value::Duration(b)) => a == b,
            (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
            (Value::Type(a), Value::Type(b)) => a == b,
            (Value::Optional(a), Value::Optional(b)) => match (a, b) {
                (Some(a), Some(b)) => a.equals(b),
                (a, b) => a.is_none() && b.is_none(),
            },
            (Value::Quantity(a), Value::Quantity(b)) => a == b,
            (Value::Url(a), Value::Url(b)) => a == b,
            (Value::Version(a), Value::Version(b)) => a == b,
            (Value::NamedFormat(a), Value::NamedFormat(b)) => a == b,
            (Value::Opaque(a), Value::Opaque(b)) => a == b,
            (Value::List(a), Value::List(b)) => a.equals(b),
            (Value::Map(a), Value::Map(b)) => a.equals(b),
            (a, b) => a.compare_numbers(b) == Some(std::cmp::Ordering::Equal),
        }
    }

    /// How two values are ordered; `None` if they are not.
    pub(super) fn compare(&self, other: &Value<'a>) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Value::String(a), Value::String(b)) => Some(a.as_str().cmp(b.as_str())),
            (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
            (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
            (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
            (a, b) => a.compare_numbers(b),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "that is how the language compares whole numbers with others"
    )]
    fn compare_numbers(&self, other: &Value<'a>) -> Option<std::cmp::Ordering> {
        let whole = |value: &Value<'_>| match value {
            Value::Int(value) => Some(i128::from(*value)),
            Value::Uint(value) => Some(i128::from(*value)),
            _ => None,
        };
        match (self, other) {
            (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
            (Value::Double(a), b) => a.partial_cmp(&(whole(b)? as f64)),
            (a, Value::Double(b)) => (whole(a)? as f64).partial_cmp(b),
            (a, b) => Some(whole(a)?.cmp(&whole(b)?)),
        }
    }

    /// The key that it is in a map.
    pub(super) fn key(&self) -> Option<Key> {
        match self {
            Value::Bool(value) => Some(Key::Bool(*value)),
            Value::Int(value) => Some(Key::Int(i128::from(*value))),
            Value::Uint(value) => Some(Key::Int(i128::from(*value))),
            #[expect(clippy::cast_possible_truncation, reason = "it has no fraction")]
            Value::Double(value) if value.fract() == 0.0 => Some(Key::Int(*value as i128)),
            Value::String(text) => Some(Key::String(text.as_str().to_owned())),
            _ => None,
        }
    }
}

fn weight(json: &Json) -> u64 {
    match json {
        Json::Array(items) => items.iter().map(weight).sum::<u64>() + 1,
        Json::Object(fields) => fields.values().map(weight).sum::<u64>() + 1,
        _ => 1,
    }
}

fn of_number<'a>(number: &Number, kind: &Type) -> Value<'a> {
    match (number.as_i64(), kind) {
        (Some(value), kind) if *kind != Type::Double => Value::Int(value),
        _ => Value::Double(number.as_f64().unwrap_or_default()),
    }
}

/// Text of a format is what the format says; validation has seen it before, so what is not stays text.
fn of_text<'a>(text: &'a str, kind: &Type) -> Value<'a> {
    let parsed = match kind {
        Type::Bytes => {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD
                .decode(text)
                .ok()
                .map(|bytes| Value::Bytes(bytes.into()))
        }
        Type::Duration => super::time::parse_duration(text).map(Value::Duration),
        Type::Timestamp => super::time::parse_timestamp(text).map(Value::Timestamp),
        _ => None,
    };
    parsed.unwrap_or(Value::String(Text::Borrowed(text)))
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            List::Json(items, _) => items.len(),
            List::Made(items) => items.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            List::Json(items, declared) => items.get(index).map(|item| Value::of(item, element(declared))),
            List::Made(items) => items.get(index).cloned(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    fn kind(&self) -> &'a ListKind {
        match self {
            List::Json(_, declared) => &declared.list,
            List::Made(_) => &ListKind::Atomic,
        }
    }

    /// Sets, and lists with keys, have no order.
    fn equals(&self, other: &List<'a>) -> bool {
        if self.len() != other.len() {
            return false;
        }
        if self.kind() == &ListKind::Atomic {
            return self.iter().zip(other.iter()).all(|(a, b)| a.equals(&b));
        }
        let (List::Json(a, declared), List::Json(b, _)) = (self, other) else {
            return self.iter().all(|item| other.iter().any(|own| own.equals(&item)));
        };
        let sorted = |items: &'a [Json]| {
            let mut items: Vec<(String, &Json)> =
                items.iter().map(|item| (identity(item, &declared.list), item)).collect();
            items.sort_by(|(a, _), (b, _)| a.cmp(b));
            items
        };
        let element = element(declared);
        sorted(a).into_iter().zip(sorted(b)).all(|((key, a), (other, b))| {
            key == other && Value::of(a, element).equals(&Value::of(b, element))
        })
    }

    /// Both lists in one; elements of sets and of lists with keys are there once, the later one's values win.
    pub(super) fn join(&self, other: &List<'a>) -> Value<'a> {
        let mut items: Vec<Value<'a>> = self.iter().collect();
        let (List::Json(own, declared), List::Json(more, _)) = (self, other) else {
            items.extend(other.iter());
            return Value::list(items);
        };
        if declared.list == ListKind::Atomic {
            items.extend(other.iter());
            return Value::list(items);
        }
        let mut places: BTreeMap<String, usize> =
            own.iter().enumerate().map(|(index, item)| (identity(item, &declared.list), index)).collect();
        for item in *more {
            let value = Value::of(item, element(declared));
            match places.entry(identity(item, &declared.list)) {
                std::collections::btree_map::Entry::Occupied(place) => items[*place.get()] = value,
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(items.len());
                    items.push(value);
                }
            }
        }
        Value::list(items)
    }
}

/// What an item of a set or of a list with keys is told apart by.
fn identity(item: &Json, kind: &ListKind) -> String {
    match kind {
        ListKind::Map(keys) => keys.iter().map(|key| format!("{};", item[key])).collect(),
        _ => item.to_string(),
    }
}

/// What the values of a map are declared as.
pub(super) fn element(declared: &Declared) -> &Declared {
    declared.element.as_deref().unwrap_or(declared)
}
