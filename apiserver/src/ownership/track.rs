//! Keeps the owners of fields over updates: whoever changes a field owns it from then on.

use steersman_core::tree::{Text, Value};

use super::compare::{Changes, compare};
use super::managed::{Managed, Manager, Operation, Owned};
use super::paths::Paths;
use super::set::Set;
use super::{Owners, Writer, first, reset};

impl Writer<'_> {
    /// The owners of `new`, which is to replace `live` (an object that is stored, or one that has nothing) and its
    /// owners; `given` are those that the client sends.
    pub(crate) fn track(&self, live: &Value, owners: &Owners, new: &Value, given: &Owners) -> Owners {
        let is_stored = live["metadata"].get("uid").is_some();
        let has_none = owners.are_none() && given.are_none();
        if !is_stored
            && has_none
            && let Some(owners) = self.first(live, new)
        {
            return owners;
        }
        // Whoever has reset the managers does not want them tracked.
        if is_stored && has_none {
            return Owners::default();
        }
        let changes = self.changes(live, new);
        if changes.is_empty() && (given.are_none() || given == owners) {
            return owners.clone();
        }
        let mut managed = self.start(owners, given);
        if managed.is_empty() && is_stored {
            return Owners::default();
        }
        self.update(&mut managed, self.name, live, new, changes);
        managed.fold();
        Owners::from(managed)
    }

    /// The owner of what a new object sets; `None` where only a comparison tells.
    pub(super) fn first(&self, blank: &Value, new: &Value) -> Option<Owners> {
        let manager = self.updater(self.name);
        let fields = |out: &mut String| first::write(self.schema, blank, new, self.reset(), out);
        Owners::alone(&manager, &self.time(), fields)
    }

    /// What differs, as far as this write may change it.
    pub(super) fn changes<'v>(&self, live: &'v Value, new: &'v Value) -> Changes<'v> {
        compare(self.schema, live, new, self.reset())
    }

    /// What this write puts back.
    pub(super) fn reset(&self) -> Paths<'static> {
        let custom = self.schema.is_custom();
        Paths::from_root(reset::of(self.kind, custom, self.separates_status, self.subresource))
    }

    /// The moment of the write, as entries have it.
    pub(super) fn time(&self) -> Text {
        crate::moment::seconds(self.now)
    }

    /// The manager of that name that updates in the version of this write, through its door.
    fn updater<'v>(&self, name: &'v str) -> Manager<'v>
    where
        Self: 'v,
    {
        Manager::new(name, Operation::Update, self.api_version.into(), self.subresource)
    }

    /// The managers before the write. A client may send others, or reset them by sending `[]` or `[{}]`; malformed
    /// ones are ignored, and so are those sent to a subresource.
    fn start<'v>(&self, owners: &'v Owners, given: &'v Owners) -> Managed<'v> {
        match given.text().filter(|_| self.subresource.is_empty()) {
            Some("[]" | "[{}]") => Managed::default(),
            Some(list) => Managed::decode_sent(list).or_else(|| owners.read()).unwrap_or_default(),
            None => owners.read().unwrap_or_default(),
        }
    }

    /// Takes what changed from its owners, and gives what was set to the manager of that name.
    pub(super) fn update<'v>(
        &'v self,
        managed: &mut Managed<'v>,
        name: &'v str,
        live: &'v Value,
        new: &'v Value,
        changes: Changes<'v>,
    ) {
        let manager = self.updater(name);
        if let Some(owned) = managed.0.get_mut(&manager) {
            // It keeps what it sets, but for what nobody owns.
            owned.lose(&changes.removed);
            for set in [&changes.added, &changes.modified] {
                owned.lose(&reset::nobodys(set));
            }
        }
        self.dispossess(managed, &manager, live, new, &changes);
        let Changes { mut added, mut modified, .. } = changes;
        reset::disown(&mut added);
        reset::disown(&mut modified);
        if added.is_empty() && modified.is_empty() {
            return;
        }
        let make = || Owned::new(self.api_version, Set::default());
        let owned = managed.0.get_or_insert_with(manager, make);
        owned.add(added);
        owned.add(modified);
        owned.time = Some(self.time());
    }

    /// Takes what changed, or is gone, from all managers but one.
    pub(super) fn dispossess(
        &self,
        managed: &mut Managed<'_>,
        but: &Manager<'_>,
        live: &Value,
        new: &Value,
        changes: &Changes<'_>,
    ) {
        let mut others = Others::new(self, live, new);
        managed.0.retain(|manager, owned| {
            if but == manager {
                return true;
            }
            let Some(changes) = others.changes(&owned.api_version, changes) else { return false };
            for set in [&changes.added, &changes.modified, &changes.removed] {
                owned.lose(set);
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
    seen: Vec<(String, Option<Changes<'a>>)>,
}

impl<'a> Others<'a> {
    pub(super) fn new(writer: &'a Writer<'a>, live: &'a Value, new: &'a Value) -> Self {
        Others { writer, live, new, seen: Vec::new() }
    }

    /// What changed, as a version sees it; `own` is what the version of the write sees.
    pub(super) fn changes<'b>(
        &'b mut self,
        api_version: &str,
        own: &'b Changes<'a>,
    ) -> Option<&'b Changes<'a>> {
        if api_version == self.writer.api_version {
            return Some(own);
        }
        let found = self.seen.iter().position(|(seen, _)| seen == api_version);
        let index = found.unwrap_or_else(|| {
            let schema = (self.writer.versions)(api_version);
            let reset = self.writer.reset();
            let changes = schema.map(|schema| compare(&schema, self.live, self.new, reset));
            self.seen.push((api_version.to_owned(), changes));
            self.seen.len() - 1
        });
        self.seen[index].1.as_ref()
    }
}
