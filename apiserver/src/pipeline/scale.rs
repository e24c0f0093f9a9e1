//! Who owns the replicas that a write to `scale` sets: what is written is a form of its own, and its owners are those of
//! one field of the object.

use serde_json::{Map, Value};
use steersman_core::Result;
use steersman_core::api::FieldValidation;
use steersman_core::resource::GroupVersionKind;

use super::owner::Owner;
use super::request::Request;
use super::status::Door;
use crate::fault;
use crate::ownership::{self, Replicas, Writer};
use crate::schema::{Duplicates, Schema};
use crate::subresource::Subresource;

/// The scale of an object, as far as ownership is concerned.
pub(super) struct Scales<'a> {
    owner: Owner<'a>,
    handler: &'a dyn Subresource,
    replicas: Replicas,
    kind: GroupVersionKind,
    schema: Schema,
    /// A scale that has nothing.
    blank: Value,
}

impl<'a> Request<'a> {
    /// The scale that this request writes to, if it does; `given` is the manager that it names.
    pub(super) fn scales<'d>(&self, door: &'d Door<'_>, given: &str) -> Option<Scales<'d>>
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
        Some(Scales { owner: self.owner(given), handler: *handler, replicas, kind, schema, blank })
    }
}

impl Scales<'_> {
    /// Sets the managed fields of a scale that is to replace that of `object`.
    pub(super) fn track(&self, object: &Value, scale: &mut Value) -> Result<()> {
        let live = self.of(object)?;
        self.with_writer(|writer| writer.track(&live, scale));
        Ok(())
    }

    /// What an apply makes of the scale of `object`.
    pub(super) fn apply(&self, object: &Value, config: &Value, force: bool) -> Result<Value> {
        let live = self.of(object)?;
        let mut scale = self.with_writer(|writer| writer.apply(&live, config, force))?;
        self.schema
            .check(&mut scale, &Duplicates::default(), FieldValidation::Ignore)
            .map_err(|why| fault::bare(why.restoring()))?;
        Ok(scale)
    }

    /// The scale of an object, with its managed fields.
    fn of(&self, object: &Value) -> Result<Value> {
        let mut scale = self.handler.show(object)?;
        ownership::put(&mut scale, self.replicas.to_scale(object["metadata"].get("managedFields")));
        Ok(scale)
    }

    fn with_writer<T>(&self, act: impl FnOnce(&Writer<'_>) -> T) -> T {
        act(&Writer {
            name: self.owner.name(),
            kind: &self.kind,
            schema: &self.schema,
            subresource: "scale",
            separates_status: false,
            now: self.owner.now(),
            blank: &self.blank,
            versions: &|_| None,
        })
    }
}

/// The managed fields of an object whose scale becomes `scale`.
pub(super) fn owners(door: &Door<'_>, scale: &Value, old: &Value, api_version: &str) -> Option<Value> {
    let given = ownership::given(old);
    let Door::Other(handler) = door else { return given };
    let Some(path) = handler.replicas() else { return given };
    Replicas::at(&path).to_object(given.as_ref(), ownership::given(scale).as_ref(), api_version)
}
