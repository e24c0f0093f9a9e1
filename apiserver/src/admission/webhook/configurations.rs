//! The webhooks that the configurations of one kind name, each read once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use steersman_core::store::Revision;
use steersman_core::{Object, Result};

use super::hook::Hook;
use crate::admission::Attributes;
use crate::fetch::Hooks;
use crate::tree::Read;
use crate::watch_cache::{Changes, Collection, Selection};

/// Follows a collection of configurations.
pub(in crate::admission) struct Configurations {
    pub(super) caller: Hooks,
    collection: Arc<Collection>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How far the collection was followed; `None` before it was read.
    seen: Option<Revision>,
    /// By the names of the configurations, each with the version that it was read from.
    read: BTreeMap<String, (String, Vec<Arc<Hook>>)>,
    /// All of them, in the order in which they are asked.
    hooks: Arc<[Arc<Hook>]>,
}

impl Configurations {
    pub(in crate::admission) fn new(caller: Hooks, collection: Arc<Collection>) -> Self {
        Configurations { caller, collection, state: Mutex::default() }
    }

    /// The webhooks that may be about a write: by the names of their configurations, and as those list them.
    pub(super) fn hooks(&self, write: &Attributes<'_>) -> Arc<[Arc<Hook>]> {
        let hooks = self.current();
        if hooks.is_empty() || write.configures_admission() { Arc::default() } else { hooks }
    }

    fn current(&self) -> Arc<[Arc<Hook>]> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let revision = match self.collection.changes(state.seen) {
            Changes::None => return state.hooks.clone(),
            Changes::Some(_, revision) | Changes::All(_, revision) => revision,
        };
        state.seen = Some(revision);
        state.follow(&self.collection.list(&Selection::default(), None, 0).objects);
        state.hooks.clone()
    }
}

impl State {
    fn follow(&mut self, configurations: &[Object]) {
        let mut known = std::mem::take(&mut self.read);
        for object in configurations {
            let version = object.resource_version();
            let kept = known.remove(object.name()).filter(|(known, _)| known == version);
            let hooks = kept.map_or_else(|| read(object), |(_, hooks)| Ok(hooks));
            match hooks {
                Ok(hooks) => {
                    self.read.insert(object.name().to_owned(), (version.to_owned(), hooks));
                }
                Err(error) => tracing::warn!(?object, %error, "a configuration of webhooks cannot be read"),
            }
        }
        self.hooks = self.read.values().flat_map(|(_, hooks)| hooks).cloned().collect();
    }
}

fn read(configuration: &Object) -> Result<Vec<Arc<Hook>>> {
    let tree = configuration.to_value()?;
    let hooks = tree.items("webhooks").iter();
    Ok(hooks.map(|hook| Arc::new(Hook::read(configuration.name(), hook))).collect())
}

impl fmt::Debug for Configurations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configurations").finish_non_exhaustive()
    }
}
