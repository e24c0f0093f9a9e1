//! The doors through which an object is changed: the object itself, its `status`, and the subresources with rules of
//! their own. Each leaves alone what belongs to another.

use steersman_core::api::FieldValidation;
use steersman_core::field;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::request::Request;
use super::{Body, Core};
use crate::fault;
use crate::registry::Served;
use crate::strategy::WriteContext;
use crate::subresource::Subresource;

/// Through which door an object is changed.
pub(super) enum Door<'a> {
    /// The object itself: everything but `status`.
    Object,
    /// `status`: nothing but that, and labels and annotations.
    Status,
    /// A subresource with rules of its own.
    Other(&'a dyn Subresource),
}

impl Core {
    /// The handler of a subresource.
    pub(super) fn handler<'a>(&'a self, row: &'a Served, name: &str) -> Result<&'a dyn Subresource> {
        if let ("scale", Some(scale)) = (name, &row.scale) {
            return Ok(scale);
        }
        let resource = row.resource();
        let own = |one: &&dyn Subresource| one.resource() == (&*resource.group, &*resource.resource);
        let mut handlers = self.subresources.iter().map(|handler| &**handler);
        handlers.find(|one| one.name() == name && own(one)).ok_or_else(|| {
            let full = row.group_resource();
            Error::not_implemented(format!("the subresource {full}/{name} is not implemented"))
        })
    }
}

impl<'a> Request<'a> {
    /// The door that the target names; 501 if nobody keeps it.
    pub(super) fn door<'d>(&self, row: &'d Served) -> Result<Door<'d>>
    where
        'a: 'd,
    {
        match &*self.target.subresource {
            "" => Ok(Door::Object),
            "status" => Ok(Door::Status),
            other => self.core.handler(row, other).map(Door::Other),
        }
    }

    /// The body of a write through a door, in stored form where it is the object itself; `old` is what it replaces.
    pub(super) async fn read_body(
        &mut self,
        door: &Door<'_>,
        body: Body,
        old: Option<&Value>,
        validation: FieldValidation,
    ) -> Result<Value> {
        let row = self.row.clone();
        let kind = row.subresource(&self.target.subresource).map(|one| &one.kind);
        match (door, kind) {
            (Door::Other(_), Some(kind)) if *kind != row.kind => {
                let schema = self.core.tables.schema(kind).ok_or_else(fault::unknown_path)?;
                let mut tree = body.into_kind(kind, &schema, None, validation, &mut self.warnings)?;
                schema.default(&mut tree);
                Ok(tree)
            }
            _ => self.read_object(body, old, validation).await,
        }
    }

    /// The body of a write that is an object of the resource, in stored form; `old` is what it replaces.
    pub(super) async fn read_object(
        &mut self,
        body: Body,
        old: Option<&Value>,
        validation: FieldValidation,
    ) -> Result<Value> {
        let row = self.row.clone();
        let tree = body.into_version(&row, old, validation, &mut self.warnings)?;
        if row.webhook().is_none() {
            return row.to_completed(tree, old);
        }
        self.core.converting(&row, || row.to_completed(tree.clone(), old)).await
    }

    /// The error that names the resource where upstream does, rather than the kind.
    pub(super) fn invalid_resource(&self, errors: &[field::Error]) -> Error {
        let resource = self.row.resource();
        let named = GroupVersionKind::new(
            resource.group.clone(),
            resource.version.clone(),
            resource.resource.clone(),
        );
        Error::invalid(&named, &self.target.name, errors)
    }

    /// 409: the body is about another object of the same name.
    pub(super) fn wrong_uid(&self, wanted: &str, found: &str) -> Error {
        let prefix = self.row.collection.as_ref().map_or("", |collection| collection.prefix());
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {prefix}{}, ResourceVersion: 0, AdditionalErrorMsg: \
             Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}",
            self.key()
        );
        Error::conflict(&self.resource(), &self.target.name, why)
    }

    /// 409: the form that is patched is of another object of the same name.
    pub(super) fn other_uid(&self, wanted: &str, found: &str) -> Error {
        let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}");
        Error::conflict(&self.resource(), &self.target.name, why)
    }
}

impl Door<'_> {
    /// The object that `wanted` makes of `old`.
    pub(super) fn next(
        &self,
        wanted: Value,
        old: &Value,
        row: &Served,
        cx: &WriteContext<'_>,
    ) -> Result<Value> {
        match self {
            Door::Object => Ok(wanted),
            Door::Status => Ok(only_status(wanted, old, row)),
            Door::Other(handler) => handler.replace(wanted, old, cx),
        }
    }
}

/// The old object with the wanted status; built-in kinds take the wanted metadata too.
fn only_status(mut wanted: Value, old: &Value, row: &Served) -> Value {
    let taken: &[&str] = if row.custom { &["status"] } else { &["metadata", "status"] };
    let (Some(fields), Some(wanted)) = (old.as_object(), wanted.as_object_mut()) else { return wanted };
    let mut next = fields.clone();
    for field in taken {
        match wanted.remove_entry(field) {
            Some((name, value)) => next.insert(name, value),
            None => next.remove(field),
        };
    }
    Value::Object(next)
}

/// Gives `tree` the status of `other`.
pub(super) fn keep(tree: &mut Value, other: &Value) {
    if let Some(fields) = tree.as_object_mut() {
        match other.get("status") {
            Some(status) => fields.insert("status", status.clone()),
            None => fields.remove("status"),
        };
    }
}
