//! The cluster, as admission plugins see it.

use std::sync::Arc;

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::api::{FieldValidation, Target};
use steersman_core::resource::{GroupResource, GroupVersionKind, GroupVersionResource, Scope};
use steersman_core::tree::Value;

use super::Core;
use crate::admission::Cluster;
use crate::authorize::{Asked, Decision};
use crate::fault;
use crate::ownership;
use crate::registry::Served;
use crate::schema::Duplicates;
use crate::subresource::Change;
use crate::tree::fields;
use crate::user::User;

#[async_trait]
impl Cluster for Core {
    async fn decide(&self, user: &User, verb: &str, asked: Asked<'_>) -> Decision {
        Core::decide(self, user, verb, asked).await
    }

    async fn update_status(&self, target: &Target, change: &Change<'_>) -> Result<()> {
        let row = self.registry.get(&target.resource).ok_or_else(fault::unknown_path)?;
        self.amend_status(&row, target, false, change).await.map(drop)
    }

    fn resource_of(&self, kind: &GroupVersionKind) -> Option<(GroupResource, Scope)> {
        let rows = self.registry.rows();
        let row = rows.all().find(|row| row.kind == *kind && row.collection.is_some())?;
        Some((row.group_resource(), row.api().scope))
    }

    fn merge(
        &self,
        resource: &GroupVersionResource,
        object: &Value,
        mut config: Value,
    ) -> Result<Value, String> {
        let row = self.row_of(resource)?;
        let fields = fields(&mut config);
        fields.insert("apiVersion", row.kind.api_version().into());
        fields.insert("kind", row.kind.kind.to_string().into());
        ownership::overlay(&row.schema, object, &config)
    }

    fn kind_of(&self, resource: &GroupVersionResource, subresource: &str) -> Option<GroupVersionKind> {
        let row = self.registry.get(resource)?;
        if subresource.is_empty() {
            return Some(row.kind.clone());
        }
        row.subresource(subresource).map(|one| one.kind.clone())
    }

    fn equivalents(&self, resource: &GroupVersionResource, subresource: &str) -> Vec<GroupVersionResource> {
        let rows = self.registry.rows();
        let Some(own) = self.registry.get(resource).and_then(|row| row.collection.clone()) else {
            return Vec::new();
        };
        let is_same = |row: &&Arc<Served>| {
            row.collection.as_ref().is_some_and(|other| Arc::ptr_eq(other, &own))
                && row.resource() != resource
                && (subresource.is_empty() || row.subresource(subresource).is_some())
        };
        rows.all().filter(is_same).map(|row| row.resource().clone()).collect()
    }

    async fn present(
        &self,
        resource: &GroupVersionResource,
        subresource: &str,
        object: &Value,
    ) -> Result<Value, String> {
        let row = self.row_of(resource)?;
        if object["kind"] != *row.kind.kind {
            return Ok(object.clone());
        }
        let shown = match self.kind_of(resource, subresource) {
            Some(kind) if kind != row.kind => {
                self.handler(&row, subresource).and_then(|handler| handler.show(object))
            }
            _ => self.converting(&row, || row.to_view(object.clone())).await,
        };
        shown.map_err(worded)
    }

    async fn restore(
        &self,
        resource: &GroupVersionResource,
        subresource: &str,
        mut object: Value,
    ) -> Result<Value, String> {
        let row = self.row_of(resource)?;
        let Some(kind) = self.kind_of(resource, subresource).filter(|kind| *kind != row.kind) else {
            return self.converting(&row, || completed(&row, object.clone())).await.map_err(worded);
        };
        let schema = self.tables.schema(&kind).ok_or_else(|| format!("{kind} is not known"))?;
        let checked = schema.check(&mut object, &Duplicates::default(), FieldValidation::Ignore);
        checked.map_err(|why| why.to_string())?;
        schema.default(&mut object);
        if let Ok(handler) = self.handler(&row, subresource) {
            handler.default(&mut object);
        }
        Ok(object)
    }
}

impl Core {
    fn row_of(&self, resource: &GroupVersionResource) -> Result<Arc<Served>, String> {
        let row = self.registry.get(resource).map(Served::for_request);
        row.ok_or_else(|| format!("Resource {} not found", resource.resource))
    }
}

/// An object that was changed in the form of its version, with its defaults, in the form that is stored.
fn completed(row: &Served, mut object: Value) -> Result<Value> {
    let checked = row.schema.check(&mut object, &Duplicates::default(), FieldValidation::Ignore);
    checked.map_err(|why| fault::bare(why.to_string()))?;
    row.schema.default(&mut object);
    let mut stored = row.to_completed(object, None)?;
    row.settle(&mut stored, None);
    Ok(stored)
}

/// What is told of a failure.
fn worded(why: steersman_core::Error) -> String {
    why.message().to_owned()
}
