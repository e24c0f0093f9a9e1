//! What is served: one row a resource and version, with everything that the pipeline must know of it.

mod builtin;
mod custom;
mod metadata_rules;
mod row;

use std::collections::BTreeMap;
#[expect(clippy::disallowed_types, reason = "rows are found by it, never walked through")]
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use foldhash::fast::RandomState;
use futures::channel::oneshot;
use steersman_core::resource::{ApiResource, GroupResource, GroupVersionResource};

use crate::watch_cache::Collection;

pub(crate) use builtin::builtin;
pub(crate) use custom::{custom, definition_of, prefix, strategy};
pub(crate) use metadata_rules::Looks;
pub(crate) use row::{Served, View};

/// The rows, as of some moment. A row that appears or vanishes makes a new table, so a request in flight keeps its own.
#[derive(Default)]
pub(crate) struct Registry {
    rows: RwLock<Arc<Rows>>,
    /// Who waits for other rows; at most one entry for each waiting task.
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
}

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
        self.rows.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The row of a resource and version.
    pub(crate) fn get(&self, resource: &GroupVersionResource) -> Option<Arc<Served>> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner).found.get(resource).cloned()
    }

    /// The collections of some resources of a group; those that there are.
    pub(crate) fn collections(&self, group: &str, resources: &[&str]) -> Vec<Arc<Collection>> {
        let rows = self.rows();
        let named = resources.iter().map(|name| GroupResource::new(group.to_owned(), (*name).to_owned()));
        named.filter_map(|resource| rows.preferred(&resource)?.collection.clone()).collect()
    }

    /// Replaces the rows of a group's resource (by none, to stop serving it). The first row is the preferred version.
    pub(crate) fn set(&self, resource: &GroupResource, rows: Vec<Arc<Served>>) {
        let mut current = self.rows.write().unwrap_or_else(PoisonError::into_inner);
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
        drop(current);
        for waiting in self.waiting().drain(..) {
            // Who waits no longer need not know.
            let _ = waiting.send(());
        }
    }

    /// Completes once the rows are others than those of which discovery told `known`.
    pub(crate) async fn changed(&self, known: &Arc<[ApiResource]>) {
        let changed = {
            let mut waiting = self.waiting();
            if !Arc::ptr_eq(&self.rows().discovered(), known) {
                return;
            }
            waiting.retain(|waiting| !waiting.is_canceled());
            let (tell, changed) = oneshot::channel();
            waiting.push(tell);
            changed
        };
        // The sender is only dropped without a word together with the rows.
        let _ = changed.await;
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<oneshot::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt;

    use super::*;

    #[test]
    fn who_waits_for_other_rows_is_told_when_they_are_replaced() {
        let registry = Registry::default();
        let known = registry.rows().discovered();
        let mut changed = pin!(registry.changed(&known));
        assert!(changed.as_mut().now_or_never().is_none());
        registry.set(&GroupResource::new("", "boats"), Vec::new());
        assert!(changed.now_or_never().is_some());
        assert!(registry.changed(&known).now_or_never().is_some(), "what was told before is old at once");
    }
}
