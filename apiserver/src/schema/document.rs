//! Holds the object types that schemas refer to; the built-in ones are read one by one, when they are first needed.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::builtin;
use super::shape::{ObjectType, TypeId};

/// The types of one set of schemas. Those of a custom resource build upon the built-in ones.
#[derive(Debug)]
pub(crate) struct Document {
    base: Option<Arc<Document>>,
    slots: Vec<Slot>,
    names: BTreeMap<&'static str, TypeId>,
}

#[derive(Debug)]
struct Slot {
    name: &'static str,
    /// The line of the table that says what the type is; empty for custom resources.
    source: &'static str,
    read: OnceLock<ObjectType>,
}

impl Document {
    /// The built-in types. Finds the lines of the table and reads none of them.
    pub(crate) fn builtin() -> Self {
        let mut document = Document { base: None, slots: Vec::new(), names: BTreeMap::new() };
        for (name, source) in builtin::lines() {
            document.names.insert(name, TypeId(document.slots.len() as u32));
            document.slots.push(Slot { name, source, read: OnceLock::new() });
        }
        document
    }

    /// An empty set that builds upon another.
    pub(crate) fn upon(base: Arc<Document>) -> Self {
        Document { base: Some(base), slots: Vec::new(), names: BTreeMap::new() }
    }

    /// Adds a type.
    pub(crate) fn add(&mut self, object: ObjectType) -> TypeId {
        let id = TypeId((self.offset() + self.slots.len()) as u32);
        self.slots.push(Slot { name: "", source: "", read: OnceLock::from(object) });
        id
    }

    /// The built-in type of that name (`core.v1.Pod`).
    pub(crate) fn named(&self, name: &str) -> Option<TypeId> {
        match &self.base {
            Some(base) => base.named(name),
            None => self.names.get(name).copied(),
        }
    }

    /// The type that an id of this document, or of the one it builds upon, stands for.
    pub(crate) fn get(&self, id: TypeId) -> &ObjectType {
        let index = id.0 as usize;
        match (&self.base, index.checked_sub(self.offset())) {
            (Some(base), None) => base.get(id),
            (_, own) => {
                let slot = &self.slots[own.unwrap_or(index)];
                slot.read.get_or_init(|| builtin::read(slot.name, slot.source, self))
            }
        }
    }

    /// Reads every type, so that a test may tell that none is malformed; how many there are.
    #[cfg(test)]
    pub(crate) fn read_all(&self) -> usize {
        for slot in 0..self.slots.len() {
            self.get(TypeId(slot as u32));
        }
        self.slots.len()
    }

    fn offset(&self) -> usize {
        self.base.as_ref().map_or(0, |base| base.offset() + base.slots.len())
    }
}
