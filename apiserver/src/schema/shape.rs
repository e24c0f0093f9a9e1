//! What a schema is made of: the shape of every value, and how lists and maps merge.

use std::sync::OnceLock;

use serde::Deserialize;
use steersman_core::tree::Value;

/// So many fields are looked at one by one before a name is searched for.
const SOON: usize = 4;

/// The index of an object type in its [`Document`](super::Document).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TypeId(pub(super) u32);

/// What may stand at one place of an object.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) shape: Shape,
    /// Whether null is a value of its own here (custom resources only).
    pub(crate) nullable: bool,
    /// What stands here when nothing is given (custom resources only).
    pub(crate) default: Option<Value>,
    /// Whether an object or a map merges as a whole (`x-kubernetes-map-type`), where this place has a say of its own.
    pub(crate) atomic: Option<bool>,
}

impl From<Shape> for Node {
    fn from(shape: Shape) -> Self {
        Node { shape, nullable: false, default: None, atomic: None }
    }
}

/// The form of a value.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// An object with declared fields.
    Object(TypeId),
    /// An object with free keys and values of one shape.
    Map(Box<Node>),
    /// A list.
    List(Box<Node>, ListKind),
    /// A single value.
    Scalar(Scalar),
}

/// The form of a value that merges as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    String,
    Bool,
    Int32,
    Int64,
    Double,
    /// A resource quantity; written in its canonical form.
    Quantity,
    IntOrString,
    /// RFC 3339, in whole seconds.
    Time,
    /// RFC 3339, in microseconds.
    MicroTime,
    /// Base64.
    Bytes,
    /// Any JSON, kept as it is.
    Any,
    /// The field set of a managed fields entry.
    FieldsV1,
    /// A JSON schema, or whether one is needed.
    SchemaOrBool,
    /// A JSON schema, or a list of them.
    SchemaOrArray,
    /// A JSON schema, or a list of property names.
    SchemaOrStrings,
}

/// How a list merges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// As a whole.
    Atomic,
    /// By its elements, which are unique.
    Set,
    /// By its elements, which are told apart by these fields.
    Map(Vec<String>),
}

/// What happens to the fields that an object type does not declare.
#[derive(Clone, Debug)]
pub(crate) enum Rest {
    /// They are unknown, and dropped.
    Unknown,
    /// They are kept as they are (`x-kubernetes-preserve-unknown-fields`).
    Kept,
}

/// An object with declared fields.
#[derive(Clone, Debug)]
pub(crate) struct ObjectType {
    /// The name of the Go type, `DeploymentSpec`, for decoding errors; empty for custom resources.
    pub(crate) name: String,
    /// The declared fields, ordered by name.
    pub(crate) fields: Vec<Field>,
    /// How each name begins, so that most names are told apart without reading them.
    starts: Vec<u64>,
    /// The indexes of fields that are written even where they are zero.
    pub(super) filled: Vec<usize>,
    /// The indexes of the fields that protobuf knows, ordered by number; none for custom resources.
    pub(crate) numbered: Vec<u16>,
    /// What happens to undeclared fields.
    pub(crate) rest: Rest,
    /// Whether it is a whole object of its own, with `apiVersion`, `kind` and `metadata`.
    pub(crate) embedded: bool,
    /// Whether it merges as a whole, unless the place where it stands says otherwise.
    pub(crate) atomic: bool,
    /// The indexes of the fields that may be lost or have something to lose, once somebody has asked; see `settle`.
    pub(super) losing: OnceLock<Vec<usize>>,
    /// An object that has nothing but what is always written, once somebody has asked; shared.
    pub(super) zero: OnceLock<Value>,
}

/// A declared field of an object.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The key in JSON.
    pub(crate) name: String,
    /// What may stand there.
    pub(crate) node: Node,
    /// How a zero value is written.
    pub(crate) presence: Presence,
    /// How strategic merge patches treat it.
    pub(crate) patch: PatchStrategy,
    /// Where the field stands in Go's struct, level by level where structs embed structs: its number in protobuf, and the
    /// order that Go writes fields in; 0 first where protobuf does not know the field, and empty for custom resources, which Go writes ordered by name.
    pub(crate) order: Vec<u32>,
    /// The Go type, for decoding errors: `int32`, `v1.Protocol`; empty for custom resources.
    pub(crate) go: String,
}

/// How a field is written when it is zero; what Go's JSON encoding does for the field's type and tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Presence {
    /// Only null is left out.
    Pointer,
    /// Zero is left out, but structs have none: they are always written.
    #[default]
    Omit,
    /// Zero is left out, also that of a struct.
    OmitZero,
    /// Zero is written.
    Always,
    /// Null is written.
    Null,
}

/// How strategic merge patches treat a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PatchStrategy {
    /// Whether lists merge rather than replace each other.
    pub(crate) merge: bool,
    /// Whether maps replace each other rather than merge.
    pub(crate) replace: bool,
    /// Whether what a patch does not name is dropped.
    pub(crate) retain_keys: bool,
    /// The field by which elements of a merging list are told apart; empty for lists of scalars.
    pub(crate) merge_key: String,
}

impl ObjectType {
    /// A type with these fields, in any order.
    pub(super) fn new(name: &str, mut fields: Vec<Field>) -> Self {
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        let starts = fields.iter().map(|field| start(&field.name)).collect();
        let filled = (0..fields.len()).filter(|index| fields[*index].is_filled()).collect();
        let numbers = |index: &u16| fields[usize::from(*index)].order.as_slice();
        let is_numbered = |index: &u16| numbers(index).first().is_some_and(|number| *number > 0);
        let mut numbered: Vec<u16> = (0..fields.len() as u16).filter(is_numbered).collect();
        numbered.sort_by_key(|index| numbers(index).to_vec());
        ObjectType {
            name: name.to_owned(),
            fields,
            starts,
            filled,
            numbered,
            rest: Rest::Unknown,
            embedded: false,
            atomic: false,
            losing: OnceLock::new(),
            zero: OnceLock::new(),
        }
    }

    /// The declared field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        let wanted = start(name);
        let first = self.starts.partition_point(|start| *start < wanted);
        self.field_from(first, wanted, name)
    }

    /// The same of names that are asked for in their order; `from` is where the field of the last one stands.
    pub(super) fn next_field(&self, name: &str, from: &mut usize) -> Option<&Field> {
        let wanted = start(name);
        *from += self.starts[*from..].iter().take_while(|start| **start < wanted).count();
        self.field_from(*from, wanted, name)
    }

    fn field_from(&self, first: usize, wanted: u64, name: &str) -> Option<&Field> {
        let alike = self.starts[first..].iter().take_while(|start| **start == wanted);
        self.fields[first..].iter().zip(alike).map(|(field, _)| field).find(|field| field.name == name)
    }

    /// The index of the declared field of that name, which stands at or soon behind `expected` if keys come in order.
    pub(crate) fn position(&self, name: &[u8], expected: usize) -> Option<usize> {
        let soon = self.fields.get(expected..).unwrap_or_default().iter().take(SOON);
        let near = soon.map(|field| field.name.as_bytes()).position(|known| known == name);
        near.map(|place| expected + place)
            .or_else(|| self.fields.binary_search_by(|field| field.name.as_bytes().cmp(name)).ok())
    }
}

/// The first eight bytes of a name as a number, so that numbers are ordered as names are.
fn start(name: &str) -> u64 {
    let bytes = name.as_bytes();
    match bytes.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let short = bytes.iter().fold(0, |start, byte| start << 8 | u64::from(*byte));
            short.checked_shl(64 - 8 * bytes.len() as u32).unwrap_or(0)
        }
    }
}

impl Field {
    /// Whether it is written even where it is zero.
    pub(super) fn is_filled(&self) -> bool {
        match self.presence {
            Presence::Always | Presence::Null => true,
            Presence::Omit => self.node.shape.is_struct(),
            Presence::Pointer | Presence::OmitZero => false,
        }
    }
}

impl Shape {
    /// Whether Go holds the value in a struct, which has no empty form that could be left out.
    pub(super) fn is_struct(&self) -> bool {
        use Scalar::{Any, IntOrString, MicroTime, Quantity, Time};
        matches!(self, Shape::Object(_) | Shape::Scalar(Any | IntOrString | MicroTime | Quantity | Time))
    }
}
