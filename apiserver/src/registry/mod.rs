//! What is served: one row a resource and version, with everything that the pipeline must know of it.

mod builtin;
mod custom;
mod metadata_rules;
mod row;

use std::collections::BTreeMap;
#[expect(clippy::disallowed_types, reason = "rows are found by it, never walked through")]
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use foldhash::fast::RandomState;
use steersman_core::resource::{ApiResource, GroupResource, GroupVersionResource};

use crate::watch_cache::Collection;

pub(crate) use builtin::builtin;
pub(crate) use custom::{custom, definition_of, prefix, strategy};
pub(crate) use metadata_rules::Looks;
pub(crate) use row::{Served, View};

/// The rows, as of some moment. A row that appears or vanishes makes a new table, so a request in flight keeps its own.
#[derive(Default)]
pub(crate) struct Registry(RwLock<Arc<Rows>>);

/// The rows by resource and version. A request looks for a dozen of them, and none is made by a stranger, who might choose
/// names that collide: a fast hash will do.
#[derive(Clone, Default)]
#[expect(clippy::disallowed_types, reason = "rows are found by it, never walked through")]
pub(crate) struct Rows {
    rows: BTreeMap<GroupVersionResource, Arc<Served>>,
    /// The same rows; every request looks for one.
    found: HashMap<GroupVersionResource, Arc<Served>, RandomState>,
    preferred: HashMap<GroupResource, Arc<Served>, RandomState>,
    /// What discovery tells of these rows, once somebody has asked.
    told: OnceLock<Arc<[ApiResource]>>,
}

impl Registry {
    /// The rows as they are now.
    pub(crate) fn rows(&self) -> Arc<Rows> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The row of a resource and version.
    pub(crate) fn get(&self, resource: &GroupVersionResource) -> Option<Arc<Served>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).found.get(resource).cloned()
    }

    /// The collections of some resources of a group; those that there are.
    pub(crate) fn collections(&self, group: &str, resources: &[&str]) -> Vec<Arc<Collection>> {
        let rows = self.rows();
        let named = resources.iter().map(|name| GroupResource::new(group.to_owned(), (*name).to_owned()));
        named.filter_map(|resource| rows.preferred(&resource)?.collection.clone()).collect()
    }

    /// Replaces the rows of a group's resource (by none, to stop serving it). The first row is the preferred version.
    pub(crate) fn set(&self, resource: &GroupResource, rows: Vec<Arc<Served>>) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Rows { told: OnceLock::new(), ..Rows::clone(&current) };
        let is_kept = |known: &GroupVersionResource| {
            known.group != resource.group || known.resource != resource.resource
        };
        next.rows.retain(|known, _| is_kept(known));
        next.found.retain(|known, _| is_kept(known));
        next.preferred.remove(resource);
        for row in rows {
            next.preferred.entry(resource.clone()).or_insert_with(|| row.clone());
            next.found.insert(row.resource().clone(), row.clone());
            next.rows.insert(row.resource().clone(), row);
        }
        *current = Arc::new(next);
    }
}

impl Rows {
    /// The row of a resource in the version that is preferred.
    pub(crate) fn preferred(&self, resource: &GroupResource) -> Option<&Arc<Served>> {
        self.preferred.get(resource)
    }

    /// Whether anything is served in a group.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.rows.keys().any(|resource| resource.group == group)
    }

    /// What discovery tells: the same list, shared, for as long as the rows stay as they are.
    pub(crate) fn discovered(&self) -> Arc<[ApiResource]> {
        self.told.get_or_init(|| self.all().map(|row| row.api().clone()).collect()).clone()
    }

    /// Every row, ordered by group, version and resource.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.rows.values()
    }
}
