//! Server-side apply: merges what a manager wants into an object, unless others own it, and removes what the manager
//! wanted before and wants no more.

use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::compare::Changes;
use super::conflict::{self, Conflicts};
use super::last_applied::{self, KUBECTL};
use super::managed::{Managed, Manager, Operation, Owned};
use super::remove::remove;
use super::set::Set;
use super::track::Others;
use super::{MANAGED_FIELDS, Owners, Writer, field_set, merge, reset, typed};
use crate::fault;
use crate::schema::{Schema, kind_of};

/// Whom an object is ascribed to that nobody has managed before.
const BEFORE: &str = "before-first-apply";

impl Writer<'_> {
    /// What `live` (an object that is stored, or one that has nothing) becomes, if it changes, and its owners.
    /// `complete` brings what was merged into the form of its schema, and fills in the defaults.
    ///
    /// # Errors
    /// 400 for a configuration of another kind or with managed fields, 409 for conflicts unless `force` is set, and
    /// 500, as upstream answers, for one that does not have the types of the schema.
    pub(crate) fn apply(
        &self,
        live: &Value,
        owners: &Owners,
        config: &Value,
        force: bool,
        complete: &dyn Fn(Value) -> Result<Value>,
    ) -> Result<(Option<Value>, Owners)> {
        self.check(config)?;
        let invalid = || fault::bare("failed to decode managed fields: invalid entry");
        let mut managed = owners.read().ok_or_else(invalid)?;
        if managed.is_empty() {
            let changes = self.changes(self.blank, live);
            self.update(&mut managed, BEFORE, self.blank, live, changes);
        }
        let mut set = field_set::of(self.schema, config);
        set.prune(self.reset());
        let manager = Manager::new(self.name, Operation::Apply, "".into(), self.subresource);
        if self.name != KUBECTL && is_as_before(managed.0.get(&manager), &set, self.api_version) {
            let replaced = merge::replaced(self.schema, live, config);
            if replaced.as_ref().is_some_and(Set::is_empty) {
                return Ok((None, owners.clone()));
            }
            // What a manager applies without its defaults replaces a value that has them.
            if replaced
                .is_some_and(|replaced| managed.are_others_clear_of(&replaced, &manager, self.api_version))
            {
                let object = complete(merge::merge(self.schema, live, config))?;
                return Ok(if object == *live {
                    (None, owners.clone())
                } else {
                    let own = managed.0.get_mut(&manager);
                    own.into_iter().for_each(|own| own.time = Some(self.time()));
                    (Some(object), Owners::from(managed))
                });
            }
        }
        let mut object = merge::merge(self.schema, live, config);
        let last = managed.0.insert(manager.clone(), Owned::new(self.api_version, set));
        if let Some(last) = &last {
            object = self.give_up(object, &managed, &manager, last);
        }
        self.take_over(live, &object, &mut managed, &manager, force)?;
        if let Some(owned) = managed.0.get_mut(&manager) {
            reset::disown(owned.set_mut());
            let is_changed = object != *live;
            owned.time = if is_changed { Some(self.time()) } else { last.and_then(|last| last.time) };
        }
        managed.drop_idle();
        let owners = Owners::from(managed);
        if self.name == KUBECTL {
            last_applied::renew(&mut object, config);
        }
        Ok((Some(complete(object)?), owners))
    }

    fn check(&self, config: &Value) -> Result<()> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if !config.is_object() && !config.is_null() {
            let found = kind_of(config);
            return Err(Error::bad_request(format!(
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into \
                 Go value of type map[string]interface {{}}"
            )));
        }
        let (api_version, kind) = (text(&config["apiVersion"]), text(&config["kind"]));
        if api_version != self.api_version || kind != self.kind.kind {
            // Without a slash, a group that is not there is told as empty; with more than one, there is nothing to tell.
            let shown = match api_version.matches('/').count() {
                0 => format!("/{api_version}, Kind={kind}"),
                1 => format!("{api_version}, Kind={kind}"),
                _ => "/, Kind=".to_owned(),
            };
            return Err(Error::bad_request(format!("invalid object type: {shown}")));
        }
        if config["metadata"].get(MANAGED_FIELDS).is_some_and(Value::is_array) {
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

    /// Takes what the apply changes from its owners, unless that is a conflict.
    fn take_over(
        &self,
        live: &Value,
        object: &Value,
        managed: &mut Managed<'_>,
        applier: &Manager<'_>,
        force: bool,
    ) -> Result<()> {
        let changes = self.changes(live, object);
        if !force {
            let mut conflicts = self.conflicts(managed, applier, live, object, &changes);
            // `kubectl` may take over what it has applied from the client.
            if !conflicts.is_empty() && self.name == KUBECTL {
                last_applied::let_go(self.kind, self.schema, live, &mut conflicts);
            }
            if !conflicts.is_empty() {
                return Err(conflict::refuse(&conflicts));
            }
        }
        self.dispossess(managed, applier, live, object, &changes);
        Ok(())
    }

    /// What others own of what changes.
    fn conflicts<'m>(
        &self,
        managed: &Managed<'m>,
        applier: &Manager<'_>,
        live: &Value,
        new: &Value,
        own: &Changes<'_>,
    ) -> Conflicts<'m> {
        let mut others = Others::new(self, live, new);
        let mut conflicts = Conflicts::new();
        for (manager, owned) in managed.0.iter().filter(|(manager, _)| *manager != applier) {
            let Some(changes) = others.changes(&owned.api_version, own) else { continue };
            let common = owned.set().intersection(&changes.clone().into_set());
            if !common.is_empty() {
                conflicts.push((manager.clone(), common));
            }
        }
        conflicts
    }

    /// Removes what the manager applied before and does not apply now, unless somebody else owns it.
    fn give_up(
        &self,
        merged: Value,
        managed: &Managed<'_>,
        applier: &Manager<'_>,
        last: &Owned<'_>,
    ) -> Value {
        let now = managed.0.get(applier);
        if now.is_some_and(|now| now.api_version == last.api_version && now.set().covers(last.set())) {
            return merged;
        }
        let Some(schema) = self.schema_of(&last.api_version) else { return merged };
        if last.set().is_empty() {
            return merged;
        }
        let given = field_set::with_named(last.set(), &schema);
        let mut pruned = remove(&schema, &merged, &given);
        let mut versions: Vec<&str> = managed.0.iter().map(|(_, owned)| &*owned.api_version).collect();
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
        if api_version == self.api_version {
            return Some(self.schema.clone());
        }
        (self.versions)(api_version)
    }
}

/// Whether a manager applies the fields that it owns already.
fn is_as_before(last: Option<&Owned<'_>>, set: &Set<'_>, api_version: &str) -> bool {
    last.is_some_and(|last| {
        let mut set = set.clone();
        reset::disown(&mut set);
        last.api_version == api_version && *last.set() == set
    })
}

fn owned_in<'m>(managed: &Managed<'m>, api_version: &str) -> Set<'m> {
    let mut all = Set::default();
    for (_, owned) in managed.0.iter().filter(|(_, owned)| owned.api_version == api_version) {
        all.unite(owned.set().clone());
    }
    all
}

/// Puts back what was removed and is owned.
fn keep_owned(schema: &Schema, merged: &Value, pruned: &Value, owned: &Set<'_>) -> Value {
    remove(schema, merged, &absent(schema, merged, pruned, owned))
}

/// What an object sets and another does not, and nobody owns.
fn absent<'v>(schema: &Schema, object: &'v Value, other: &Value, owned: &Set<'_>) -> Set<'v> {
    let mut set = field_set::with_named(&field_set::of(schema, object), schema);
    set.subtract(&field_set::with_named(&field_set::of(schema, other), schema));
    set.subtract(&field_set::with_named(owned, schema));
    set
}
