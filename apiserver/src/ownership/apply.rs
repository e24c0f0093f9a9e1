//! Server-side apply: merges what a manager wants into an object, unless others own it, and removes what the manager
//! wanted before and wants no more.

use serde_json::Value;
use steersman_core::{Error, Result};

use super::compare::Changes;
use super::conflict::{self, Conflicts};
use super::last_applied::{self, KUBECTL};
use super::managed::{Managed, Manager, Operation, Owned};
use super::remove::remove;
use super::set::Set;
use super::track::Others;
use super::{MANAGED_FIELDS, Writer, field_set, live_managers, merge, put, reset, take, typed};
use crate::fault;
use crate::schema::Schema;

/// Whom an object is ascribed to that nobody has managed before.
const BEFORE: &str = "before-first-apply";

/// An object after an apply.
struct Applied {
    object: Value,
    managed: Managed,
}

impl Writer<'_> {
    /// What `live` becomes, with its `managedFields`: an object that is stored, or one that has nothing. It is not yet
    /// brought into the form of its schema, nor defaulted.
    ///
    /// # Errors
    /// 400 for a configuration of another kind or with managed fields, 409 for conflicts unless `force` is set, and
    /// 500, as upstream answers, for one that does not have the types of the schema.
    pub(crate) fn apply(&self, live: &Value, config: &Value, force: bool) -> Result<Value> {
        self.check(config)?;
        let mut managed = live_managers(live)
            .ok_or_else(|| fault::bare("failed to decode managed fields: invalid entry"))?;
        let mut live = live.clone();
        take(&mut live);
        if managed.is_empty() {
            let changes = self.changes(self.blank, &live);
            self.update(&mut managed, BEFORE, self.blank, &live, &changes);
        }
        let applied = match self.merge(&live, config, managed.clone(), force) {
            Ok(applied) => applied,
            Err(conflicts) => self.take_over(&live, config, managed, conflicts)?,
        };
        let Applied { mut object, managed } = applied;
        if self.name == KUBECTL {
            last_applied::renew(&mut object, config);
        }
        put(&mut object, managed.encode());
        Ok(object)
    }

    fn check(&self, config: &Value) -> Result<()> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&config["apiVersion"]), text(&config["kind"]));
        if api_version != self.kind.api_version() || kind != self.kind.kind {
            // Without a slash, a group that is not there is told as empty.
            let shown = match api_version.split_once('/') {
                Some(_) => api_version,
                None => format!("/{api_version}"),
            };
            return Err(Error::bad_request(format!("invalid object type: {shown}, Kind={kind}")));
        }
        if config["metadata"].get(MANAGED_FIELDS).is_some_and(|list| !list.is_null()) {
            return Err(Error::bad_request("metadata.managedFields must be nil"));
        }
        typed::check(self.schema, config).map_err(|why| {
            let (namespace, name) = (text(&config["metadata"]["namespace"]), text(&config["metadata"]["name"]));
            let group_version = if self.kind.group.is_empty() { "/" } else { "" };
            fault::bare(format!(
                "failed to create typed patch object ({namespace}/{name}; {group_version}{api_version}, Kind={kind}): {why}"
            ))
        })
    }

    /// `kubectl` may take over what it has applied from the client.
    fn take_over(
        &self,
        live: &Value,
        config: &Value,
        managed: Managed,
        mut conflicts: Conflicts,
    ) -> Result<Applied> {
        if self.name == KUBECTL {
            let allowed = last_applied::still_applied(self.schema, live);
            conflicts.iter_mut().for_each(|(_, set)| set.subtract(&allowed));
            conflicts.retain(|(_, set)| !set.is_empty());
        }
        if !conflicts.is_empty() {
            return Err(conflict::refuse(&conflicts));
        }
        self.merge(live, config, managed, true).map_err(|conflicts| conflict::refuse(&conflicts))
    }

    fn merge(
        &self,
        live: &Value,
        config: &Value,
        mut managed: Managed,
        force: bool,
    ) -> Result<Applied, Conflicts> {
        let api_version = self.kind.api_version();
        let manager = Manager::new(self.name, Operation::Apply, &api_version, self.subresource);
        let merged = merge::merge(self.schema, live, config);
        let mut set = field_set::of(self.schema, config);
        set.prune(&self.reset());
        let last = managed.0.insert(manager.clone(), Owned { api_version, time: None, set });
        let object = match &last {
            Some(last) => self.give_up(merged, &managed, last),
            None => merged,
        };
        let changes = self.changes(live, &object);
        if !force {
            self.find_conflicts(&managed, &manager, live, &object, &changes)?;
        }
        self.dispossess(&mut managed, Some(&manager), live, &object, &changes);
        if let Some(owned) = managed.0.get_mut(&manager) {
            owned.set.subtract(&reset::nobodys());
            let is_changed = object != *live;
            owned.time = if is_changed { Some(self.time()) } else { last.and_then(|last| last.time) };
        }
        managed.drop_idle();
        Ok(Applied { object, managed })
    }

    fn find_conflicts(
        &self,
        managed: &Managed,
        applier: &Manager,
        live: &Value,
        new: &Value,
        own: &Changes,
    ) -> Result<(), Conflicts> {
        let mut others = Others::new(self, live, new);
        let mut conflicts = Conflicts::new();
        for (manager, owned) in managed.0.iter().filter(|(manager, _)| *manager != applier) {
            let Some(changes) = others.changes(&owned.api_version, own) else { continue };
            let common = owned.set.intersection(&changes.set());
            if !common.is_empty() {
                conflicts.push((manager.clone(), common));
            }
        }
        if conflicts.is_empty() { Ok(()) } else { Err(conflicts) }
    }

    /// Removes what the manager applied before and does not apply now, unless somebody else owns it.
    fn give_up(&self, merged: Value, managed: &Managed, last: &Owned) -> Value {
        let Some(schema) = self.schema_of(&last.api_version) else { return merged };
        if last.set.is_empty() {
            return merged;
        }
        let given = field_set::with_named(&last.set, &schema);
        let mut pruned = remove(&schema, &merged, &given);
        let mut versions: Vec<&str> = managed.0.values().map(|owned| owned.api_version.as_str()).collect();
        versions.sort_unstable_by_key(|version| (*version != last.api_version, *version));
        versions.dedup();
        for version in versions {
            let Some(schema) = self.schema_of(version) else { continue };
            pruned = keep_owned(&schema, &merged, &pruned, &owned_in(managed, version));
        }
        // What went with something else was not the manager's to remove.
        let mut dangling = absent(&schema, &merged, &pruned, &Set::default()).intersection(&given);
        dangling.member = false;
        remove(&schema, &merged, &dangling)
    }

    fn schema_of(&self, api_version: &str) -> Option<Schema> {
        if api_version == self.kind.api_version() {
            return Some(self.schema.clone());
        }
        (self.versions)(api_version)
    }
}

fn owned_in(managed: &Managed, api_version: &str) -> Set {
    let mut all = Set::default();
    for owned in managed.0.values().filter(|owned| owned.api_version == api_version) {
        all.unite(owned.set.clone());
    }
    all
}

/// Puts back what was removed and is owned.
fn keep_owned(schema: &Schema, merged: &Value, pruned: &Value, owned: &Set) -> Value {
    remove(schema, merged, &absent(schema, merged, pruned, owned))
}

/// What an object sets and another does not, and nobody owns.
fn absent(schema: &Schema, object: &Value, other: &Value, owned: &Set) -> Set {
    let mut set = field_set::with_named(&field_set::of(schema, object), schema);
    set.subtract(&field_set::with_named(&field_set::of(schema, other), schema));
    set.subtract(&field_set::with_named(owned, schema));
    set
}
