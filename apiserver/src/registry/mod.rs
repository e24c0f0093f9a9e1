//! What is served: one row a resource and version, with everything that the pipeline must know of it.

mod builtin;
mod custom;
mod row;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use steersman_core::resource::{GroupResource, GroupVersionResource};

use crate::watch_cache::Collection;

pub(crate) use builtin::builtin;
pub(crate) use custom::{custom, definition_of, prefix, strategy};
pub(crate) use row::{Served, View};

/// The rows, as of some moment. A row that appears or vanishes makes a new table, so a request in flight keeps its own.
#[derive(Default)]
pub(crate) struct Registry(RwLock<Arc<Rows>>);

/// The rows by resource and version.
#[derive(Clone, Default)]
pub(crate) struct Rows {
    rows: BTreeMap<GroupVersionResource, Arc<Served>>,
    preferred: BTreeMap<GroupResource, Arc<Served>>,
}

impl Registry {
    /// The rows as they are now.
    pub(crate) fn rows(&self) -> Arc<Rows> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The row of a resource and version.
    pub(crate) fn get(&self, resource: &GroupVersionResource) -> Option<Arc<Served>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).rows.get(resource).cloned()
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
        let mut next = Rows::clone(&current);
        next.rows.retain(|known, _| known.group != resource.group || known.resource != resource.resource);
        next.preferred.remove(resource);
        for row in rows {
            next.preferred.entry(resource.clone()).or_insert_with(|| row.clone());
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

    /// Every row, ordered by group, version and resource.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.rows.values()
    }
}
