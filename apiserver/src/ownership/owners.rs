//! The `managedFields` of an object, apart from its tree.
//!
//! They are half of a small object, and no stage of a write but ownership looks into them. So they travel as the text
//! that is stored, and are read where a write changes them.

use std::sync::Arc;

use steersman_core::tree::Value;

use super::MANAGED_FIELDS;
use super::managed::{self, Managed, Manager};

/// The owners of an object's fields, as JSON in its canonical form: equal owners have equal texts. Cloning shares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owners(Option<Arc<str>>);

impl Owners {
    /// Those that a canonical text tells of.
    pub(crate) fn of(text: &str) -> Self {
        Owners(Some(text.into()))
    }

    /// One owner, of all that is written in `fields`.
    pub(super) fn alone(manager: &Manager<'_>, time: &str, fields: &str) -> Self {
        Owners(Some(managed::alone(manager, time, fields).into()))
    }

    /// Takes them out of an object; none where it has null.
    pub(crate) fn take(object: &mut Value) -> Self {
        let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
        let given = metadata.and_then(|metadata| metadata.remove(MANAGED_FIELDS));
        Owners(given.filter(|given| !given.is_null()).map(|given| given.to_string().into()))
    }

    /// Puts them into an object, where people and their plugins look for them.
    pub(crate) fn put(&self, object: &mut Value) {
        let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
        // What a client sent in this process may be nested deeper than text is read.
        let read = self.text().and_then(|text| serde_json::from_str(text).ok());
        if let (Some(read), Some(metadata)) = (read, metadata) {
            metadata.insert(MANAGED_FIELDS.to_owned(), read);
        }
    }

    /// The text that is stored; nothing if there are none.
    pub(crate) fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// These, or the old ones if nothing but times differs.
    pub(crate) fn settled(self, old: &Owners) -> Owners {
        if self != *old && self.timeless() == old.timeless() { old.clone() } else { self }
    }

    /// Every manager; `None` if an entry is malformed.
    pub(super) fn read(&self) -> Option<Managed<'_>> {
        self.text().map_or_else(|| Some(Managed::default()), Managed::decode_stored)
    }

    fn timeless(&self) -> Option<Managed<'_>> {
        let mut managed = self.text().and_then(Managed::decode)?;
        managed.0.iter_mut().for_each(|(_, owned)| owned.time = None);
        Some(managed)
    }
}

impl From<&Managed<'_>> for Owners {
    fn from(managed: &Managed<'_>) -> Self {
        Owners(managed.encode().map(Arc::from))
    }
}
