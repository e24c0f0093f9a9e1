//! Keeps the owners of fields over updates: whoever changes a field owns it from then on.

use serde_json::Value;

use super::compare::{Changes, compare};
use super::managed::{Managed, Manager, Operation, Owned};
use super::set::Set;
use super::{MANAGED_FIELDS, Writer, live_managers, put, reset, take};

impl Writer<'_> {
    /// Sets `managedFields` of `new`, which is to replace `live`: an object that is stored, or one that has nothing.
    pub(crate) fn track(&self, live: &Value, new: &mut Value) {
        let given = take(new);
        let changes = self.changes(live, new);
        let old = live["metadata"].get(MANAGED_FIELDS);
        if changes.is_empty() && self.keeps(given.as_ref(), old) {
            return put(new, old.cloned());
        }
        let mut managed = self.start(given, live);
        let is_stored = live["metadata"].get("uid").is_some();
        // Whoever has reset the managers does not want them tracked.
        if managed.is_empty() && is_stored {
            return;
        }
        self.update(&mut managed, self.name, live, new, &changes);
        managed.fold();
        put(new, managed.encode());
    }

    /// What differs, as far as this write may change it.
    pub(super) fn changes(&self, live: &Value, new: &Value) -> Changes {
        compare(self.schema, live, new).without(&self.reset())
    }

    /// What this write puts back.
    pub(super) fn reset(&self) -> Set {
        reset::of(self.kind, self.schema.is_custom(), self.separates_status, self.subresource)
    }

    /// The moment of the write, as entries have it.
    pub(super) fn time(&self) -> String {
        crate::moment::seconds(self.now)
    }

    /// Whether the managers that a client sends leave those of the live object as they are.
    fn keeps(&self, given: Option<&Value>, old: Option<&Value>) -> bool {
        given.is_none_or(Value::is_null) || given == old
    }

    /// The managers before the write. A client may send others, or reset them by sending `[]` or `[{}]`; malformed
    /// ones are ignored, and so are those sent to a subresource.
    fn start(&self, given: Option<Value>, live: &Value) -> Managed {
        let own = || live_managers(live).unwrap_or_default();
        match given {
            Some(Value::Array(list)) if self.subresource.is_empty() => match list.as_slice() {
                [] => Managed::default(),
                [Value::Object(entry)] if entry.is_empty() => Managed::default(),
                _ => Managed::decode(Value::Array(list)).unwrap_or_else(own),
            },
            _ => own(),
        }
    }

    /// Takes what changed from its owners, and gives what was set to the manager of that name.
    pub(super) fn update(
        &self,
        managed: &mut Managed,
        name: &str,
        live: &Value,
        new: &Value,
        changes: &Changes,
    ) {
        let mut own = changes.set();
        self.dispossess(managed, None, live, new, changes);
        own.subtract(&reset::nobodys());
        if own.is_empty() {
            return;
        }
        let api_version = self.kind.api_version();
        let manager = Manager::new(name, Operation::Update, &api_version, self.subresource);
        let entry = managed.0.entry(manager);
        let owned = entry.or_insert_with(|| Owned { api_version, time: None, set: Set::default() });
        owned.set.unite(own);
        owned.time = Some(self.time());
    }

    /// Takes what changed, or is gone, from all managers but one.
    pub(super) fn dispossess(
        &self,
        managed: &mut Managed,
        but: Option<&Manager>,
        live: &Value,
        new: &Value,
        changes: &Changes,
    ) {
        let mut others = Others::new(self, live, new);
        managed.0.retain(|manager, owned| {
            if but == Some(manager) {
                return true;
            }
            let Some(changes) = others.changes(&owned.api_version, changes) else { return false };
            for set in [&changes.added, &changes.modified, &changes.removed] {
                owned.set.subtract(set);
            }
            true
        });
        managed.drop_idle();
    }
}

/// What changed, as other versions see it.
pub(super) struct Others<'a> {
    writer: &'a Writer<'a>,
    live: &'a Value,
    new: &'a Value,
    /// By version; nothing for one that is not served any more.
    seen: Vec<(String, Option<Changes>)>,
}

impl<'a> Others<'a> {
    pub(super) fn new(writer: &'a Writer<'a>, live: &'a Value, new: &'a Value) -> Self {
        Others { writer, live, new, seen: Vec::new() }
    }

    /// What changed, as a version sees it; `own` is what the version of the write sees.
    pub(super) fn changes<'b>(&'b mut self, api_version: &str, own: &'b Changes) -> Option<&'b Changes> {
        if api_version == self.writer.kind.api_version() {
            return Some(own);
        }
        let found = self.seen.iter().position(|(seen, _)| seen == api_version);
        let index = found.unwrap_or_else(|| {
            let schema = (self.writer.versions)(api_version);
            let reset = self.writer.reset();
            let changes = schema.map(|schema| compare(&schema, self.live, self.new).without(&reset));
            self.seen.push((api_version.to_owned(), changes));
            self.seen.len() - 1
        });
        self.seen[index].1.as_ref()
    }
}
