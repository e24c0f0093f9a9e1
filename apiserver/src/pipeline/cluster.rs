//! The cluster, as admission plugins see it.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use steersman_core::Result;
use steersman_core::api::{FieldValidation, Target};
use steersman_core::resource::{GroupResource, GroupVersionKind, GroupVersionResource, Scope};

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
        fields.insert("apiVersion".to_owned(), row.kind.api_version().into());
        fields.insert("kind".to_owned(), row.kind.kind.to_string().into());
        let shown = row.to_view(object.clone()).map_err(|why| why.message().to_owned())?;
        completed(&row, ownership::overlay(&row.schema, &shown, &config)?)
    }

    fn complete(&self, resource: &GroupVersionResource, object: Value) -> Result<Value, String> {
        let row = self.row_of(resource)?;
        completed(&row, row.to_view(object).map_err(|why| why.message().to_owned())?)
    }
}

impl Core {
    fn row_of(&self, resource: &GroupVersionResource) -> Result<Arc<Served>, String> {
        self.registry.get(resource).ok_or_else(|| format!("Resource {} not found", resource.resource))
    }
}

/// An object that was changed in the form of its version, with its defaults, in the form that is stored.
fn completed(row: &Served, mut object: Value) -> Result<Value, String> {
    let checked = row.schema.check(&mut object, &Duplicates::default(), FieldValidation::Ignore);
    checked.map_err(|why| why.to_string())?;
    row.schema.default(&mut object);
    let mut stored = row.to_stored(object).map_err(|why| why.message().to_owned())?;
    row.strategy.default(&mut stored);
    row.settle(&mut stored);
    Ok(stored)
}
