//! Finds or makes the ReplicaSet of the current template, and numbers templates by revisions.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use steersman_core::error::Reason;
use steersman_core::events::EventType;
use steersman_core::owner::{controller_reference, is_controlled_by};
use steersman_core::versions::given;

use super::numbers::progress_deadline_seconds;
use super::rollout::{Rollout, annotate_replicas};
use super::status::{self, progressing};
use crate::runner::{Failure, Outcome, View};
use crate::specs;
use crate::template::hash;

const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const HASH: &str = "pod-template-hash";

/// How many bytes the history of one ReplicaSet's revisions may have.
const HISTORY_LIMIT: usize = 2000;

/// The longest name an object can have.
const NAME_LIMIT: usize = 253;

/// Annotations that belong to one of both objects and are not handed on.
pub(super) const NOT_COPIED: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    super::numbers::DESIRED,
    super::numbers::MAX,
    super::rollback::ASKED,
];

/// The annotations of a ReplicaSet, which mostly stay as they are.
type Annotations<'a> = Cow<'a, BTreeMap<String, String>>;

/// Whether a ReplicaSet is of that template.
pub(super) fn has_template(set: &ReplicaSet, wanted: Option<&PodTemplateSpec>) -> bool {
    let template = specs::of_set(set).and_then(|spec| spec.template.as_ref());
    template.zip(wanted).is_some_and(|(template, wanted)| make_the_same_pods(template, wanted))
}

/// Whether two templates differ in nothing but the label with the hash. Most differ in what their containers are.
pub(super) fn make_the_same_pods(one: &PodTemplateSpec, other: &PodTemplateSpec) -> bool {
    one.spec == other.spec && are_described_alike(one.metadata.as_ref(), other.metadata.as_ref())
}

/// Where there are no labels or annotations, that may be written in two ways.
fn are_described_alike(one: Option<&ObjectMeta>, other: Option<&ObjectMeta>) -> bool {
    let none = ObjectMeta::default();
    let (one, other) = (one.unwrap_or(&none), other.unwrap_or(&none));
    labels_but_hash(one).eq(labels_but_hash(other))
        && one.annotations.iter().flatten().eq(other.annotations.iter().flatten())
        && has_the_same_rest(one, other)
}

fn labels_but_hash(metadata: &ObjectMeta) -> impl Iterator<Item = (&String, &String)> {
    metadata.labels.iter().flatten().filter(|(key, _)| *key != HASH)
}

/// The time of creation is left out: the API server has put it there, or has not, and it says nothing about the pods.
fn has_the_same_rest(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    one.deletion_grace_period_seconds == other.deletion_grace_period_seconds
        && one.deletion_timestamp == other.deletion_timestamp
        && one.finalizers == other.finalizers
        && one.generate_name == other.generate_name
        && one.generation == other.generation
        && one.managed_fields == other.managed_fields
        && one.name == other.name
        && one.namespace == other.namespace
        && one.owner_references == other.owner_references
        && one.resource_version == other.resource_version
        && one.self_link == other.self_link
        && one.uid == other.uid
}

/// The revision of a ReplicaSet; 0 if it has none.
pub(super) fn number(set: &ReplicaSet) -> Option<i64> {
    match set.metadata.annotations.as_ref().and_then(|annotations| annotations.get(REVISION)) {
        None => Some(0),
        Some(text) => text.parse().ok(),
    }
}

impl Rollout<'_> {
    /// Brings the revision, the annotations and `minReadySeconds` of the new ReplicaSet, if there is one, up to
    /// date, and the revision of the Deployment.
    pub(super) fn find_revisions(&mut self) {
        let Some(new) = self.new.clone() else { return };
        let none = BTreeMap::new();
        let mut annotations = Cow::Borrowed(new.metadata.annotations.as_ref().unwrap_or(&none));
        let annotated = annotate(&self.deployment, &mut annotations, self.next_revision());
        let wanted = specs::of_deployment(&self.deployment).and_then(|spec| spec.min_ready_seconds);
        let known = specs::of_set(&new).and_then(|spec| spec.min_ready_seconds);
        if let Some(revision) = annotations.get(REVISION) {
            self.set_revision(revision);
        }
        if annotated || known.unwrap_or_default() != wanted.unwrap_or_default() {
            let mut changed = ReplicaSet::clone(&new);
            changed.metadata.annotations = Some(annotations.into_owned());
            specs::change(&mut changed, |spec| spec.min_ready_seconds = wanted);
            self.outcome.update(&changed);
            self.replace(changed);
        }
        if progress_deadline_seconds(&self.deployment).is_some() && progressing(&self.deployment).is_none() {
            let message = format!("Found new replica set {:?}", name(&new));
            self.note_progress("True", "FoundNewReplicaSet", message);
        }
    }

    /// Makes the ReplicaSet of the current template if there is none; it starts with `size` pods. Says whether it
    /// was made.
    pub(super) fn ensure_new(&mut self, size: impl Fn(&Self) -> i32) -> bool {
        if self.new.is_some() {
            return false;
        }
        let mut set = make(&self.deployment);
        let replicas = size(self);
        specs::change(&mut set, |spec| spec.replicas = Some(replicas));
        let revision = self.next_revision();
        let mut annotations = Cow::default();
        annotate(&self.deployment, &mut annotations, revision);
        set.metadata.annotations = Some(annotations.into_owned());
        annotate_replicas(&mut set, &self.deployment);
        let create = self.outcome.create(&set);
        if replicas > 0 {
            let message = format!("Scaled up replica set {} from 0 to {replicas}", name(&set));
            create.on_success(EventType::Normal, "ScalingReplicaSet", message);
        }
        self.set_revision(&revision.to_string());
        if progress_deadline_seconds(&self.deployment).is_some() {
            let message = format!("Created new replica set {:?}", name(&set));
            self.note_progress("True", "NewReplicaSetCreated", message);
        }
        self.new = Some(Arc::new(set));
        true
    }

    fn next_revision(&self) -> i64 {
        self.old.iter().filter_map(|set| number(set)).fold(self.retired.revision, i64::max) + 1
    }

    fn set_revision(&mut self, revision: &str) {
        let annotations = self.deployment.metadata.annotations.as_ref();
        if annotations.and_then(|annotations| annotations.get(REVISION)).map(String::as_str) != Some(revision)
        {
            let annotations = self.deployment.to_mut().metadata.annotations.get_or_insert_default();
            annotations.insert(REVISION.to_owned(), revision.to_owned());
        }
    }

    /// How many pods the new ReplicaSet of a rolling Deployment may have now.
    pub(super) fn new_size(&self) -> i32 {
        let wanted = super::numbers::replicas(&self.deployment);
        if !super::numbers::is_rolling(&self.deployment) {
            return wanted;
        }
        let current = self.new.as_ref().map_or(0, |set| self.size(set));
        let total: i32 = self.all().map(|set| self.size(set)).sum();
        let room = wanted.saturating_add(super::numbers::max_surge(&self.deployment)) - total;
        if room <= 0 { current } else { current + room.min(wanted - current) }
    }
}

/// The ReplicaSet of a Deployment's template.
fn make(deployment: &Deployment) -> ReplicaSet {
    let spec = specs::of_deployment(deployment).cloned().unwrap_or_default();
    let collisions = deployment.status.as_ref().and_then(|status| status.collision_count);
    let hash = hash(&spec.template, collisions);
    let mut template = spec.template;
    let labels = &mut template.metadata.get_or_insert_default().labels;
    labels.get_or_insert_default().insert(HASH.to_owned(), hash.clone());
    let mut deployment_name = deployment.metadata.name.clone().unwrap_or_default();
    deployment_name.truncate(NAME_LIMIT - hash.len() - 1);
    ReplicaSet {
        metadata: ObjectMeta {
            name: Some(format!("{deployment_name}-{hash}")),
            namespace: deployment.metadata.namespace.clone(),
            labels: labels.clone(),
            owner_references: Some(vec![controller_reference(deployment)]),
            ..ObjectMeta::default()
        },
        spec: given(ReplicaSetSpec {
            min_ready_seconds: spec.min_ready_seconds,
            replicas: None,
            selector: with_hash(spec.selector, hash),
            template: Some(template),
        }),
        status: None,
    }
}

fn with_hash(mut selector: LabelSelector, hash: String) -> LabelSelector {
    selector.match_labels.get_or_insert_default().insert(HASH.to_owned(), hash);
    selector
}

fn name(set: &ReplicaSet) -> &str {
    set.metadata.name.as_deref().unwrap_or_default()
}

/// Hands the Deployment's annotations on to its new ReplicaSet and numbers it; says whether anything is new. A
/// ReplicaSet whose number rises, because its template was rolled back to, keeps its old numbers as its history.
fn annotate(deployment: &Deployment, annotations: &mut Annotations<'_>, revision: i64) -> bool {
    let mut changed = false;
    for (key, value) in deployment.metadata.annotations.iter().flatten() {
        if !NOT_COPIED.contains(&key.as_str()) && annotations.get(key) != Some(value) {
            annotations.to_mut().insert(key.clone(), value.clone());
            changed = true;
        }
    }
    let old = annotations.get(REVISION).map(String::as_str);
    let old_number = match old.map(str::parse::<i64>) {
        None => 0,
        Some(Ok(number)) => number,
        Some(Err(_)) if old == Some("") => 0,
        // Somebody has written nonsense there: upstream leaves such a ReplicaSet alone.
        Some(Err(_)) => return false,
    };
    if old_number >= revision {
        return changed;
    }
    let history = annotations.get(HISTORY).map_or("", String::as_str);
    let history = old.and_then(|old| extend_history(history, old));
    let annotations = annotations.to_mut();
    annotations.insert(REVISION.to_owned(), revision.to_string());
    annotations.extend(history.map(|history| (HISTORY.to_owned(), history)));
    true
}

/// A history with one more revision, without its oldest ones if it would be too long; `None` if it would still be.
fn extend_history(history: &str, revision: &str) -> Option<String> {
    if history.is_empty() {
        return Some(revision.to_owned());
    }
    let mut rest = history;
    while rest.len() + 1 + revision.len() > HISTORY_LIMIT {
        rest = rest.split_once(',').map(|(_, rest)| rest)?;
    }
    Some(format!("{rest},{revision}"))
}

/// What to write down when the new ReplicaSet could not be made: another one may have its name, by a collision of
/// hashes, or the API may have refused it.
pub(super) fn not_created(view: &View, deployment: &Deployment, failure: &Failure) -> Outcome {
    let Some(target) = &failure.target else { return Outcome::done() };
    let name = &target.name;
    let mut changed = deployment.clone();
    let mut outcome = Outcome::done();
    if failure.error.reason() == Reason::AlreadyExists {
        let existing = view.get::<ReplicaSet>(&target.namespace, name);
        // If it is not seen yet, or is the one that was to be made, the next look finds it.
        if existing.is_some_and(|set| !is_the_one(deployment, &set)) {
            let count = &mut changed.status.get_or_insert_default().collision_count;
            *count = Some(count.unwrap_or_default().saturating_add(1));
            outcome.update_status(&changed, &changed.status);
        }
        return outcome;
    }
    let message = format!("Failed to create new replica set {name:?}: {}", failure.error);
    if progress_deadline_seconds(deployment).is_some() {
        status::set_progress(&mut changed, "False", "ReplicaSetCreateError", message.clone(), view.now());
        if changed != *deployment {
            outcome.update_status(&changed, &changed.status);
        }
    }
    outcome.event(EventType::Warning, "ReplicaSetCreateError", message);
    outcome
}

fn is_the_one(deployment: &Deployment, set: &ReplicaSet) -> bool {
    let template = specs::of_deployment(deployment).map(|spec| &spec.template);
    is_controlled_by(&set.metadata, deployment) && has_template(set, template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_drops_its_oldest_revisions_when_it_is_too_long() {
        assert_eq!(extend_history("", "1").as_deref(), Some("1"));
        assert_eq!(extend_history("1,3", "5").as_deref(), Some("1,3,5"));
        let long = (0..600).map(|_| "100").collect::<Vec<_>>().join(",");
        let extended = extend_history(&long, "5").unwrap();
        assert!(extended.len() <= HISTORY_LIMIT && extended.ends_with(",100,5"));
        assert_eq!(extend_history("1", &"9".repeat(HISTORY_LIMIT + 1)), None);
    }
}
