//! Decides which objects an owner has: its own that match its selector, and matching orphans, which it adopts.
//!
//! The counterpart of upstream's `PodControllerRefManager` and its siblings.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use steersman_core::Resource;
use steersman_core::cache::{Change, Index};
use steersman_core::owner::controller_reference;
use steersman_core::selector::LabelSelector;
use steersman_core::tree::json;

use crate::runner::{Key, Outcome, View};

/// Finds what nobody controls, by namespace.
pub(crate) const ORPHANS: Index = Index::new("orphans", |object, found| {
    let metadata = object.metadata();
    if metadata.controller().is_none() {
        found(&metadata.namespace);
    }
});

/// Those of the owner's `own` objects and of the orphans in its namespace that are `wanted` and match. Orphans among them
/// are adopted, own objects that do not match are released; nothing changes hands while the owner is being deleted.
pub(crate) fn claim<O: Resource, K: Resource>(
    view: &View,
    owner: &O,
    own: Vec<Arc<K>>,
    selector: &LabelSelector,
    wanted: impl Fn(&K) -> bool,
    outcome: &mut Outcome,
) -> Vec<Arc<K>> {
    let metadata = owner.metadata();
    let dying = metadata.deletion_timestamp.is_some();
    let mut claimed = own;
    claimed.retain(|own| wanted(own));
    let strangers: Vec<Arc<K>> = claimed.extract_if(.., |own| !matches(selector, own.metadata())).collect();
    if dying {
        return claimed;
    }
    strangers.iter().for_each(|stranger| release(owner, &**stranger, outcome));
    let orphans = view.by::<K>(&ORPHANS, metadata.namespace.as_deref().unwrap_or_default());
    let adoptable = |orphan: &Arc<K>| {
        wanted(orphan)
            && matches(selector, orphan.metadata())
            && orphan.metadata().deletion_timestamp.is_none()
    };
    for orphan in orphans.into_iter().filter(adoptable) {
        adopt(owner, &*orphan, outcome);
        claimed.push(Arc::new(owned_by(owner, &*orphan)));
    }
    claimed
}

/// The keys of those that would adopt the changed object if it is, or has become, an orphan.
pub(crate) fn adopters<O: Resource>(
    view: &View,
    change: &Change,
    selector: impl Fn(&O) -> Option<LabelSelector>,
) -> Vec<Key> {
    let Some(orphan) = change.now().filter(|object| object.metadata().controller().is_none()) else {
        return Vec::new();
    };
    let (labels, owners) = (&orphan.metadata().labels, &orphan.metadata().owner_references);
    let same = |before: &steersman_core::Object| {
        before.metadata().labels == *labels && before.metadata().owner_references == *owners
    };
    if labels.is_empty() || change.before().is_some_and(same) {
        return Vec::new();
    }
    let willing = view.in_namespace::<O>(orphan.namespace());
    let willing =
        willing.iter().filter(|owner| selector(owner).is_some_and(|selector| selector.matches(labels)));
    willing.map(|owner| Key::of_typed(&**owner)).collect()
}

/// Whether an object with this metadata has matching labels.
pub(crate) fn matches(selector: &LabelSelector, metadata: &ObjectMeta) -> bool {
    match &metadata.labels {
        Some(labels) => selector.matches(labels),
        None => selector.matches(&BTreeMap::new()),
    }
}

fn adopt<O: Resource, K: Resource>(owner: &O, orphan: &K, outcome: &mut Outcome) {
    let patch = json!({"metadata": {
        "uid": orphan.metadata().uid,
        "ownerReferences": [controller_reference(owner)],
    }});
    outcome.strategic(orphan, patch).may_be_missing().while_alive(owner);
}

/// An orphan as it will be once it is adopted: what is written of it later in the same look keeps its owner.
fn owned_by<O: Resource, K: Resource>(owner: &O, orphan: &K) -> K {
    let (mut owned, reference) = (orphan.clone(), controller_reference(owner));
    let owners = owned.metadata_mut().owner_references.get_or_insert_default();
    owners.retain(|other| other.uid != reference.uid);
    owners.push(reference);
    owned
}

fn release<O: Resource, K: Resource>(owner: &O, stranger: &K, outcome: &mut Outcome) {
    let patch = json!({"metadata": {
        "uid": stranger.metadata().uid,
        "ownerReferences": [{"$patch": "delete", "uid": owner.metadata().uid}],
    }});
    outcome.strategic(stranger, patch).may_be_missing();
}
