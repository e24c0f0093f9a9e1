//! What a controller asks for: actions in order, and when to be asked again.

use std::borrow::Cow;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions};
use serde::Serialize;
use steersman_core::Resource;
use steersman_core::api::{Patch, Target, WriteOptions};
use steersman_core::error::Error;
use steersman_core::events::{About, EventType};
use steersman_core::object::to_value;
use steersman_core::resource::GroupVersionResource;
use steersman_core::tree::{Text, Value, json};

/// What should be done about an object.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Outcome {
    actions: Vec<Action>,
    requeue_after: Option<Duration>,
}

/// One thing to do, and what to tell about it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Action {
    /// What to do.
    pub operation: Operation,
    /// An event for when it is done.
    pub success: Option<Note>,
    /// An event for when it has failed.
    pub failure: Option<Note>,
    /// What the events are about, if not the reconciled object.
    pub about: Option<About>,
    /// Whether it is as good as done if the object does not exist (any more).
    pub may_be_missing: bool,
    /// Whether it is as good as done if nothing can be created any more, as the namespace is being deleted.
    pub may_be_too_late: bool,
    /// The object that must be there, with this uid and not being deleted, when the server is asked just before.
    pub while_alive: Option<(Target, String)>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Creates an object, or posts to a subresource.
    Create(Target, Value),
    /// Replaces an object or a subresource. Where an earlier action of the same outcome has written the object, its
    /// new version is filled in.
    Update(Target, Value),
    /// Changes an object or a subresource.
    Patch(Target, PatchBody),
    /// Deletes an object.
    Delete(Target, DeleteOptions),
    /// Records an event, about the reconciled object if about nothing else.
    Event(Option<About>, Note),
}

/// A change to an object, as an action carries it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PatchBody {
    /// RFC 7386.
    Merge(Value),
    /// Strategic merge.
    Strategic(Value),
    /// RFC 6902.
    Json(Value),
    /// Server-side apply: what this manager wants of the object, taken over from others where they own it.
    Apply {
        /// Under which name the fields are owned.
        manager: &'static str,
        /// The fields.
        wanted: Value,
    },
}

/// An event to record. In the message, `{name}` stands for the name of the object that was acted on, and `{error}`
/// for what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether it is good or bad news.
    pub kind: EventType,
    /// One CamelCase word.
    pub reason: Text,
    /// A sentence.
    pub message: Text,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verb {
    /// It creates an object.
    Create,
    /// It replaces one.
    Update,
    /// It changes one.
    Patch,
    /// It deletes one.
    Delete,
    /// It records an event.
    Event,
}

/// An action that failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What was tried.
    pub verb: Verb,
    /// What it was tried on, by the name that it has or was to have; nothing for an event.
    pub target: Option<Target>,
    /// Why it failed.
    pub error: Error,
}

impl Outcome {
    /// Nothing to do.
    pub fn done() -> Self {
        Self::default()
    }

    /// Creates an object in the namespace that its metadata names.
    ///
    /// # Panics
    /// If the object cannot be encoded; that goes for all methods that take a typed object.
    pub fn create<K: Resource>(&mut self, object: &K) -> &mut Action {
        let target = Target { name: String::new(), ..target(object) };
        self.push(Operation::Create(target, encode(object)))
    }

    /// Replaces an object; fails with a conflict if it has changed since it was seen.
    pub fn update<K: Resource>(&mut self, object: &K) -> &mut Action {
        self.push(Operation::Update(target(object), encode(object)))
    }

    /// Replaces an object by what `change` makes of its JSON; fails with a conflict if it has changed since it was seen.
    pub fn update_with<K: Resource>(&mut self, object: &K, change: impl FnOnce(&mut Value)) -> &mut Action {
        let mut tree = encode(object);
        change(&mut tree);
        self.push(Operation::Update(target(object), tree))
    }

    /// Replaces the status of an object, and its annotations; fails with a conflict if it has changed since it was seen.
    /// Nothing else of the object is sent: through this door the server leaves the rest as it is.
    pub fn update_status<K: Resource>(&mut self, object: &K, status: &impl Serialize) -> &mut Action {
        let body = json!({
            "apiVersion": K::API_VERSION, "kind": K::KIND, "metadata": object.metadata(), "status": status
        });
        self.push(Operation::Update(target(object).subresource("status"), body))
    }

    /// Changes an object, by a merge patch (RFC 7386).
    pub fn merge<K: Resource>(&mut self, object: &K, patch: Value) -> &mut Action {
        self.push(Operation::Patch(target(object), PatchBody::Merge(patch)))
    }

    /// Changes an object, by a strategic merge patch.
    pub fn strategic<K: Resource>(&mut self, object: &K, patch: Value) -> &mut Action {
        self.push(Operation::Patch(target(object), PatchBody::Strategic(patch)))
    }

    /// Has `manager` own the fields of an object that it wants, and give up those that it wanted before and no longer
    /// does. `wanted` needs neither kind nor name.
    pub fn apply<K: Resource>(
        &mut self,
        object: &K,
        manager: &'static str,
        mut wanted: Value,
    ) -> &mut Action {
        let target = target(object);
        wanted["apiVersion"] = K::API_VERSION.into();
        wanted["kind"] = K::KIND.into();
        wanted["metadata"]["name"] = target.name.as_str().into();
        self.push(Operation::Patch(target, PatchBody::Apply { manager, wanted }))
    }

    /// Deletes an object with the defaults of its kind, if it is still the one that was seen (by uid). It may be
    /// gone already.
    pub fn delete<K: Resource>(&mut self, object: &K) -> &mut Action {
        self.delete_with(object, DeleteOptions::default())
    }

    /// Deletes an object, if it is still the one that was seen (by uid). It may be gone already.
    pub fn delete_with<K: Resource>(&mut self, object: &K, mut options: DeleteOptions) -> &mut Action {
        let preconditions = options.preconditions.get_or_insert_with(Preconditions::default);
        preconditions.uid = object.metadata().uid.clone();
        self.push(Operation::Delete(target(object), options)).may_be_missing()
    }

    /// Records an event about the reconciled object.
    pub fn event(&mut self, kind: EventType, reason: &str, message: impl Into<Text>) {
        self.push(Operation::Event(None, Note::new(kind, reason, message)));
    }

    /// Records an event about another object.
    pub fn event_about<K: Resource>(
        &mut self,
        object: &K,
        kind: EventType,
        reason: &str,
        message: impl Into<Text>,
    ) {
        self.push(Operation::Event(Some(About::of_typed(object)), Note::new(kind, reason, message)));
    }

    /// Does anything else: on a subresource, or on a kind that has no Rust type.
    pub fn push(&mut self, operation: Operation) -> &mut Action {
        self.actions.push(Action {
            operation,
            success: None,
            failure: None,
            about: None,
            may_be_missing: false,
            may_be_too_late: false,
            while_alive: None,
        });
        self.actions.last_mut().expect("it was pushed just now")
    }

    /// Adds what another outcome asks for, after what this one does.
    pub fn extend(&mut self, other: Outcome) {
        self.actions.extend(other.actions);
        if let Some(delay) = other.requeue_after {
            self.requeue_after(delay);
        }
    }

    /// Asks to be called again after `delay` at the latest. The earliest of several requests counts.
    pub fn requeue_after(&mut self, delay: Duration) {
        self.requeue_after = Some(self.requeue_after.map_or(delay, |earlier| earlier.min(delay)));
    }

    /// The actions, in order.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// When to be asked again, if not only after changes.
    pub fn requeue(&self) -> Option<Duration> {
        self.requeue_after
    }

    /// Whether an action may record an event.
    pub(super) fn tells(&self) -> bool {
        self.actions.iter().any(|action| {
            let is_event = matches!(action.operation, Operation::Event(..));
            is_event || action.success.is_some() || action.failure.is_some()
        })
    }

    pub(super) fn into_actions(self) -> Vec<Action> {
        self.actions
    }
}

impl Action {
    /// Records an event when it is done.
    pub fn on_success(&mut self, kind: EventType, reason: &str, message: impl Into<Text>) -> &mut Self {
        self.success = Some(Note::new(kind, reason, message));
        self
    }

    /// Records an event when it has failed.
    pub fn on_failure(&mut self, kind: EventType, reason: &str, message: impl Into<Text>) -> &mut Self {
        self.failure = Some(Note::new(kind, reason, message));
        self
    }

    /// Records its events about `object`, rather than the reconciled one.
    pub fn telling_of<K: Resource>(&mut self, object: &K) -> &mut Self {
        self.about = Some(About::of_typed(object));
        self
    }

    /// Counts as done if the object does not exist (any more).
    pub fn may_be_missing(&mut self) -> &mut Self {
        self.may_be_missing = true;
        self
    }

    /// Counts as done if its namespace is being deleted, so that nothing can be created there any more.
    pub fn may_be_too_late(&mut self) -> &mut Self {
        self.may_be_too_late = true;
        self
    }

    /// Fails if the server, when asked just before, says that `object` is gone, replaced, or being deleted. A cache
    /// may not know that yet; what is adopted by an owner that is going away goes away with it.
    pub fn while_alive<K: Resource>(&mut self, object: &K) -> &mut Self {
        self.while_alive = Some((target(object), object.metadata().uid.clone().unwrap_or_default()));
        self
    }
}

impl Operation {
    /// What it acts on; nothing for an event.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Operation::Create(target, _)
            | Operation::Update(target, _)
            | Operation::Patch(target, _)
            | Operation::Delete(target, _) => Some(target),
            Operation::Event(..) => None,
        }
    }

    fn verb(&self) -> Verb {
        match self {
            Operation::Create(..) => Verb::Create,
            Operation::Update(..) => Verb::Update,
            Operation::Patch(..) => Verb::Patch,
            Operation::Delete(..) => Verb::Delete,
            Operation::Event(..) => Verb::Event,
        }
    }

    /// What is to be known of it once it has failed.
    pub(crate) fn failed(&self, error: Error) -> Failure {
        let mut target = self.target().cloned();
        if let (Operation::Create(_, body), Some(target)) = (self, &mut target)
            && let Some(name) = body["metadata"]["name"].as_str()
        {
            name.clone_into(&mut target.name);
        }
        Failure { verb: self.verb(), target, error }
    }
}

impl Default for PatchBody {
    /// Changes nothing.
    fn default() -> Self {
        PatchBody::Merge(Value::Null)
    }
}

impl PatchBody {
    pub(super) fn into_patch(self) -> (Patch, WriteOptions) {
        let plain = WriteOptions::default();
        match self {
            PatchBody::Merge(value) => (Patch::Merge(value), plain),
            PatchBody::Strategic(value) => (Patch::Strategic(value), plain),
            PatchBody::Json(value) => (Patch::Json(value), plain),
            PatchBody::Apply { manager, wanted } => {
                let manager = WriteOptions { field_manager: manager.to_owned(), force: true, ..plain };
                (Patch::Apply(wanted), manager)
            }
        }
    }
}

impl Note {
    /// A note.
    pub fn new(kind: EventType, reason: &str, message: impl Into<Text>) -> Self {
        Note { kind, reason: reason.into(), message: message.into() }
    }

    /// The message, with what its places stand for.
    pub(super) fn filled(&self, name: &str, error: &str) -> String {
        let mut filled = Cow::Borrowed(self.message.as_str());
        for (place, text) in [("{name}", name), ("{error}", error)] {
            if filled.contains(place) {
                filled = filled.replace(place, text).into();
            }
        }
        filled.into_owned()
    }
}

impl Failure {
    /// Whether it was the creation of an object of `K`.
    pub fn is_create_of<K: Resource>(&self) -> bool {
        self.verb == Verb::Create && self.is_about::<K>()
    }

    /// Whether it was the deletion of an object of `K`.
    pub fn is_delete_of<K: Resource>(&self) -> bool {
        self.verb == Verb::Delete && self.is_about::<K>()
    }

    fn is_about<K: Resource>(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.resource == GroupVersionResource::of::<K>())
    }
}

fn target<K: Resource>(object: &K) -> Target {
    let ObjectMeta { name, namespace, .. } = object.metadata();
    Target::all(GroupVersionResource::of::<K>())
        .in_namespace(namespace.clone().unwrap_or_default())
        .named(name.clone().unwrap_or_default())
}

fn encode<K: Resource>(object: &K) -> Value {
    to_value(object).expect("every typed object has a JSON form")
}
