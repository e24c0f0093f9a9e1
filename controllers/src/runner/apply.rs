//! Carries out actions in order, up to the first that fails, and notes what must be seen before the next look.

use std::collections::BTreeMap;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Preconditions;
use steersman_core::api::{Deletion, GetOptions, Target, WriteOptions};
use steersman_core::cache::Cache;
use steersman_core::events::About;
use steersman_core::resource::GroupVersionResource;
use steersman_core::tree::{Text, Value};
use steersman_core::{Client, Env, Error, Object, Recorder, Result};

use super::{Action, Failure, Note, Operation, Outcome};

/// How long a key is held back for its own writes to be seen, at most: how long upstream's expectations last.
const HOLD_LIMIT: Duration = Duration::from_secs(300);

/// Carries out what one controller asks for.
pub(super) struct Hands {
    pub(super) client: Client,
    pub(super) recorder: Recorder,
    pub(super) caches: Arc<BTreeMap<GroupVersionResource, Cache>>,
}

/// What the writes for one key have led to; a worker has it again and again.
#[derive(Default)]
pub(super) struct Written(Vec<Write>);

struct Write {
    resource: GroupVersionResource,
    namespace: Text,
    name: Text,
    sign: Sign,
}

/// By what a cache shows that it has seen a write.
enum Sign {
    Version(Text),
    Gone { uid: String },
}

/// What an operation has led to.
enum Done<'a> {
    /// The object is like this now.
    Stored(Object),
    /// The object of this name is not there any more; without a name, nothing was done to any.
    Away(&'a str),
}

impl Done<'_> {
    fn name(&self) -> &str {
        match self {
            Done::Stored(object) => object.name(),
            Done::Away(name) => name,
        }
    }
}

impl Hands {
    /// Carries out `outcome`; the failure that ended it, if one did.
    pub(super) async fn apply(
        &self,
        outcome: Outcome,
        about: Option<&About>,
        written: &mut Written,
    ) -> Option<Failure> {
        for action in &mut outcome.into_actions() {
            if let Some(failure) = self.act(action, about, written).await {
                return Some(failure);
            }
        }
        None
    }

    async fn act(
        &self,
        action: &mut Action,
        about: Option<&About>,
        written: &mut Written,
    ) -> Option<Failure> {
        let Action { operation, success, failure, about: own, may_be_missing, may_be_too_late, while_alive } =
            action;
        let about = own.as_ref().or(about);
        let performed = match self.check_alive(while_alive.as_ref()).await {
            Ok(()) => self.perform(operation, about, written).await,
            Err(error) => Err(error),
        };
        match performed {
            Ok(done) => {
                self.tell(about, success.as_ref(), done.name(), "");
                None
            }
            Err(error) if *may_be_missing && error.is_not_found() => None,
            Err(error) if *may_be_too_late && is_in_terminating_namespace(&error) => None,
            Err(error) => {
                let failed = operation.failed(error);
                if !failed.is_in_terminating_namespace() {
                    let name = failed.target.as_ref().map_or("", |target| target.name.as_str());
                    self.tell(about, failure.as_ref(), name, failed.error.message());
                }
                Some(failed)
            }
        }
    }

    async fn check_alive(&self, object: Option<&(Target, String)>) -> Result<()> {
        let Some((target, uid)) = object else { return Ok(()) };
        let (resource, name) = (target.resource.group_resource(), &target.name);
        let live = self.client.api().get(target, &GetOptions::default()).await?;
        if live.uid() != uid {
            let why = format!("original is gone: got uid {}, wanted {uid}", live.uid());
            return Err(Error::conflict(&resource, name, why));
        }
        if live.metadata().is_terminating() {
            return Err(Error::conflict(&resource, name, "it has just been deleted"));
        }
        Ok(())
    }

    /// Does one thing, to which the body of the operation is given away.
    async fn perform<'a>(
        &self,
        operation: &'a mut Operation,
        about: Option<&About>,
        written: &mut Written,
    ) -> Result<Done<'a>> {
        let (api, options) = (self.client.api(), WriteOptions::default());
        let (target, object) = match operation {
            Operation::Create(target, body) => {
                let name = body["metadata"]["name"].as_str().map(str::to_owned);
                let created = api.create(target, take(body), &options).await;
                if let (Err(_), Some(name)) = (&created, name) {
                    // What could not be made is known by the name that it was to have.
                    target.name = name;
                }
                (target, created?)
            }
            Operation::Update(target, body) => {
                written.bring_up_to_date(target, body);
                let updated = api.update(target, take(body), &options).await?;
                (target, updated)
            }
            Operation::Patch(target, patch) => {
                let (patch, options) = take(patch).into_patch();
                let patched = api.patch(target, patch, &options).await?;
                (target, patched)
            }
            Operation::Delete(target, options) => match api.delete(target, options).await? {
                Deletion::Pending(object) => (target, object),
                Deletion::Done(_) => {
                    written.deleted(target, options.preconditions.as_ref());
                    return Ok(Done::Away(&target.name));
                }
            },
            Operation::Event(regarding, note) => {
                self.tell(regarding.as_ref().or(about), Some(note), "", "");
                return Ok(Done::Away(""));
            }
        };
        written.wrote(target, &object);
        Ok(Done::Stored(object))
    }

    fn tell(&self, about: Option<&About>, note: Option<&Note>, name: &str, error: &str) {
        if let (Some(about), Some(note)) = (about, note) {
            self.recorder.event(about.clone(), note.kind, &note.reason, note.filled(name, error));
        }
    }

    /// Waits until the caches show all that was written, but not for ever; then it is forgotten.
    pub(super) async fn hold_back(&self, env: &Env, written: &mut Written) {
        if written.0.is_empty() {
            return;
        }
        let seen = async {
            for write in written.0.drain(..) {
                self.seen(&write).await;
            }
        };
        if env.timeout(HOLD_LIMIT, seen).await.is_err() {
            tracing::warn!("own writes were not seen for {HOLD_LIMIT:?}: going on without");
        }
    }

    async fn seen(&self, write: &Write) {
        // What the controller does not look at, it cannot see too early.
        let Write { resource, namespace, name, sign } = write;
        let Some(cache) = self.caches.get(resource) else { return };
        match sign {
            Sign::Version(version) => cache.seen(version).await,
            Sign::Gone { uid } => cache.gone(namespace, name, uid).await,
        }
    }
}

impl Written {
    fn wrote(&mut self, target: &Target, object: &Object) {
        // What a subresource such as `eviction` answers with is no object of the collection.
        let version = object.resource_version();
        if !version.is_empty() {
            self.note(target, object.name(), Sign::Version(version.into()));
        }
    }

    fn deleted(&mut self, target: &Target, preconditions: Option<&Preconditions>) {
        if let Some(uid) = preconditions.and_then(|preconditions| preconditions.uid.clone()) {
            self.note(target, &target.name, Sign::Gone { uid });
        }
    }

    fn note(&mut self, Target { resource, namespace, .. }: &Target, name: &str, sign: Sign) {
        let (namespace, name) = (namespace.into(), name.into());
        self.0.push(Write { resource: resource.clone(), namespace, name, sign });
    }

    /// Puts the version that an earlier action has left into the body of a later one on the same object.
    fn bring_up_to_date(&self, target: &Target, body: &mut Value) {
        let same = |write: &&Write| {
            (&write.resource, &*write.namespace, &*write.name)
                == (&target.resource, &*target.namespace, &*target.name)
        };
        if let Some(Write { sign: Sign::Version(version), .. }) = self.0.iter().rev().find(same) {
            body["metadata"]["resourceVersion"] = version.into();
        }
    }
}

impl Failure {
    /// Whether nothing can be created any more where it was tried: that is no reason to try again, or to complain.
    pub(super) fn is_in_terminating_namespace(&self) -> bool {
        is_in_terminating_namespace(&self.error)
    }
}

fn is_in_terminating_namespace(error: &Error) -> bool {
    error.causes().iter().any(|cause| cause.reason.as_deref() == Some("NamespaceTerminating"))
}
