//! Brings an object of a built-in kind into the form that a round trip through Go's types would give it: right types,
//! no unknown fields, canonical scalars, zero values left out or written as the Go type does.

use steersman_core::field::Path;
use steersman_core::tree::{Map, Value};

use super::cursor::Cursor;
use super::document::Document;
use super::fault::Fault;
use super::scalar;
use super::shape::{Field, Node, ObjectType, Presence, Rest, Scalar, Shape};
use super::unknown::Unknown;

/// Conforms `value` to what stands at `at`, noting the fields it drops. The first value of a wrong type is the fault.
pub(super) fn object(
    at: Cursor<'_>,
    value: &mut Value,
    path: &Path<'_>,
    unknown: &mut Unknown,
) -> Result<(), Fault> {
    let Some(object) = at.object() else { return Ok(()) };
    if !value.is_object() && !value.is_null() {
        return Err(Fault::mismatch(value, &format!("v1.{}", object.name), "struct"));
    }
    Walk { document: at.document(), unknown }.struct_value(value, object, "", path)
}

/// Whether amounts there are rounded to thousandths; upstream's `SetDefaults_ResourceList`. Overheads of runtime classes,
/// whose group has no defaults, are kept as they are.
fn is_rounded(object: &ObjectType, field: &Field) -> bool {
    field.go == "v1.ResourceList" && object.name != "Overhead"
}

struct Walk<'a> {
    document: &'a Document,
    unknown: &'a mut Unknown,
}

impl Walk<'_> {
    fn struct_value(
        &mut self,
        value: &mut Value,
        object: &ObjectType,
        go: &str,
        path: &Path<'_>,
    ) -> Result<(), Fault> {
        match value {
            Value::Object(map) => self.fields(map, object, path),
            Value::Null => {
                *value = self.zero_struct(object);
                Ok(())
            }
            other => Err(Fault::mismatch(other, go, "struct")),
        }
    }

    fn fields(&mut self, map: &mut Map, object: &ObjectType, path: &Path<'_>) -> Result<(), Fault> {
        let (mut fault, mut dropped) = (None, Vec::new());
        for (key, value) in map.iter_mut() {
            let path = path.child(key);
            let is_kept = match object.field(key) {
                Some(field) => match self.field(value, field, &path) {
                    Ok(is_kept) => {
                        if is_rounded(object, field) {
                            scalar::round_to_milli(value);
                        }
                        is_kept
                    }
                    Err(error) => {
                        fault.get_or_insert(error.within(object, field));
                        true
                    }
                },
                None => self.undeclared(object, &path),
            };
            if !is_kept {
                dropped.push(key.clone());
            }
        }
        for key in dropped {
            map.remove(&key);
        }
        for index in &object.filled {
            let field = &object.fields[*index];
            if !map.contains_key(&field.name) {
                map.insert(field.name.clone(), self.zero(field));
            }
        }
        fault.map_or(Ok(()), Err)
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
    fn field(&mut self, value: &mut Value, field: &Field, path: &Path<'_>) -> Result<bool, Fault> {
        if value.is_null() {
            // What must be written all the same is filled in afterwards.
            return Ok(false);
        }
        self.value(value, &field.node, &field.go, path)?;
        Ok(match field.presence {
            Presence::Pointer | Presence::Null | Presence::Always => true,
            Presence::Omit | Presence::OmitZero => !is_zero(value, &field.node.shape),
        })
    }

    fn value(&mut self, value: &mut Value, node: &Node, go: &str, path: &Path<'_>) -> Result<(), Fault> {
        match &node.shape {
            Shape::Object(id) => self.struct_value(value, self.document.get(*id), go, path),
            Shape::Map(values) => self.map(value, values, go, path),
            Shape::List(items, _) => self.list(value, items, go, path),
            Shape::Scalar(Scalar::SchemaOrBool | Scalar::SchemaOrArray | Scalar::SchemaOrStrings) => {
                self.schema_or(value, path)
            }
            Shape::Scalar(kind) => scalar::conform(value, *kind, go),
        }
    }

    fn map(&mut self, value: &mut Value, values: &Node, go: &str, path: &Path<'_>) -> Result<(), Fault> {
        let Value::Object(map) = value else { return Err(Fault::mismatch(value, go, "map")) };
        let element = go.split_once(']').map_or(go, |(_, element)| element);
        for (key, value) in map.iter_mut() {
            self.value(value, values, element, &path.child(key))?;
        }
        Ok(())
    }

    fn list(&mut self, value: &mut Value, items: &Node, go: &str, path: &Path<'_>) -> Result<(), Fault> {
        let Value::Array(list) = value else { return Err(Fault::mismatch(value, go, "slice")) };
        let element = go.strip_prefix("[]").unwrap_or("string");
        for (index, value) in list.iter_mut().enumerate() {
            self.value(value, items, element, &path.index(index))?;
        }
        Ok(())
    }

    /// A JSON schema wherever an object stands; anything else (a boolean, names) is kept.
    fn schema_or(&mut self, value: &mut Value, path: &Path<'_>) -> Result<(), Fault> {
        let name = "apiextensions.v1.JSONSchemaProps";
        let id = self.document.named(name).expect("the table holds the type of JSON schemas");
        let object = self.document.get(id);
        match value {
            Value::Object(map) => self.fields(map, object, path),
            Value::Array(list) => list.iter_mut().enumerate().try_for_each(|(index, item)| match item {
                Value::Object(map) => self.fields(map, object, &path.index(index)),
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
        let fields = object.filled.iter().map(|index| &object.fields[*index]);
        Value::Object(fields.map(|field| (field.name.clone(), self.zero(field))).collect())
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
