//! Who a write makes the owner of what it sets.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use steersman_core::Result;
use steersman_core::api::FieldValidation;
use steersman_core::resource::{GroupVersionKind, GroupVersionResource};
use steersman_core::tree::{Map, Value};

use super::commit::Current;
use super::request::Request;
use super::{Core, metadata};
use crate::fault;
use crate::ownership::{self, Owners, Writer};
use crate::registry::{Served, View};
use crate::schema::{Duplicates, Schema};

/// The owner of what a request sets.
pub(super) struct Owner<'a> {
    core: &'a Core,
    row: Arc<Served>,
    subresource: &'a str,
    name: Cow<'a, str>,
    now: Timestamp,
}

impl<'a> Request<'a> {
    /// The owner of what this request sets; `given` is the manager that it names.
    pub(super) fn owner<'o>(&self, given: &'o str) -> Owner<'o>
    where
        'a: 'o,
    {
        let name = ownership::name::of(given, &self.caller.user_agent);
        let subresource = &self.target.subresource;
        Owner { core: self.core, row: self.row.clone(), subresource, name, now: self.now }
    }

    /// Who sets what in a body that is answered, though never stored.
    pub(super) fn own_body(
        &self,
        given: &str,
        kind: &GroupVersionKind,
        schema: &Schema,
        body: &Value,
    ) -> Owners {
        let mut blank = Value::Object(Map::new());
        // An empty body has no value of a wrong type.
        let _ = schema.admit(&mut blank, kind, &Duplicates::default(), FieldValidation::Ignore);
        let writer = Writer {
            name: &ownership::name::of(given, &self.caller.user_agent),
            kind,
            api_version: &kind.api_version(),
            schema,
            subresource: &self.target.subresource,
            separates_status: true,
            now: self.now,
            blank: &blank,
            versions: &|_| Some(schema.clone()),
        };
        writer.track(&blank, &Owners::default(), body, &Owners::default())
    }

    /// Whether what is written through the target's door is the object itself, so that its fields have owners.
    pub(super) fn owns(&self) -> bool {
        let door = self.row.subresource(&self.target.subresource);
        door.is_none_or(|door| door.kind == self.row.kind)
    }
}

impl Core {
    /// The owner of what the server itself sets through the `status` of an object.
    pub(super) fn own_status<'a>(&'a self, row: &Arc<Served>) -> Owner<'a> {
        let (name, now) = ("kube-apiserver".into(), self.env.now());
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

    /// The owners of an object that is to replace the current one, or to be created; `given` are those that the client
    /// sends.
    pub(super) fn track(&self, current: Option<&Current>, tree: &Value, given: &Owners) -> Result<Owners> {
        let none = Owners::default();
        let owners = current.map_or(&none, |current| &current.owners);
        match self.row.view {
            View::Same | View::Version { .. } => {
                let live = current.map_or_else(|| self.row.blank(), |current| &current.tree);
                Ok(self.with_writer(|writer| writer.track(live, owners, tree, given)))
            }
            View::Events | View::Autoscaler | View::Converted(_) => {
                let (live, shown) = (self.shown(current)?, self.row.to_view(tree.clone())?);
                Ok(self.with_writer(|writer| writer.track(&live, owners, &shown, given)))
            }
        }
    }

    /// What an apply makes of the current object, and its owners; `complete` fills in the defaults of what is in the form
    /// of the version, and brings it into the stored one.
    pub(super) fn apply(
        &self,
        current: Option<&Current>,
        config: &Value,
        force: bool,
        complete: &dyn Fn(&mut Value) -> Result<()>,
    ) -> Result<(Value, Owners)> {
        let none = Owners::default();
        let owners = current.map_or(&none, |current| &current.owners);
        let live = self.shown(current)?;
        let completed = |tree: Value| {
            let mut tree = self.restored(tree, config)?;
            complete(&mut tree)?;
            Ok(tree)
        };
        let applied = self.with_writer(|writer| writer.apply(&live, owners, config, force, &completed))?;
        match (applied, current) {
            ((Some(tree), owners), _) => Ok((tree, owners)),
            ((None, owners), Some(current)) => Ok((current.tree.clone(), owners)),
            ((None, owners), None) => Ok((completed(live.into_owned())?, owners)),
        }
    }

    /// A merged tree in the form of its schema; 500, as upstream answers, if it does not fit.
    fn restored(&self, mut tree: Value, config: &Value) -> Result<Value> {
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

    /// The current object in the form of the version; one that has nothing if there is none.
    fn shown<'c>(&'c self, current: Option<&'c Current>) -> Result<Cow<'c, Value>> {
        Ok(match current {
            None => Cow::Borrowed(self.row.blank()),
            Some(current) if matches!(self.row.view, View::Same) => Cow::Borrowed(&current.tree),
            Some(current) => Cow::Owned(self.row.to_view(current.tree.clone())?),
        })
    }

    fn with_writer<T>(&self, act: impl FnOnce(&Writer<'_>) -> T) -> T {
        let versions = |api_version: &str| self.schema_of(api_version);
        act(&Writer {
            name: &self.name,
            kind: &self.row.kind,
            api_version: &self.row.kind.api_version(),
            schema: &self.row.schema,
            subresource: self.subresource,
            // What has a door for its status has it written there, even if a creator may set it.
            separates_status: self.row.separates_status() || self.row.subresource("status").is_some(),
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
