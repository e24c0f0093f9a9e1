//! The types of values, and what a schema declares of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The type of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    /// Whatever it is: checked when evaluated.
    Dyn,
    /// What was found wrong already; agrees with everything, so that one mistake is told once.
    Error,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    List(Arc<Type>),
    Map(Arc<(Type, Type)>),
    Object(Arc<ObjectType>),
    Optional(Arc<Type>),
    /// The type of a type.
    Of(Arc<Type>),
    /// A type of a library: `net.IP`, `kubernetes.Quantity`, ….
    Opaque(&'static str),
    /// Any type, but the same wherever it stands in one signature.
    Param(usize),
}

/// An object with declared fields.
#[derive(Debug)]
pub(crate) struct ObjectType {
    /// What errors call it.
    pub(crate) name: String,
    /// The fields by the names they have in expressions.
    pub(crate) fields: BTreeMap<String, Field>,
}

impl PartialEq for ObjectType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The name in JSON.
    pub(crate) name: String,
    pub(crate) declared: Arc<Declared>,
}

/// What is known of a value before there is one: its type, and how large it can be.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) kind: Type,
    /// The most characters, bytes, items or entries that it has; 0 where the question makes no sense.
    pub(crate) max_elements: u64,
    /// The fewest bytes that it takes as JSON.
    pub(crate) min_size: u64,
    /// What its items or values are.
    pub(crate) element: Option<Arc<Declared>>,
    /// What its keys are.
    pub(crate) key: Option<Arc<Declared>>,
    /// How two lists are compared and joined.
    pub(crate) list: ListKind,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum ListKind {
    #[default]
    Atomic,
    Set,
    /// By the values of these fields, named as in JSON.
    Map(Vec<String>),
}

impl Declared {
    /// A value whose type has no parts.
    pub(crate) fn simple(kind: Type, min_size: u64) -> Self {
        Declared { kind, max_elements: 0, min_size, element: None, key: None, list: ListKind::Atomic }
    }

    /// A value of any type.
    pub(crate) fn any() -> Self {
        Declared::simple(Type::Dyn, 1)
    }
}

impl Type {
    pub(crate) fn list(of: Type) -> Self {
        Type::List(Arc::new(of))
    }

    pub(crate) fn map(key: Type, value: Type) -> Self {
        Type::Map(Arc::new((key, value)))
    }

    pub(crate) fn optional(of: Type) -> Self {
        Type::Optional(Arc::new(of))
    }

    /// The types it is made of.
    pub(super) fn parameters(&self) -> Vec<&Type> {
        match self {
            Type::List(of) | Type::Optional(of) | Type::Of(of) => vec![of],
            Type::Map(parts) => vec![&parts.0, &parts.1],
            _ => Vec::new(),
        }
    }

    /// The same with its parts changed.
    pub(super) fn map_parameters(&self, change: &mut impl FnMut(&Type) -> Type) -> Type {
        match self {
            Type::List(of) => Type::list(change(of)),
            Type::Optional(of) => Type::optional(change(of)),
            Type::Of(of) => Type::Of(Arc::new(change(of))),
            Type::Map(parts) => Type::map(change(&parts.0), change(&parts.1)),
            other => other.clone(),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Dyn => f.write_str("dyn"),
            Type::Error => f.write_str("!error!"),
            Type::Null => f.write_str("null"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Uint => f.write_str("uint"),
            Type::Double => f.write_str("double"),
            Type::String => f.write_str("string"),
            Type::Bytes => f.write_str("bytes"),
            Type::Duration => f.write_str("duration"),
            Type::Timestamp => f.write_str("timestamp"),
            Type::List(of) => write!(f, "list({of})"),
            Type::Map(parts) => write!(f, "map({}, {})", parts.0, parts.1),
            Type::Object(object) => f.write_str(&object.name),
            Type::Optional(of) => write!(f, "optional_type({of})"),
            Type::Of(of) => write!(f, "type({of})"),
            Type::Opaque(name) => f.write_str(name),
            Type::Param(number) => write!(f, "_var{number}"),
        }
    }
}
