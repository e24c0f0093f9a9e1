//! Who a write makes the owner of what it sets.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use steersman_core::Result;
use steersman_core::api::FieldValidation;
use steersman_core::resource::{GroupVersionKind, GroupVersionResource};

use super::request::Request;
use super::{Core, metadata};
use crate::fault;
use crate::ownership::{self, Writer};
use crate::registry::{Served, View};
use crate::schema::{Duplicates, Schema};

/// The owner of what a request sets.
pub(super) struct Owner<'a> {
    core: &'a Core,
    row: Arc<Served>,
    subresource: &'a str,
    name: String,
    now: Timestamp,
}

impl<'a> Request<'a> {
    /// The owner of what this request sets; `given` is the manager that it names.
    pub(super) fn owner(&self, given: &str) -> Owner<'a> {
        let name = ownership::name::of(given, &self.caller.user_agent);
        let subresource = &self.target.subresource;
        Owner { core: self.core, row: self.row.clone(), subresource, name, now: self.now }
    }

    /// Records who sets what in a body that is answered, though never stored.
    pub(super) fn own_body(&self, given: &str, kind: &GroupVersionKind, schema: &Schema, body: &mut Value) {
        let mut blank = Value::Object(Map::new());
        // An empty body has no value of a wrong type.
        let _ = schema.admit(&mut blank, kind, &Duplicates::default(), FieldValidation::Ignore);
        let writer = Writer {
            name: &ownership::name::of(given, &self.caller.user_agent),
            kind,
            schema,
            subresource: &self.target.subresource,
            separates_status: true,
            now: self.now,
            blank: &blank,
            versions: &|_| Some(schema.clone()),
        };
        writer.track(&blank, body);
    }

    /// Whether what is written through the target's door is the object itself, so that its fields have owners.
    pub(super) fn owns(&self) -> bool {
        let door = self.row.subresource(&self.target.subresource);
        self.row.strategy.has_owners() && door.is_none_or(|door| door.kind == self.row.kind)
    }
}

impl Core {
    /// The owner of what the server itself sets through the `status` of an object.
    pub(super) fn own_status<'a>(&'a self, row: &Arc<Served>) -> Owner<'a> {
        let (name, now) = ("kube-apiserver".to_owned(), self.env.now());
        Owner { core: self, row: row.clone(), subresource: "status", name, now }
    }
}

impl Owner<'_> {
    /// The manager.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// When the request is made.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Sets the managed fields of an object that is to replace the current one, or to be created.
    pub(super) fn track(&self, current: Option<&Value>, tree: &mut Value) {
        match self.row.view {
            View::Same | View::Version { .. } => self.with_writer(|writer| {
                writer.track(current.unwrap_or_else(|| self.row.blank()), tree);
            }),
            View::Events => {
                let mut shown = self.row.to_view(tree.clone());
                self.with_writer(|writer| writer.track(&self.shown(current), &mut shown));
                ownership::take(tree);
                ownership::put(tree, ownership::take(&mut shown));
            }
        }
    }

    /// What an apply makes of the current object, in the form of the version.
    pub(super) fn apply(&self, current: Option<&Value>, config: &Value, force: bool) -> Result<Value> {
        let mut tree = self.with_writer(|writer| writer.apply(&self.shown(current), config, force))?;
        let schema = &self.row.schema;
        schema.check(&mut tree, &Duplicates::default(), FieldValidation::Ignore).map_err(|why| {
            let GroupVersionKind { version, kind, .. } = &self.row.kind;
            fault::bare(format!(
                "failed to convert new object ({}/{}; {}, Kind={kind}) to proper version ({version}): {}",
                metadata::text(config, "namespace"),
                metadata::text(config, "name"),
                self.row.kind.api_version(),
                why.restoring()
            ))
        })?;
        Ok(tree)
    }

    fn shown(&self, current: Option<&Value>) -> Value {
        current.map_or_else(|| self.row.blank_object(), |current| self.row.to_view(current.clone()))
    }

    fn with_writer<T>(&self, act: impl FnOnce(&Writer<'_>) -> T) -> T {
        let versions = |api_version: &str| self.schema_of(api_version);
        act(&Writer {
            name: &self.name,
            kind: &self.row.kind,
            schema: &self.row.schema,
            subresource: self.subresource,
            separates_status: self.row.separates_status(),
            now: self.now,
            blank: self.row.blank(),
            versions: &versions,
        })
    }

    /// The schema by which entries of another version are read. Custom resources are the same object in every version;
    /// built-in ones are read as this version has them.
    fn schema_of(&self, api_version: &str) -> Option<Schema> {
        let kind = GroupVersionKind::from_api_version(api_version, &self.row.kind.kind);
        if !self.row.custom {
            return self.core.tables.schema(&kind).map(|_| self.row.schema.clone());
        }
        let resource = self.row.resource().resource.clone();
        let resource = GroupVersionResource::new(kind.group, kind.version, resource);
        self.core.registry.get(&resource).map(|row| row.schema.clone())
    }
}
