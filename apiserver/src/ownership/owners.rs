//! The `managedFields` of an object, apart from its tree.
//!
//! They are half of a small object, and no stage of a write but ownership looks into them. So they travel as the text
//! that is stored, and are read where a write changes them. Those of a stored object are a piece of its text.

use std::cell::Cell;
use std::ops::Range;

use bytes::Bytes;
use steersman_core::tree::Value;

use super::MANAGED_FIELDS;
use super::managed::{self, Managed, Manager};
use crate::workplace;

thread_local! {
    /// Where their texts are put together.
    static WORKPLACE: Cell<String> = const { Cell::new(String::new()) };
}

/// The owners of an object's fields, as JSON in its canonical form: equal owners have equal texts. Cloning shares. The bytes
/// are UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owners(Option<Bytes>);

impl Owners {
    /// Those that a canonical text tells of.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Owners(Some(text.to_owned().into()))
    }

    /// The same where the text is a piece of that of an object, which it shares.
    pub(crate) fn within(json: &Bytes, text: &str) -> Self {
        Owners(Some(json.slice_ref(text.as_bytes())))
    }

    /// The same where it is known which piece.
    pub(crate) fn part(json: &Bytes, place: Range<usize>) -> Self {
        Owners(Some(json.slice(place)))
    }

    /// One owner, of all that `fields` writes, which tells whether that is anything; nothing if it cannot tell.
    pub(super) fn alone(
        manager: &Manager<'_>,
        time: &str,
        fields: impl FnOnce(&mut String) -> Option<bool>,
    ) -> Option<Self> {
        let mut owns = None;
        let text = written(|out| managed::alone(manager, time, |out| owns = fields(out), out));
        owns.map(|owns| Owners(owns.then_some(text)))
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
        std::str::from_utf8(self.0.as_deref()?).ok()
    }

    /// Whether there are none.
    pub(crate) fn are_none(&self) -> bool {
        self.0.is_none()
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

impl From<Managed<'_>> for Owners {
    fn from(managed: Managed<'_>) -> Self {
        Owners((!managed.is_empty()).then(|| written(|out| managed.write(out))))
    }
}

fn written(write: impl FnOnce(&mut String)) -> Bytes {
    workplace::at(&WORKPLACE, |out| {
        write(out);
        Bytes::copy_from_slice(out.as_bytes())
    })
}
