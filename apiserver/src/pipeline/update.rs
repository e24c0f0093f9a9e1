//! Replaces objects: reads the current version, makes the next one of it, stores it if nobody was faster, and starts
//! again if somebody was.

use steersman_core::api::{Target, WriteOptions};
use steersman_core::error::STALE;
use steersman_core::field::{self, ErrorList, Path};
use steersman_core::object::Metadata;
use steersman_core::tree::{Text, Value};
use steersman_core::{Error, Object, Result};

use super::commit::{Current, Draft, Outcome};
use super::request::Request;
use super::status::Door;
use super::{Body, Caller, Core, Written, metadata, scale};
use crate::admission::{Operation, Options};
use crate::encode::{self, Parts};
use crate::ownership::Owners;
use crate::registry::Looks;
use crate::schema::Extent;
use crate::strategy::Reservation;
use crate::tree::Read;

/// How often a write starts again because others were faster. Every lost round is somebody's won one, so this is far
/// beyond what fair neighbours cause.
const ROUNDS: usize = 100;

/// The next version of an object, as a client wants it.
pub(super) struct Proposal {
    /// The whole object, in stored form.
    pub(super) tree: Value,
    /// The owners of its fields.
    pub(super) owners: Owners,
    /// The version that it is based on; empty for any.
    pub(super) version: Text,
    /// Whether it is of the object with its uid, so that another one is a conflict; else the uid is a change that is
    /// refused.
    pub(super) is_put: bool,
    /// Whether it creates an object that is not there, whatever the kind allows: an apply does.
    pub(super) creates: bool,
}

/// Makes the next version from the current one; called again with each newer one.
pub(super) type Next<'a> = dyn FnMut(Option<&Current>, &mut Vec<String>) -> Result<Proposal> + Send + 'a;

impl Core {
    /// Replaces an object or a part of it.
    pub(crate) async fn update(
        &self,
        caller: &Caller,
        target: &Target,
        body: Body,
        options: &WriteOptions,
    ) -> Result<Written> {
        let mut request = self.open(caller, target, "update")?;
        (request.dry_run, request.options) = (options.dry_run, Options::Update(options));
        let row = request.row.clone();
        let door = request.door(&row)?;
        // What the body leaves as it is can be shared from the start.
        let mut current = request.current().await?;
        let old = current.as_ref().map(|current| &current.tree).filter(|_| row.shows_as_stored());
        let mut tree = request.read_body(&door, body, old, options.field_validation).await?;
        metadata::check_name(&tree, &target.name)?;
        metadata::place(&mut tree, &request.row, &target.namespace)?;
        let version = metadata::take_version(&mut tree);
        let given = Owners::take(&mut tree);
        old.into_iter().for_each(|old| metadata::share(&mut tree, old));
        let (owner, owns) = (request.owner(&options.field_manager), request.owns());
        let scales = request.scales(&door, &options.field_manager);
        // What names its version is tried once: whoever was faster has made it stale.
        let is_last = !version.is_empty() && row.webhook().is_none();
        let mut body = Some(tree);
        let mut next = |current: Option<&Current>, _: &mut Vec<String>| {
            let tree = if is_last { body.take() } else { body.clone() };
            let tree = tree.ok_or_else(|| Error::conflict(&row.group_resource(), &target.name, STALE))?;
            let owners = match (&scales, current) {
                (Some(scales), Some(current)) => scales.track(current, &tree, &given)?,
                _ if owns => owner.track(current, &tree, &given)?,
                _ => given.clone(),
            };
            Ok(Proposal { tree, owners, version: version.clone(), is_put: true, creates: false })
        };
        request.change(&door, &mut current, &mut next).await
    }
}

enum Round {
    Done { object: Object, created: bool },
    Again(Option<Current>),
}

impl Request<'_> {
    /// The newest version of the object; 405 if there are none to be changed.
    pub(super) async fn current(&self) -> Result<Option<Current>> {
        self.core.newest(self.row.stored("update")?, &self.key()).await
    }

    /// Brings an object from its current version to the next.
    pub(super) async fn change(
        &mut self,
        door: &Door<'_>,
        current: &mut Option<Current>,
        next: &mut Next<'_>,
    ) -> Result<Written> {
        let row = self.row.clone();
        for _ in 0..ROUNDS {
            if let Some(current) = current {
                current.catch_up(&row);
            }
            let proposal = {
                let (core, known) = (self.core, self.warnings.len());
                let propose = || {
                    self.warnings.truncate(known);
                    next(current.as_ref(), &mut self.warnings)
                };
                core.converting(&row, propose).await?
            };
            let round = match current {
                Some(old) => self.replace(door, old, proposal).await?,
                None => self.create_by_update(door, proposal).await?,
            };
            match round {
                Round::Done { object, created } => {
                    self.settle(true).await?;
                    return self.written_through(door, object, created).await;
                }
                Round::Again(newer) => *current = newer,
            }
        }
        Err(Error::conflict(&self.resource(), &self.target.name, STALE))
    }

    async fn written_through(&self, door: &Door<'_>, object: Object, created: bool) -> Result<Written> {
        match door {
            Door::Object | Door::Status => self.written(object, created).await,
            Door::Other(handler) => {
                let object = Object::from_value(&handler.show(&object.to_value()?)?)?;
                Ok(Written { object, created })
            }
        }
    }

    async fn create_by_update(&mut self, door: &Door<'_>, proposal: Proposal) -> Result<Round> {
        let may = proposal.creates || self.row.strategy.allows_create_on_update();
        if !(may && matches!(door, Door::Object)) {
            return Err(Error::not_found(&self.resource(), &self.target.name));
        }
        let uid = metadata::text(&proposal.tree, "uid");
        if !uid.is_empty() && proposal.creates {
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            );
            return Err(Error::conflict(&self.resource(), &self.target.name, why));
        }
        if !uid.is_empty() {
            return Err(self.wrong_uid(uid, ""));
        }
        self.core.authorize_target(&self.caller.user, "create", self.target, None).await?;
        let Proposal { mut tree, owners, .. } = proposal;
        metadata::wipe(&mut tree);
        // In a box, as few updates create anything.
        match Box::pin(self.create(tree, owners)).await {
            Ok(object) => Ok(Round::Done { object, created: true }),
            // Somebody else created it meanwhile: it is an update after all.
            Err(error) if error.is_already_exists() => Ok(Round::Again(self.current().await?)),
            Err(error) => Err(error),
        }
    }

    async fn replace(&mut self, door: &Door<'_>, old: &Current, proposal: Proposal) -> Result<Round> {
        let Proposal { tree: mut wanted, mut owners, version, is_put, .. } = proposal;
        let uid = metadata::text(&wanted, "uid");
        if is_put && !uid.is_empty() && uid != old.object.uid() {
            return Err(self.wrong_uid(uid, old.object.uid()));
        }
        if matches!(door, Door::Other(_)) && !uid.is_empty() && uid != old.object.uid() {
            return Err(self.other_uid(uid, old.object.uid()));
        }
        self.warnings.extend(metadata::dedup_owners(&mut wanted));
        self.row.settle(&mut wanted, Some(&old.tree));
        self.mutate(Operation::Update, &mut wanted, &mut owners, Some(old), &version).await?;
        metadata::place(&mut wanted, &self.row, &self.target.namespace)?;
        if !self.owns() {
            owners = scale::owners(door, &owners, &old.owners, &self.row.kind.api_version());
        } else if owners != old.owners && is_same(&wanted, &old.tree) {
            owners = owners.settled(&old.owners);
        }
        self.check_grants(&wanted, Some(&old.tree)).await?;
        self.check_version(door, &version, old)?;
        let (core, row) = (self.core, self.row.clone());
        let reservation = match door {
            Door::Object => row.strategy.reserve(&mut wanted, Some(&old.tree), &self.context())?,
            Door::Status | Door::Other(_) => Reservation::none(),
        };
        let mut tree = self.prepare(door, wanted, old)?;
        let metadata = Box::new(match tree["metadata"] == old.tree["metadata"] {
            true => old.object.metadata().clone(),
            false => encode::metadata_of(&tree)?,
        });
        let forbidden = self.find_forbidden(door, &tree, &old.tree).await;
        core.converting(&row, || self.validate(door, &tree, &metadata, old, &forbidden)).await?;
        self.check(Operation::Update, &mut tree, &mut owners, Some(old)).await?;
        if self.is_released(&tree, &metadata) {
            return self.drop_released(tree, owners, old).await;
        }
        let draft = Draft { tree, owners, metadata };
        self.store(draft, old, reservation).await
    }

    async fn store(&mut self, mut draft: Draft, old: &Current, reservation: Reservation) -> Result<Round> {
        let Draft { tree, owners, metadata } = &mut draft;
        if *owners == old.owners && is_same(tree, &old.tree) {
            return Ok(Round::Done { object: old.object.clone(), created: false });
        }
        if self.row.strategy.read_back(tree) {
            **metadata = encode::metadata_of(tree)?;
        }
        if self.dry_run {
            let unstored = encode::unstored(tree, owners)?;
            return Ok(Round::Done { object: encode::stamped(&unstored, old.revision)?, created: false });
        }
        let (row, tree) = (self.row.clone(), tree.clone());
        match self.core.put_over(&row, row.stored("update")?, draft, old).await? {
            Outcome::Stored(object) => {
                reservation.keep();
                row.strategy.release(&old.tree, Some(&tree));
                Ok(Round::Done { object, created: false })
            }
            Outcome::Lost(newer) => Ok(Round::Again(newer)),
        }
    }

    /// The object was only waiting for its last finalizer: it goes, and the answer is how it would have been.
    async fn drop_released(&mut self, tree: Value, owners: Owners, old: &Current) -> Result<Round> {
        let object = encode::stamped(&encode::unstored(&tree, &owners)?, old.revision)?;
        if self.dry_run {
            return Ok(Round::Done { object, created: false });
        }
        let row = self.row.clone();
        let (key, parts, revision) = (old.key.clone(), Parts::default(), old.revision);
        let last = Current { key, object: object.clone(), tree, owners, parts, revision };
        match self.core.remove(&last).await? {
            Outcome::Stored(_) => {
                row.strategy.release(&old.tree, None);
                Ok(Round::Done { object, created: false })
            }
            Outcome::Lost(newer) => Ok(Round::Again(newer)),
        }
    }

    fn is_released(&self, tree: &Value, metadata: &Metadata) -> bool {
        metadata.is_terminating()
            && metadata.finalizers.is_empty()
            && metadata.deletion_grace_period_seconds.unwrap_or(0) == 0
            && !self.row.strategy.holds_deletion(tree)
    }

    fn prepare(&self, door: &Door<'_>, wanted: Value, old: &Current) -> Result<Value> {
        let (strategy, cx) = (&*self.row.strategy, self.context());
        let mut tree = door.next(wanted, &old.tree, &self.row, &cx)?;
        metadata::carry(&mut tree, &old.tree);
        if matches!(door, Door::Object) && self.row.separates_status() {
            super::status::keep(&mut tree, &old.tree);
        }
        match door {
            Door::Object => strategy.prepare_update(&mut tree, &old.tree, &cx),
            Door::Status => strategy.prepare_status(&mut tree, &old.tree, &cx),
            Door::Other(_) => {}
        }
        if self.row.counts_generation() && self.counts_change(door, &tree, &old.tree) {
            metadata::count_generation(&mut tree);
        }
        Ok(tree)
    }

    fn counts_change(&self, door: &Door<'_>, tree: &Value, old: &Value) -> bool {
        match door {
            // It has left everything but the status as it was.
            Door::Status => false,
            Door::Object => {
                self.row.strategy.counts_change(tree, old).unwrap_or_else(|| self.row.spec_differs(tree, old))
            }
            Door::Other(_) => self.row.spec_differs(tree, old),
        }
    }

    /// What of a change the rest of the cluster does not allow.
    async fn find_forbidden(&self, door: &Door<'_>, tree: &Value, old: &Value) -> ErrorList {
        if !matches!(door, Door::Status) {
            return ErrorList::new();
        }
        let errors = self.row.strategy.validate_status_in_cluster(tree, old, &self.context());
        [errors, self.find_forbidden_status(tree, old).await].concat()
    }

    fn validate(
        &mut self,
        door: &Door<'_>,
        tree: &Value,
        new: &Metadata,
        old: &Current,
        forbidden: &ErrorList,
    ) -> Result<()> {
        let row = self.row.clone();
        // What stays as it is was found valid when it was written; only the rules of a definition may be newer.
        if row.custom || !is_same(tree, &old.tree) {
            self.find_faults(door, tree, new, old, forbidden)?;
        }
        self.warn_of(|| match door {
            Door::Object => row.strategy.warnings(tree, Some(&old.tree)),
            Door::Status => row.strategy.status_warnings(tree),
            Door::Other(_) => Vec::new(),
        });
        Ok(())
    }

    fn find_faults(
        &mut self,
        door: &Door<'_>,
        tree: &Value,
        new: &Metadata,
        old: &Current,
        forbidden: &ErrorList,
    ) -> Result<()> {
        let row = self.row.clone();
        let mut errors = ErrorList::new();
        if !is_described_as(tree, &old.tree) {
            errors = self.find_metadata_faults(door, new, old);
        }
        errors.extend_from_slice(forbidden);
        let extent = if matches!(door, Door::Status) { Extent::Status } else { Extent::Whole };
        let found = row.judge(tree, Some(&old.tree), extent)?;
        errors.extend(found.errors);
        errors.extend(match door {
            Door::Object => row.strategy.validate_update(tree, &old.tree),
            Door::Status => row.strategy.validate_status(tree, &old.tree),
            Door::Other(handler) => handler.validate(tree, &old.tree),
        });
        if !errors.is_empty() {
            return Err(Error::invalid(&row.error_kind(), &new.name, &errors));
        }
        self.warnings.extend(found.warnings);
        Ok(())
    }

    fn find_metadata_faults(&self, door: &Door<'_>, new: &Metadata, old: &Current) -> ErrorList {
        let at = Path::new("metadata");
        let changed = steersman_core::metadata::validate_update(new, old.object.metadata(), &at);
        if self.row.custom {
            return changed;
        }
        let (whole, finalizers) = (self.row.validate_common_metadata(new), self.row.validate_finalizers(new));
        let strategy = &self.row.strategy;
        let is_repeated = match door {
            Door::Status => strategy.repeats_metadata_of_status(),
            Door::Object | Door::Other(_) => strategy.repeats_metadata(),
        };
        let looks = match door {
            Door::Object => Looks::of_update(&self.row.kind.kind),
            Door::Status | Door::Other(_) => Looks::of_part(&self.row.kind.kind),
        };
        // Upstream's kinds look at the metadata a second time, so each finding is up to four causes.
        let mut errors = [whole.clone(), changed.clone()].concat();
        if is_repeated && looks.at_changes {
            errors.extend([changed, finalizers.clone()].concat());
        }
        if is_repeated && looks.at_whole {
            errors.extend([whole, finalizers].concat());
        }
        errors
    }

    fn check_version(&self, door: &Door<'_>, version: &str, old: &Current) -> Result<()> {
        match version {
            // A part of an object that names no version is put into the one that is there.
            "" if matches!(door, Door::Other(_)) => Ok(()),
            "" | "0" if self.row.allows_unconditional_update() => Ok(()),
            "" | "0" => {
                let at = Path::new("metadata");
                let error =
                    field::Error::invalid(&at.child("resourceVersion"), 0, "must be specified for an update");
                Err(self.invalid_resource(&[error]))
            }
            given if given.parse() == Ok(old.revision.0) => Ok(()),
            given if given.parse::<u64>().is_err() => Err(super::versions::unreadable(given)),
            _ => Err(Error::conflict(&self.resource(), &self.target.name, STALE)),
        }
    }
}

/// Whether two objects have the same metadata, but for what only the server counts.
fn is_described_as(one: &Value, other: &Value) -> bool {
    described(one).eq(described(other))
}

fn described(tree: &Value) -> impl Iterator<Item = (&str, &Value)> {
    tree.entries("metadata").filter(|(field, _)| *field != "generation")
}

/// Whether two objects are equal. What changes most often, the status, stands last, and is looked at first.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len() && one.iter().rev().eq(other.iter().rev())
        }
        _ => one == other,
    }
}
