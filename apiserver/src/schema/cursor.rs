//! A place in a schema, from which one walks on to what lies below it.

use super::document::Document;
use super::shape::{Field, ObjectType, Shape};

/// A place in a schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    document: &'a Document,
    shape: &'a Shape,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(document: &'a Document, shape: &'a Shape) -> Self {
        Cursor { document, shape }
    }

    /// The types that the schema refers to.
    pub(super) fn document(self) -> &'a Document {
        self.document
    }

    /// The form of the value here.
    pub(crate) fn shape(self) -> &'a Shape {
        self.shape
    }

    /// The object type here, if an object with declared fields is here.
    pub(crate) fn object(self) -> Option<&'a ObjectType> {
        match self.shape {
            Shape::Object(id) => Some(self.document.get(*id)),
            Shape::Map(..) | Shape::List(..) | Shape::Scalar(_) => None,
        }
    }

    /// The place of a declared field, or of a map's value, and the field's declaration if there is one.
    pub(crate) fn child(self, key: &str) -> Option<(Cursor<'a>, Option<&'a Field>)> {
        match self.shape {
            Shape::Object(id) => {
                let field = self.document.get(*id).field(key)?;
                Some((Cursor { shape: &field.node.shape, ..self }, Some(field)))
            }
            Shape::Map(values, _) => Some((Cursor { shape: &values.shape, ..self }, None)),
            Shape::List(..) | Shape::Scalar(_) => None,
        }
    }

    /// The place of a list's elements; the same place if there is no list here.
    pub(crate) fn items(self) -> Cursor<'a> {
        match self.shape {
            Shape::List(items, _) => Cursor { shape: &items.shape, ..self },
            Shape::Object(_) | Shape::Map(..) | Shape::Scalar(_) => self,
        }
    }
}
