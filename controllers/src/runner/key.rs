//! Names what is worked on: an object by its namespace and name.

use std::fmt;

use steersman_core::tree::Text;
use steersman_core::{Object, Resource};

/// The namespace and name of an object; the namespace is empty for cluster-scoped ones. Where both are short, which most
/// are, a copy needs no memory of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace.
    pub namespace: Text,
    /// The name.
    pub name: Text,
}

impl Key {
    /// A key.
    pub fn new(namespace: impl Into<Text>, name: impl Into<Text>) -> Self {
        Key { namespace: namespace.into(), name: name.into() }
    }

    /// The key of an object.
    pub fn of(object: &Object) -> Self {
        Key::new(object.namespace(), object.name())
    }

    /// The key of a typed object.
    pub fn of_typed<K: Resource>(object: &K) -> Self {
        let metadata = object.metadata();
        let text = |field: &Option<String>| Text::from(field.as_deref().unwrap_or_default());
        Key { namespace: text(&metadata.namespace), name: text(&metadata.name) }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}
