//! Writes a JSON object as the protobuf message of its kind, byte for byte as Go's generated code does.
//!
//! Fields stand in the order of their numbers; a field that is no pointer in Go is written even where it is zero; the
//! entries of a map stand in the order of their keys.

use std::borrow::Cow;

use super::tape::{Kind, Token};
use super::writer::Writer;
use super::{Malformed, SCHEMA, scalar};
use crate::schema::{Document, Field, Node, ObjectType, Presence, Scalar, Shape};

/// No token stands for a field.
const NONE: u32 = u32::MAX;

/// What writing one message needs.
pub(super) struct Encoder<'a> {
    pub(super) document: &'a Document,
    pub(super) json: &'a [u8],
    pub(super) tape: &'a [Token],
    pub(super) out: &'a mut Writer,
    /// The tokens of the fields of the messages under way.
    pub(super) slots: &'a mut Vec<u32>,
}

impl Encoder<'_> {
    /// Writes the fields of a message, from the object that begins at a token; zeros if there is none.
    pub(super) fn message(&mut self, object: &ObjectType, at: Option<u32>) -> Result<(), Malformed> {
        let base = self.slots.len();
        self.slots.resize(base + object.fields.len(), NONE);
        if let Some(at) = at {
            self.place(object, at, base)?;
        }
        self.fields(object, &object.numbered, 0, base)?;
        self.slots.truncate(base);
        Ok(())
    }

    /// Notes which token stands for which field. Keys are ordered in what we write ourselves, as fields are.
    fn place(&mut self, object: &ObjectType, at: u32, base: usize) -> Result<(), Malformed> {
        let own = self.token(at, Kind::Object)?;
        let mut next = at + 1;
        let mut expected = 0;
        while next < own.next {
            let key = self.text(next);
            let value = next + 1;
            next = self.tape[value as usize].next;
            let found = object.position(&key, expected);
            if let Some(found) = found {
                self.slots[base + found] = value;
                expected = found + 1;
            }
        }
        Ok(())
    }

    /// Writes fields of one message, ordered by number, those of a struct that is embedded `level` deep in Go.
    fn fields(
        &mut self,
        object: &ObjectType,
        fields: &[u16],
        level: usize,
        base: usize,
    ) -> Result<(), Malformed> {
        let mut rest = fields;
        while let Some((last, before)) = rest.split_last() {
            let field = &object.fields[usize::from(*last)];
            let number = field.order[level];
            if field.order.len() == level + 1 {
                self.field(field, self.slots[base + usize::from(*last)])?;
                rest = before;
            } else {
                let start =
                    rest.partition_point(|index| object.fields[usize::from(*index)].order[level] < number);
                let mark = self.out.mark();
                self.fields(object, &rest[start..], level + 1, base)?;
                self.out.close(number, mark);
                rest = &rest[..start];
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, at: u32) -> Result<(), Malformed> {
        let number = field.order.last().copied().unwrap_or_default();
        match self.tape.get(at as usize) {
            Some(token) if token.kind != Kind::Null => self.value(number, &field.node.shape, at),
            _ if matches!(field.presence, Presence::Pointer | Presence::Null) => Ok(()),
            _ => self.zero(number, &field.node.shape),
        }
    }

    /// What Go writes for a field that nothing was read into.
    fn zero(&mut self, number: u32, shape: &Shape) -> Result<(), Malformed> {
        match shape {
            Shape::Object(id) => {
                let mark = self.out.mark();
                self.message(self.document.get(*id), None)?;
                self.out.close(number, mark);
            }
            Shape::Map(_) | Shape::List(..) => {}
            Shape::Scalar(kind) => scalar::zero(self.out, number, *kind),
        }
        Ok(())
    }

    fn value(&mut self, number: u32, shape: &Shape, at: u32) -> Result<(), Malformed> {
        match shape {
            Shape::Object(id) => {
                let mark = self.out.mark();
                self.message(self.document.get(*id), Some(at))?;
                self.out.close(number, mark);
                Ok(())
            }
            Shape::List(items, _) => self.list(number, &items.shape, at),
            Shape::Map(values) => self.map(number, values, at),
            Shape::Scalar(Scalar::SchemaOrBool) => self.schema_or_bool(number, at),
            Shape::Scalar(Scalar::SchemaOrArray) => self.schema_or(number, &Shape::Object(self.schema()), at),
            Shape::Scalar(Scalar::SchemaOrStrings) => {
                self.schema_or(number, &Shape::Scalar(Scalar::String), at)
            }
            Shape::Scalar(kind) => {
                scalar::encode(self.out, number, *kind, &self.tape[at as usize], self.json)
            }
        }
    }

    fn list(&mut self, number: u32, items: &Shape, at: u32) -> Result<(), Malformed> {
        let own = self.token(at, Kind::Array)?;
        let base = self.slots.len();
        let mut next = at + 1;
        while next < own.next {
            self.slots.push(next);
            next = self.tape[next as usize].next;
        }
        while self.slots.len() > base {
            let Some(item) = self.slots.pop() else { break };
            match self.tape[item as usize].kind {
                Kind::Null => self.zero(number, items)?,
                _ => self.value(number, items, item)?,
            }
        }
        Ok(())
    }

    fn map(&mut self, number: u32, values: &Node, at: u32) -> Result<(), Malformed> {
        let own = self.token(at, Kind::Object)?;
        let base = self.slots.len();
        let mut next = at + 1;
        let mut ordered = true;
        while next < own.next {
            ordered = ordered
                && (self.slots.len() == base
                    || self.text(self.slots[self.slots.len() - 1]) < self.text(next));
            self.slots.push(next);
            next = self.tape[next as usize + 1].next;
        }
        if !ordered {
            let (json, tape) = (self.json, self.tape);
            self.slots[base..].sort_by_key(|key| tape[*key as usize].string(json));
        }
        while self.slots.len() > base {
            let Some(key) = self.slots.pop() else { break };
            self.entry(number, values, key)?;
        }
        Ok(())
    }

    fn entry(&mut self, number: u32, values: &Node, key: u32) -> Result<(), Malformed> {
        let mark = self.out.mark();
        match (&values.shape, self.tape[key as usize + 1].kind) {
            (shape, Kind::Null) => self.zero(2, shape)?,
            // A list within a map is a message of its own, `ExtraValue`.
            (Shape::List(items, _), _) => {
                let mark = self.out.mark();
                self.list(1, &items.shape, key + 1)?;
                self.out.close(2, mark);
            }
            (shape, _) => self.value(2, shape, key + 1)?,
        }
        let name = self.tape[key as usize].string(self.json);
        self.out.field(1, &name);
        self.out.close(number, mark);
        Ok(())
    }

    fn schema_or_bool(&mut self, number: u32, at: u32) -> Result<(), Malformed> {
        let mark = self.out.mark();
        let kind = self.tape[at as usize].kind;
        if kind == Kind::Object {
            self.value(2, &Shape::Object(self.schema()), at)?;
        }
        self.out.number(1, i64::from(kind != Kind::False));
        self.out.close(number, mark);
        Ok(())
    }

    fn schema_or(&mut self, number: u32, items: &Shape, at: u32) -> Result<(), Malformed> {
        let mark = self.out.mark();
        match self.tape[at as usize].kind {
            Kind::Array => self.list(2, items, at)?,
            _ => self.value(1, &Shape::Object(self.schema()), at)?,
        }
        self.out.close(number, mark);
        Ok(())
    }

    fn schema(&self) -> crate::schema::TypeId {
        self.document.named(SCHEMA).expect("the table holds the type of JSON schemas")
    }

    fn token(&self, at: u32, kind: Kind) -> Result<Token, Malformed> {
        let token = self.tape[at as usize];
        if token.kind == kind {
            Ok(token)
        } else {
            Err(Malformed("a value of another type than its kind has"))
        }
    }

    fn text(&self, at: u32) -> Cow<'_, [u8]> {
        self.tape[at as usize].string(self.json)
    }
}
