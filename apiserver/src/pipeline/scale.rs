//! Who owns the replicas that a write to `scale` sets: what is written is a form of its own, and its owners are those of
//! one field of the object.

use steersman_core::Result;
use steersman_core::api::FieldValidation;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Map, Value};

use super::commit::Current;
use super::owner::Owner;
use super::request::Request;
use super::status::Door;
use crate::fault;
use crate::ownership::{Owners, Replicas, Writer};
use crate::schema::{Duplicates, Schema};
use crate::subresource::Subresource;

/// The scale of an object, as far as ownership is concerned.
pub(super) struct Scales<'a> {
    owner: Owner<'a>,
    handler: &'a dyn Subresource,
    replicas: Replicas<'a>,
    kind: GroupVersionKind,
    schema: Schema,
    /// A scale that has nothing.
    blank: Value,
}

impl<'a> Request<'a> {
    /// The scale that this request writes to, if it does; `given` is the manager that it names.
    pub(super) fn scales<'d>(&self, door: &'d Door<'_>, given: &'d str) -> Option<Box<Scales<'d>>>
    where
        'a: 'd,
    {
        let Door::Other(handler) = door else { return None };
        let replicas = Replicas::at(&handler.replicas()?);
        let kind = self.row.subresource(&self.target.subresource)?.kind.clone();
        let schema = self.core.tables.schema(&kind)?;
        let mut blank = Value::Object(Map::new());
        // An empty scale has no value of a wrong type.
        let _ = schema.admit(&mut blank, &kind, &Duplicates::default(), FieldValidation::Ignore);
        // In a box, as few requests have one.
        Some(Box::new(Scales { owner: self.owner(given), handler: *handler, replicas, kind, schema, blank }))
    }
}

impl Scales<'_> {
    /// The owners of a scale that is to replace that of the current object; `given` are those that the client sends.
    pub(super) fn track(&self, current: &Current, scale: &Value, given: &Owners) -> Result<Owners> {
        let live = self.handler.show(&current.tree)?;
        let owners = self.replicas.to_scale(&current.owners);
        Ok(self.with_writer(|writer| writer.track(&live, &owners, scale, given)))
    }

    /// What an apply makes of the scale of the current object, and its owners.
    pub(super) fn apply(&self, current: &Current, config: &Value, force: bool) -> Result<(Value, Owners)> {
        let live = self.handler.show(&current.tree)?;
        let owners = self.replicas.to_scale(&current.owners);
        let complete = |mut scale: Value| {
            self.schema
                .check(&mut scale, &Duplicates::default(), FieldValidation::Ignore)
                .map_err(|why| fault::bare(why.restoring()))?;
            self.schema.default(&mut scale);
            Ok(scale)
        };
        let applied = self.with_writer(|writer| writer.apply(&live, &owners, config, force, &complete))?;
        let (scale, owners) = applied;
        Ok((scale.unwrap_or(live), owners))
    }

    fn with_writer<T>(&self, act: impl FnOnce(&Writer<'_>) -> T) -> T {
        act(&Writer {
            name: self.owner.name(),
            kind: &self.kind,
            api_version: &self.kind.api_version(),
            schema: &self.schema,
            subresource: "scale",
            separates_status: false,
            now: self.owner.now(),
            blank: &self.blank,
            versions: &|_| None,
        })
    }
}

/// The owners of an object that had `old`, and whose scale is left with `scale`.
pub(super) fn owners(door: &Door<'_>, scale: &Owners, old: &Owners, api_version: &str) -> Owners {
    let Door::Other(handler) = door else { return old.clone() };
    let Some(path) = handler.replicas() else { return old.clone() };
    Replicas::at(&path).to_object(old, scale, api_version)
}
