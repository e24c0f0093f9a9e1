//! A place in a schema, from which one walks on to what lies below it.

use super::document::Document;
use super::shape::{Field, Node, ObjectType, Shape};

/// A place in a schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    document: &'a Document,
    shape: &'a Shape,
    atomic: Option<bool>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(document: &'a Document, shape: &'a Shape) -> Self {
        Cursor { document, shape, atomic: None }
    }

    /// The types that the schema refers to.
    pub(crate) fn document(self) -> &'a Document {
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
            Shape::Map(_) | Shape::List(..) | Shape::Scalar(_) => None,
        }
    }

    /// Whether an object or a map here merges as a whole.
    pub(crate) fn is_atomic(self) -> bool {
        self.atomic.unwrap_or_else(|| self.object().is_some_and(|object| object.atomic))
    }

    /// The declared field of that name, if an object with declared fields is here.
    pub(crate) fn field(self, key: &str) -> Option<&'a Field> {
        self.object()?.field(key)
    }

    /// What stands below that key of an object or a map.
    pub(super) fn node(self, key: &str) -> Option<&'a Node> {
        match self.shape {
            Shape::Object(id) => self.document.get(*id).field(key).map(|field| &field.node),
            Shape::Map(values) => Some(values),
            Shape::List(..) | Shape::Scalar(_) => None,
        }
    }

    /// What stands in a list.
    pub(super) fn item_node(self) -> Option<&'a Node> {
        match self.shape {
            Shape::List(items, _) => Some(items),
            Shape::Object(_) | Shape::Map(_) | Shape::Scalar(_) => None,
        }
    }

    /// The place of a node that stands below this one.
    pub(super) fn below(self, node: &'a Node) -> Cursor<'a> {
        Cursor { shape: &node.shape, atomic: node.atomic, ..self }
    }

    /// The place below that key of an object or a map.
    pub(crate) fn child(self, key: &str) -> Option<Cursor<'a>> {
        self.node(key).map(|node| self.below(node))
    }

    /// The same of keys that are asked for in their order; `from` is where the field of the last one stands.
    pub(crate) fn next_child(self, key: &str, from: &mut usize) -> Option<Cursor<'a>> {
        match self.shape {
            Shape::Object(id) => {
                self.document.get(*id).next_field(key, from).map(|field| self.below(&field.node))
            }
            Shape::Map(values) => Some(self.below(values)),
            Shape::List(..) | Shape::Scalar(_) => None,
        }
    }

    /// The place of a list's elements; the same place if there is no list here.
    pub(crate) fn items(self) -> Cursor<'a> {
        self.item_node().map_or(self, |node| self.below(node))
    }
}
