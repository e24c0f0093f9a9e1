//! Deletes objects: at once, after a time of grace, or once their last finalizer is gone.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Status, StatusDetails};
use steersman_core::api::{Deletion, Target};
use steersman_core::error::STALE;
use steersman_core::field::{self, Path};
use steersman_core::resource::{GroupResource, GroupVersionKind};
use steersman_core::tree::Value;
use steersman_core::{Error, Object, Result};

use super::commit::{Current, Draft, Outcome};
use super::request::{Passage, Request};
use super::{Caller, Core, finalizers, grace};
use crate::admission::{Operation, Options};
use crate::encode;
use crate::ownership::Owners;

/// How often a delete starts again because others were faster.
const ROUNDS: usize = 100;

/// What a delete led to.
pub(crate) struct Deleted {
    /// The object: its last state if it is gone, else how it waits for its end.
    pub(crate) object: Object,
    /// Whether it is gone.
    pub(crate) gone: bool,
}

impl Core {
    /// Deletes an object.
    pub(crate) async fn delete(
        &self,
        caller: &Caller,
        target: &Target,
        options: &DeleteOptions,
    ) -> Result<Deleted> {
        self.open(caller, target, "delete")?.delete_wholly(options).await
    }

    /// The same as a part of a request that has passed admission.
    pub(super) async fn delete_admitted(
        &self,
        caller: &Caller,
        target: &Target,
        options: &DeleteOptions,
    ) -> Result<Deleted> {
        let mut request = self.open(caller, target, "delete")?;
        request.passage = Passage::Done;
        request.delete_wholly(options).await
    }
}

impl<'a> Request<'a> {
    async fn delete_wholly(mut self, options: &'a DeleteOptions) -> Result<Deleted> {
        check_options(options)?;
        if let Some(why) = self.row.strategy.forbids_deletion(&self.target.name) {
            return Err(Error::forbidden(&self.resource(), &self.target.name, why));
        }
        (self.dry_run, self.options) = (is_dry_run(options), Options::Delete(options));
        self.warn_of_dependents(options);
        let (object, gone) = self.delete(options).await?;
        self.settle(gone).await?;
        let object = self.core.shown(&self.row, object).await?;
        Ok(Deleted { object, gone })
    }
}

enum Round {
    Done(Object, bool),
    Again(Option<Current>),
}

/// What a delete makes of an object.
pub(super) enum Plan {
    /// It stays as it is: its deletion is under way.
    Nothing,
    /// It stays, changed, until whoever holds it lets go.
    Mark(Value),
    /// It is marked, so that everybody sees it end, and goes.
    MarkAndRemove(Value),
    /// It goes.
    Remove,
}

impl Request<'_> {
    /// Warns whoever does not say what becomes of the dependents, where that is not what he may think.
    pub(super) fn warn_of_dependents(&mut self, options: &DeleteOptions) {
        let says_what_follows = options.propagation_policy.is_some() || options.orphan_dependents.is_some();
        let warning = self.row.strategy.unsaid_propagation_warning();
        self.warnings.extend(warning.filter(|_| !says_what_follows));
    }

    /// Deletes an object: its last state if it is gone, else how it waits for its end; and whether it is gone.
    pub(super) async fn delete(&mut self, options: &DeleteOptions) -> Result<(Object, bool)> {
        let row = self.row.clone();
        let collection = row.stored("delete")?;
        let mut current = self.core.newest(collection, &self.key()).await?;
        for _ in 0..ROUNDS {
            let Some(old) = &current else {
                return Err(Error::not_found(&self.resource(), &self.target.name));
            };
            match self.delete_version(old, options).await? {
                Round::Done(object, gone) => return Ok((object, gone)),
                Round::Again(newer) => current = newer,
            }
        }
        Err(Error::conflict(&self.resource(), &self.target.name, STALE))
    }

    async fn delete_version(&mut self, old: &Current, options: &DeleteOptions) -> Result<Round> {
        self.check_preconditions(old, options)?;
        let plan = self.plan(old, options)?;
        if self.passage != Passage::Done && !matches!(plan, Plan::Nothing) {
            let (mut nothing, mut nobody) = (Value::Null, Owners::default());
            self.mutate(Operation::Delete, &mut nothing, &mut nobody, Some(old), "").await?;
            self.check(Operation::Delete, &mut nothing, &mut nobody, Some(old)).await?;
        }
        match plan {
            Plan::Nothing => Ok(Round::Done(old.object.clone(), false)),
            Plan::Mark(tree) => self.mark(tree, old).await,
            Plan::MarkAndRemove(tree) => match self.mark(tree, old).await? {
                Round::Done(object, _) if !self.dry_run => {
                    self.remove(&self.core.current(object, || old.key.clone())?).await
                }
                other => Ok(other),
            },
            Plan::Remove => self.remove(old).await,
        }
    }

    fn plan(&self, old: &Current, options: &DeleteOptions) -> Result<Plan> {
        let strategy = &*self.row.strategy;
        let mut tree = old.tree.clone();
        let grace = grace::apply(&mut tree, old.object.metadata(), strategy, options, self.now);
        if grace == grace::Grace::Pending {
            return Ok(Plan::Nothing);
        }
        finalizers::apply(&mut tree, old.object.metadata(), strategy, options);
        if !old.object.metadata().is_terminating() {
            strategy.prepare_delete(&mut tree, &self.context());
        }
        let is_held_by_kind = strategy.holds_deletion(&tree);
        let is_held = finalizers::any(&tree) || is_held_by_kind;
        if is_held_by_kind && old.object.metadata().is_terminating() {
            return Ok(Plan::Nothing);
        }
        if is_held_by_kind {
            grace::end_now(&mut tree, self.now);
        } else if grace == grace::Grace::None && is_held {
            grace::mark(&mut tree, old.object.metadata(), self.now);
        }
        let stays = is_held || matches!(grace, grace::Grace::Seconds(seconds) if seconds > 0);
        Ok(match (stays, grace) {
            (true, _) => Plan::Mark(tree),
            (false, grace::Grace::Seconds(_)) => Plan::MarkAndRemove(tree),
            (false, _) => Plan::Remove,
        })
    }

    async fn mark(&mut self, tree: Value, old: &Current) -> Result<Round> {
        if tree == old.tree {
            return Ok(Round::Done(old.object.clone(), false));
        }
        if self.dry_run {
            let unstored = encode::unstored(&tree, &old.owners)?;
            return Ok(Round::Done(encode::stamped(&unstored, old.revision)?, false));
        }
        let row = self.row.clone();
        let collection = row.stored("delete")?;
        let draft = Draft::new(tree, old.owners.clone())?;
        match self.core.put_over(&row, collection, draft, old).await? {
            Outcome::Stored(object) => Ok(Round::Done(object, false)),
            Outcome::Lost(newer) => Ok(Round::Again(newer)),
        }
    }

    async fn remove(&mut self, old: &Current) -> Result<Round> {
        if self.dry_run {
            return Ok(Round::Done(old.object.clone(), true));
        }
        match self.core.remove(old).await? {
            Outcome::Stored(object) => {
                self.row.strategy.release(&old.tree, None);
                Ok(Round::Done(object, true))
            }
            Outcome::Lost(newer) => Ok(Round::Again(newer)),
        }
    }

    fn check_preconditions(&self, old: &Current, options: &DeleteOptions) -> Result<()> {
        let Some(wanted) = &options.preconditions else { return Ok(()) };
        let kind = GroupResource::new(self.row.kind.group.clone(), self.row.kind.kind.clone());
        let refuse = |why: String| Err(Error::conflict(&kind, &self.target.name, why));
        let found = &old.object;
        if let Some(uid) = wanted.uid.as_deref().filter(|uid| *uid != found.uid()) {
            return refuse(format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have \
                 been deleted and then recreated",
                found.uid()
            ));
        }
        match wanted.resource_version.as_deref() {
            Some(version) if version != found.resource_version() => refuse(format!(
                "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record \
                 ({}). The object might have been modified",
                found.resource_version()
            )),
            _ => Ok(()),
        }
    }
}

impl Deleted {
    /// What a client is told.
    pub(crate) fn into_deletion(self, target: &Target) -> Deletion {
        if self.gone {
            Deletion::Done(Box::new(self.status(&target.resource.group_resource())))
        } else {
            Deletion::Pending(self.object)
        }
    }

    /// The answer to the delete of an object that is gone: its name, and `Success`.
    pub(crate) fn status(&self, resource: &GroupResource) -> Status {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Status {
            status: some("Success"),
            details: Some(StatusDetails {
                name: some(self.object.name()),
                group: some(&resource.group),
                kind: some(&resource.resource),
                uid: some(self.object.uid()),
                ..StatusDetails::default()
            }),
            ..Status::default()
        }
    }
}

/// Whether nothing is to be deleted.
pub(super) fn is_dry_run(options: &DeleteOptions) -> bool {
    options.dry_run.as_ref().is_some_and(|values| !values.is_empty())
}

/// 422 for options that make no sense; upstream's `ValidateDeleteOptions`.
pub(super) fn check_options(options: &DeleteOptions) -> Result<()> {
    let mut errors = field::ErrorList::new();
    let at = Path::new("propagationPolicy");
    if options.orphan_dependents.is_some() && options.propagation_policy.is_some() {
        let shown = options.propagation_policy.as_deref().unwrap_or_default();
        let why = "orphanDependents and deletionPropagation cannot be both set";
        errors.push(field::Error::invalid(&at, shown, why));
    }
    match options.propagation_policy.as_deref() {
        None | Some("Foreground" | "Background" | "Orphan") => {}
        Some(other) => {
            errors.push(field::Error::not_supported(
                &at,
                other,
                &["Foreground", "Background", "Orphan", "nil"],
            ));
        }
    }
    let dry_run = options.dry_run.as_deref().unwrap_or_default();
    if dry_run.iter().any(|value| value != "All") {
        let shown = Value::from(dry_run.to_vec());
        errors.push(field::Error::not_supported(&Path::new("dryRun"), shown, &["All"]));
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(&GroupVersionKind::new("meta.k8s.io", "v1", "DeleteOptions"), "", &errors))
}
