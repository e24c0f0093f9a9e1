//! Remembers of a Deployment what its next looks would only find out again.
//!
//! A Deployment is looked at some twenty times while it rolls, and has ten ReplicaSets of earlier revisions by then, which
//! are empty and at rest. What is remembered of them holds for the versions that were looked at, and for as long as the
//! Deployment's spec stays as it is: a look decides the same with it as without.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetStatus};
use steersman_core::Object;
use steersman_core::resource::GroupVersionResource;
use steersman_core::selector::LabelSelector;

use super::numbers::size;
use super::revision::{has_template, number};
use crate::runner::{Key, View};
use crate::specs;

/// What is remembered of each Deployment that was looked at and is not gone; nothing while it is being looked at.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Remembered>);

type Remembered = BTreeMap<Key, Option<Known>>;

/// What is known of a Deployment in one generation, which is to say: with one spec.
#[derive(Debug)]
pub(super) struct Known {
    uid: Option<String>,
    generation: Option<i64>,
    pub(super) selector: LabelSelector,
    /// The uid and the generation of the ReplicaSet that has the Deployment's template.
    new: Option<(String, i64)>,
    pub(super) retired: Arc<Retired>,
}

/// ReplicaSets that the Deployment has, selects, and has given up: of other templates than its own, empty, and with nothing
/// to say.
#[derive(Debug, Default)]
pub(super) struct Retired {
    /// In the versions that were looked at, by name.
    pub(super) versions: Vec<Object>,
    /// The highest revision among them; 0 if there is none.
    pub(super) revision: i64,
}

impl Memory {
    /// Takes out what is known of a Deployment, for a look at it; `None` if its selector makes no sense.
    pub(super) fn take(&self, deployment: &Deployment) -> Option<Known> {
        let known = self.lock().get_mut(&Key::of_typed(deployment)).and_then(Option::take);
        known.filter(|known| known.is_of(deployment)).or_else(|| Known::nothing_but_spec(deployment))
    }

    /// Keeps what is known of a Deployment for the next look.
    pub(super) fn keep(&self, deployment: &Deployment, known: Known) {
        *self.lock().entry(Key::of_typed(deployment)).or_default() = Some(known);
    }

    /// Forgets a Deployment that is gone.
    pub(super) fn forget(&self, key: &Key) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn nothing_but_spec(deployment: &Deployment) -> Option<Self> {
        let selector = LabelSelector::from_object(Some(&specs::of_deployment(deployment)?.selector)).ok()?;
        let (uid, generation) = (deployment.metadata.uid.clone(), deployment.metadata.generation);
        Some(Known { uid, generation, selector, new: None, retired: Arc::default() })
    }

    fn is_of(&self, deployment: &Deployment) -> bool {
        self.generation.is_some()
            && self.generation == deployment.metadata.generation
            && self.uid == deployment.metadata.uid
    }

    /// Where the oldest ReplicaSet with the Deployment's template is. The one that had it has it still, if its spec is as it
    /// was.
    pub(super) fn find_new(&mut self, deployment: &Deployment, sets: &[Arc<ReplicaSet>]) -> Option<usize> {
        let template = specs::of_deployment(deployment).map(|spec| &spec.template);
        let is_known = |set: &ReplicaSet| {
            self.new.as_ref().is_some_and(|known| spec_of(set) == Some((&known.0, known.1)))
        };
        let found = sets.iter().position(|set| is_known(set) || has_template(set, template))?;
        if !is_known(&sets[found]) {
            self.new = spec_of(&sets[found]).map(|(uid, generation)| (uid.to_owned(), generation));
        }
        Some(found)
    }

    /// The Deployment's own ReplicaSets but for the retired ones, which have not been touched for long and stay so. If one of
    /// them is not there any more as it was, nothing is known of any.
    pub(super) fn own_but_retired(&mut self, view: &View) -> Vec<Arc<ReplicaSet>> {
        let uid = self.uid.as_deref().unwrap_or_default();
        let mut retired = self.retired.versions.iter().peekable();
        let own = view.owned_where(uid, |set| retired.next_if(|one| one.is_same(set)).is_none());
        if retired.next().is_none() {
            return own;
        }
        self.retired = Arc::default();
        view.owned(uid)
    }

    /// Takes those of the `old` ReplicaSets out that have retired.
    pub(super) fn retire(&mut self, view: &View, old: &mut Vec<Arc<ReplicaSet>>) {
        let (mut versions, mut revision) = (Vec::new(), self.retired.revision);
        old.retain(|set| match has_retired(set).then(|| version_of(view, set)).flatten() {
            Some(version) => {
                versions.push(version);
                revision = revision.max(number(set).unwrap_or_default());
                false
            }
            None => true,
        });
        if !versions.is_empty() {
            versions.extend_from_slice(&self.retired.versions);
            versions.sort_by(|a, b| a.name().cmp(b.name()));
            self.retired = Arc::new(Retired { versions, revision });
        }
    }
}

impl Retired {
    /// As typed objects, by name.
    pub(super) fn sets(&self) -> impl Iterator<Item = Arc<ReplicaSet>> {
        self.versions.iter().filter_map(|version| version.lean().ok())
    }
}

/// The version that a ReplicaSet was seen in; `None` for one as it is yet to be.
fn version_of(view: &View, set: &Arc<ReplicaSet>) -> Option<Object> {
    let Key { namespace, name } = Key::of_typed(&**set);
    let version = view.cache(&GroupVersionResource::of::<ReplicaSet>()).get(&namespace, &name)?;
    version.lean().is_ok_and(|seen| Arc::ptr_eq(&seen, set)).then_some(version)
}

/// By what the spec of a ReplicaSet is recognised: its uid and its generation.
fn spec_of(set: &ReplicaSet) -> Option<(&str, i64)> {
    Some((set.metadata.uid.as_deref()?, set.metadata.generation?))
}

/// Whether an old ReplicaSet is empty, has nothing under way, and nothing to say.
fn has_retired(set: &ReplicaSet) -> bool {
    let at_rest = |status: &ReplicaSetStatus| {
        let counts = [status.ready_replicas, status.available_replicas, status.terminating_replicas];
        status.replicas == 0
            && counts.into_iter().flatten().all(|count| count == 0)
            && status.terminating_replicas.is_some()
            && status.observed_generation >= set.metadata.generation
            && status.conditions.as_ref().is_none_or(Vec::is_empty)
    };
    size(set) == 0 && set.metadata.deletion_timestamp.is_none() && set.status.as_ref().is_some_and(at_rest)
}
