//! Reads a protobuf message into the JSON object of its kind.
//!
//! Zero values that Go writes come out as zeros: [`Schema::admit`](crate::Schema::admit) brings them into the form that
//! they have in JSON, as it does with any body.

use steersman_core::tree::{List, Map, Value};

use super::reader::{DEPTH, Reader, Wire};
use super::{Malformed, SCHEMA, scalar};
use crate::schema::{Document, Field, Node, ObjectType, Scalar, Shape};

/// Reads messages of the types of one document.
pub(super) struct Decoder<'a> {
    pub(super) document: &'a Document,
}

/// What a number stands for in a message.
enum Found<'a> {
    Field(&'a Field),
    /// The fields of a struct that Go embeds.
    Embedded(&'a [u16]),
}

impl Decoder<'_> {
    /// Reads the fields of a message into an object.
    pub(super) fn message(
        &self,
        object: &ObjectType,
        message: &[u8],
        into: &mut Map,
        depth: usize,
    ) -> Result<(), Malformed> {
        self.fields(object, (&object.numbered, 0), message, into, depth)
    }

    fn fields(
        &self,
        object: &ObjectType,
        (numbered, level): (&[u16], usize),
        message: &[u8],
        into: &mut Map,
        depth: usize,
    ) -> Result<(), Malformed> {
        if depth == DEPTH {
            return Err(Malformed("messages that are nested too deep"));
        }
        let mut reader = Reader::new(message);
        while let Some((number, value)) = reader.field()? {
            match find(object, numbered, level, number) {
                Some(Found::Field(field)) => {
                    let slot = into.entry(field.name.clone()).or_insert(Value::Null);
                    self.value(&field.node, value, slot, depth)?;
                }
                Some(Found::Embedded(fields)) => {
                    self.fields(object, (fields, level + 1), value.bytes()?, into, depth)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Reads one occurrence of a field; those of lists and maps come one by one, those of a message add up.
    fn value(&self, node: &Node, value: Wire<'_>, slot: &mut Value, depth: usize) -> Result<(), Malformed> {
        match &node.shape {
            Shape::Object(id) => {
                let object = self.document.get(*id);
                self.message(object, value.bytes()?, fill(slot), depth + 1)
            }
            Shape::Map(values) => self.entry(values, value.bytes()?, fill(slot), depth + 1),
            Shape::List(items, _) => {
                let mut item = Value::Null;
                self.value(items, value, &mut item, depth + 1)?;
                push(slot, item);
                Ok(())
            }
            Shape::Scalar(
                kind @ (Scalar::SchemaOrBool | Scalar::SchemaOrArray | Scalar::SchemaOrStrings),
            ) => {
                *slot = self.schema_or(*kind, value.bytes()?, depth + 1)?;
                Ok(())
            }
            Shape::Scalar(kind) => {
                *slot = scalar::decode(*kind, value)?;
                Ok(())
            }
        }
    }

    fn entry(&self, values: &Node, entry: &[u8], into: &mut Map, depth: usize) -> Result<(), Malformed> {
        let mut reader = Reader::new(entry);
        let (mut key, mut value) = (String::new(), Value::Null);
        while let Some((number, wire)) = reader.field()? {
            match (number, &values.shape) {
                (1, _) => key = wire.text()?.to_owned(),
                (2, Shape::List(items, _)) => value = self.items(items, wire.bytes()?, depth)?,
                (2, _) => self.value(values, wire, &mut value, depth)?,
                _ => {}
            }
        }
        into.insert(key, value);
        Ok(())
    }

    /// A list within a map is a message of its own, `ExtraValue`.
    fn items(&self, items: &Node, message: &[u8], depth: usize) -> Result<Value, Malformed> {
        let mut reader = Reader::new(message);
        let mut list = Value::Array(List::new());
        while let Some((number, wire)) = reader.field()? {
            if number == 1 {
                let mut item = Value::Null;
                self.value(items, wire, &mut item, depth)?;
                push(&mut list, item);
            }
        }
        Ok(list)
    }

    /// A JSON schema, or what stands in its place: a flag, several schemas, or names.
    fn schema_or(&self, kind: Scalar, message: &[u8], depth: usize) -> Result<Value, Malformed> {
        let id = self.document.named(SCHEMA).expect("the table holds the type of JSON schemas");
        let node = Node::from(Shape::Object(id));
        let (mut schema, mut other) = (Value::Null, Value::Null);
        let mut reader = Reader::new(message);
        while let Some((number, wire)) = reader.field()? {
            match (number, kind) {
                (1, Scalar::SchemaOrBool) => other = (wire.number()? != 0).into(),
                (2, Scalar::SchemaOrArray) => {
                    let mut item = Value::Null;
                    self.value(&node, wire, &mut item, depth)?;
                    push(&mut other, item);
                }
                (2, Scalar::SchemaOrStrings) => push(&mut other, wire.text()?.into()),
                (1 | 2, _) => self.value(&node, wire, &mut schema, depth)?,
                _ => {}
            }
        }
        Ok(if schema.is_null() { other } else { schema })
    }
}

fn find<'a>(object: &'a ObjectType, numbered: &'a [u16], level: usize, wanted: u32) -> Option<Found<'a>> {
    let number = |index: &u16| object.fields[usize::from(*index)].order[level];
    let start = numbered.partition_point(|index| number(index) < wanted);
    let same = &numbered[start..];
    let same = &same[..same.partition_point(|index| number(index) == wanted)];
    let field = &object.fields[usize::from(*same.first()?)];
    Some(if field.order.len() == level + 1 { Found::Field(field) } else { Found::Embedded(same) })
}

/// The object in a slot, which becomes one.
fn fill(slot: &mut Value) -> &mut Map {
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut().expect("the slot was made an object above")
}

fn push(slot: &mut Value, item: Value) {
    match slot {
        Value::Array(list) => list.push(item),
        other => *other = [item].into(),
    }
}
