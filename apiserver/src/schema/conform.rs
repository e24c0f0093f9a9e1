//! Brings an object of a built-in kind into the form that a round trip through Go's types would give it: right types,
//! no unknown fields, canonical scalars, zero values left out or written as the Go type does.

use steersman_core::field::Path;
use steersman_core::tree::{InOrder, Map, Value};

use super::cursor::Cursor;
use super::decode::Duplicates;
use super::document::Document;
use super::fault::Fault;
use super::scalar;
use super::shape::{Field, Node, ObjectType, Presence, Rest, Scalar, Shape};
use super::unknown::Unknown;

/// No more than this many values of wrong types are looked at.
const LOOKED_AT: usize = 100;

/// A value that cannot be decoded.
struct Found {
    fault: Fault,
    path: String,
    /// Whether its Go type decodes itself: there Go stops at once, and tells of nothing that it found before.
    is_final: bool,
}

type Outcome = Result<(), Vec<Found>>;

/// Conforms `value` to what stands at `at`, noting the fields it drops. What is as in `old`, which conforms, is shared with
/// it without another look. Of several values of wrong types the fault is the one that Go tells of; `duplicates` knows where
/// they stand.
pub(super) fn object(
    at: Cursor<'_>,
    value: &mut Value,
    old: Option<&Value>,
    path: &Path<'_>,
    duplicates: &Duplicates,
    unknown: &mut Unknown,
) -> Result<(), Fault> {
    let Some(object) = at.object() else { return Ok(()) };
    if !value.is_object() && !value.is_null() {
        return Err(Fault::mismatch(value, &format!("v1.{}", object.name), "struct"));
    }
    let outcome = Walk { document: at.document(), unknown }.struct_value(value, old, object, "", path);
    outcome.map_err(|found| told(found, duplicates))
}

/// The first of the values at which Go stops, or else the first of all, in the order of the body.
fn told(mut found: Vec<Found>, duplicates: &Duplicates) -> Fault {
    if found.iter().any(|one| one.is_final) {
        found.retain(|one| one.is_final);
    }
    let paths: Vec<&str> = found.iter().map(|one| one.path.as_str()).collect();
    let first = if paths.len() > 1 { duplicates.first_of(&paths) } else { 0 };
    found.swap_remove(first).fault
}

/// A value of a wrong type at a place.
fn wrong(fault: Fault, path: &Path<'_>) -> Outcome {
    Err(vec![Found { fault, path: path.to_string(), is_final: false }])
}

/// Adds what was found in a part to what was found before.
fn gather(all: &mut Vec<Found>, found: Vec<Found>) {
    let room = LOOKED_AT.saturating_sub(all.len());
    all.extend(found.into_iter().take(room));
}

fn unless_any(found: Vec<Found>) -> Outcome {
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// Whether amounts there are rounded to thousandths; upstream's `SetDefaults_ResourceList`. Overheads of runtime classes,
/// whose group has no defaults, are kept as they are.
fn is_rounded(object: &ObjectType, field: &Field) -> bool {
    field.go == "v1.ResourceList" && object.name != "Overhead"
}

/// Whether a value is as the old one, with which it shares then what can be shared.
fn shares(value: &mut Value, old: Option<&Value>) -> bool {
    let same = old.filter(|old| *old == value);
    if let Some(same @ (Value::Array(_) | Value::Object(_))) = same {
        value.clone_from(same);
    }
    same.is_some()
}

struct Walk<'a> {
    document: &'a Document,
    unknown: &'a mut Unknown,
}

impl Walk<'_> {
    fn struct_value(
        &mut self,
        value: &mut Value,
        old: Option<&Value>,
        object: &ObjectType,
        go: &str,
        path: &Path<'_>,
    ) -> Outcome {
        match value {
            Value::Object(map) => self.fields(map, old, object, path),
            Value::Null => {
                *value = self.zero_struct(object);
                Ok(())
            }
            other => wrong(Fault::mismatch(other, go, "struct"), path),
        }
    }

    fn fields(
        &mut self,
        map: &mut Map,
        old: Option<&Value>,
        object: &ObjectType,
        path: &Path<'_>,
    ) -> Outcome {
        let (mut found, mut dropped, mut from) = (Vec::new(), Vec::new(), 0);
        let (mut old, mut filled) = (InOrder::of(old), 0);
        for (key, value) in map.iter_mut() {
            let (path, old) = (path.child(key), old.get(key));
            if shares(value, old) {
                continue;
            }
            let is_kept = match object.next_field(key, &mut from) {
                Some(field) => {
                    filled += usize::from(field.is_filled());
                    self.field(value, old, object, field, &path).unwrap_or_else(|wrong| {
                        gather(&mut found, wrong);
                        true
                    })
                }
                None => self.undeclared(object, &path),
            };
            if !is_kept {
                dropped.push(key.clone());
            }
        }
        for key in dropped {
            map.remove(&key);
        }
        if filled < object.filled.len() {
            self.fill(map, object);
        }
        unless_any(found)
    }

    /// Writes the fields that are not there and must be.
    fn fill(&self, map: &mut Map, object: &ObjectType) {
        for index in &object.filled {
            let field = &object.fields[*index];
            if !map.contains_key(&field.name) {
                map.insert(field.name.as_str(), self.zero(field));
            }
        }
    }

    fn undeclared(&mut self, object: &ObjectType, path: &Path<'_>) -> bool {
        match object.rest {
            Rest::Kept => true,
            Rest::Unknown => {
                self.unknown.note(path);
                false
            }
        }
    }

    /// Conforms the value of a field; whether it is written.
    fn field(
        &mut self,
        value: &mut Value,
        old: Option<&Value>,
        object: &ObjectType,
        field: &Field,
        path: &Path<'_>,
    ) -> Result<bool, Vec<Found>> {
        if value.is_null() {
            let is_written = field.is_filled();
            if is_written {
                *value = self.zero(field);
            }
            return Ok(is_written);
        }
        self.value(value, old, &field.node, &field.go, path).map_err(|mut wrong| {
            wrong.iter_mut().for_each(|one| one.fault.place_within(object, field));
            wrong
        })?;
        if is_rounded(object, field) {
            scalar::round_to_milli(value);
        }
        Ok(match field.presence {
            Presence::Pointer | Presence::Null | Presence::Always => true,
            Presence::Omit | Presence::OmitZero => !is_zero(value, &field.node.shape),
        })
    }

    fn value(
        &mut self,
        value: &mut Value,
        old: Option<&Value>,
        node: &Node,
        go: &str,
        path: &Path<'_>,
    ) -> Outcome {
        match &node.shape {
            Shape::Object(id) => self.struct_value(value, old, self.document.get(*id), go, path),
            Shape::Map(values) => self.map(value, values, go, path),
            Shape::List(items, _) => self.list(value, old, items, go, path),
            Shape::Scalar(Scalar::SchemaOrBool | Scalar::SchemaOrArray | Scalar::SchemaOrStrings) => {
                self.schema_or(value, path)
            }
            Shape::Scalar(kind) => scalar::conform(value, *kind, go).map_err(|fault| {
                vec![Found { fault, path: path.to_string(), is_final: scalar::decodes_itself(*kind) }]
            }),
        }
    }

    fn map(&mut self, value: &mut Value, values: &Node, go: &str, path: &Path<'_>) -> Outcome {
        let Value::Object(map) = value else { return wrong(Fault::mismatch(value, go, "map"), path) };
        let element = go.split_once(']').map_or(go, |(_, element)| element);
        let mut found = Vec::new();
        for (key, value) in map.iter_mut() {
            if let Err(wrong) = self.value(value, None, values, element, &path.child(key)) {
                gather(&mut found, wrong);
            }
        }
        unless_any(found)
    }

    fn list(
        &mut self,
        value: &mut Value,
        old: Option<&Value>,
        items: &Node,
        go: &str,
        path: &Path<'_>,
    ) -> Outcome {
        let Value::Array(list) = value else { return wrong(Fault::mismatch(value, go, "slice"), path) };
        let element = go.strip_prefix("[]").unwrap_or("string");
        let mut found = Vec::new();
        for (index, value) in list.iter_mut().enumerate() {
            let old = old.and_then(|old| old.get(index));
            if shares(value, old) {
                continue;
            }
            if let Err(wrong) = self.value(value, old, items, element, &path.index(index)) {
                gather(&mut found, wrong);
            }
        }
        unless_any(found)
    }

    /// A JSON schema wherever an object stands; anything else (a boolean, names) is kept.
    fn schema_or(&mut self, value: &mut Value, path: &Path<'_>) -> Outcome {
        let name = "apiextensions.v1.JSONSchemaProps";
        let id = self.document.named(name).expect("the table holds the type of JSON schemas");
        let object = self.document.get(id);
        match value {
            Value::Object(map) => self.fields(map, None, object, path),
            Value::Array(list) => list.iter_mut().enumerate().try_for_each(|(index, item)| match item {
                Value::Object(map) => self.fields(map, None, object, &path.index(index)),
                _ => Ok(()),
            }),
            _ => Ok(()),
        }
    }

    fn zero(&self, field: &Field) -> Value {
        match (field.presence, &field.node.shape) {
            (Presence::Null, _) => Value::Null,
            (_, Shape::Object(id)) => self.zero_struct(self.document.get(*id)),
            (_, Shape::Scalar(kind)) => scalar::zero(*kind),
            (_, Shape::Map(_) | Shape::List(..)) => Value::Null,
        }
    }

    fn zero_struct(&self, object: &ObjectType) -> Value {
        let fields = || object.filled.iter().map(|index| &object.fields[*index]);
        let make = || Value::Object(fields().map(|field| (field.name.as_str(), self.zero(field))).collect());
        object.zero.get_or_init(make).clone()
    }
}

fn is_zero(value: &Value, shape: &Shape) -> bool {
    match value {
        _ if shape.is_struct() => false,
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(_) | Value::Object(_) => is_empty_collection(value, shape),
    }
}

fn is_empty_collection(value: &Value, shape: &Shape) -> bool {
    match (value, shape) {
        (Value::Array(list), _) => list.is_empty(),
        (Value::Object(map), Shape::Map(_)) => map.is_empty(),
        _ => false,
    }
}
