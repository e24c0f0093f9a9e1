//! Posts to subresources, and what their handlers may do to the cluster.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{Deletion, Target, WriteOptions};
use steersman_core::object::Metadata;
use steersman_core::tree::Value;
use steersman_core::{Error, Object, Result};

use super::request::Request;
use super::{Body, Caller, Core, Written};
use crate::admission::Operation;
use crate::fault;
use crate::ownership::Owners;
use crate::reader::Reader;
use crate::registry::Served;
use crate::strategy::WriteContext;
use crate::subresource::{Call, Change, Edit};
use crate::user::User;

/// What is posted to a subresource, and who owns its fields.
pub(super) struct Posted {
    tree: Value,
    owners: Owners,
}

/// A call under way.
struct Calling<'a> {
    core: &'a Core,
    caller: &'a Caller,
    target: &'a Target,
    options: &'a WriteOptions,
    cx: WriteContext<'a>,
}

impl Request<'_> {
    /// Posts a body to the subresource that the target names.
    pub(super) async fn post(mut self, body: Body, options: &WriteOptions) -> Result<Written> {
        let mut posted = self.read_post(body, options)?;
        self.admit_post(&mut posted).await?;
        self.call(posted, options).await
    }

    /// The body as its kind, with the kind's defaults.
    pub(super) fn read_post(&mut self, body: Body, options: &WriteOptions) -> Result<Posted> {
        let row = self.row.clone();
        let door = row.subresource(&self.target.subresource).ok_or_else(fault::unknown_path)?;
        let handler = self.core.handler(&row, &door.name)?;
        let schema = self.core.tables.schema(&door.kind).ok_or_else(fault::unknown_path)?;
        let mut tree =
            body.into_kind(&door.kind, &schema, None, options.field_validation, &mut self.warnings)?;
        super::metadata::place(&mut tree, &row, &self.target.namespace)?;
        schema.default(&mut tree);
        handler.default(&mut tree);
        let owners = match handler.owns_fields() {
            true => self.own_body(&options.field_manager, &door.kind, &schema, &tree),
            false => Owners::default(),
        };
        Ok(Posted { tree, owners })
    }

    /// Asks the admission of what this request is about.
    pub(super) async fn admit_post(&mut self, posted: &mut Posted) -> Result<()> {
        let Posted { tree, owners } = posted;
        self.mutate(Operation::Create, tree, owners, None, "").await?;
        self.check(Operation::Create, tree, owners, None).await
    }

    /// Hands what was admitted to the subresource.
    pub(super) async fn call(self, posted: Posted, options: &WriteOptions) -> Result<Written> {
        let handler = self.core.handler(&self.row, &self.target.subresource)?;
        self.core.cache.current().await?;
        let (core, caller, target) = (self.core, self.caller, self.target);
        let call = Calling { core, caller, target, options, cx: self.context() };
        let object = match handler.create(&call, posted.tree).await? {
            Some(mut answer) => {
                posted.owners.put(&mut answer);
                Object::from_value(&answer)?
            }
            None => success(),
        };
        Ok(Written { object, created: true })
    }
}

/// What a POST answers that made no object.
fn success() -> Object {
    static SUCCESS: LazyLock<Object> = LazyLock::new(|| {
        let json: &[u8] =
            br#"{"apiVersion":"v1","code":201,"kind":"Status","metadata":{},"status":"Success"}"#;
        Object::from_parts(json, "v1", "Status", Metadata::default())
    });
    SUCCESS.clone()
}

#[async_trait]
impl Call for Calling<'_> {
    fn target(&self) -> &Target {
        self.target
    }

    fn user(&self) -> &User {
        &self.caller.user
    }

    fn options(&self) -> &WriteOptions {
        self.options
    }

    fn context(&self) -> WriteContext<'_> {
        self.cx
    }

    fn cluster(&self) -> &dyn Reader {
        self.core
    }

    fn new_uid(&self) -> String {
        self.core.env.uuid()
    }

    async fn get(&self, target: &Target) -> Result<Object> {
        let row = self.row(target)?;
        self.core.cache.current().await?;
        let object = row.stored("get")?.get(&row.key(&target.namespace, &target.name));
        object.ok_or_else(|| Error::not_found(&row.group_resource(), &target.name))
    }

    async fn update(&self, target: &Target, change: &Change<'_>) -> Result<Object> {
        let row = self.row(target)?;
        self.core.amend(&row, target, self.options.dry_run, change, |old, _| Ok(old.owners.clone())).await
    }

    async fn edit(&self, target: &Target, edit: &Edit<'_>) -> Result<Object> {
        let row = self.row(target)?;
        self.core.edit(&row, target, edit, self.options.dry_run).await
    }

    async fn update_status(&self, target: &Target, change: &Change<'_>) -> Result<Object> {
        self.core.amend_status(&self.row(target)?, target, self.options.dry_run, change).await
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deletion> {
        let deleted = self.core.delete_admitted(self.caller, target, options).await?;
        Ok(deleted.into_deletion(target))
    }
}

impl Calling<'_> {
    fn row(&self, target: &Target) -> Result<Arc<Served>> {
        self.core.registry.get(&target.resource).ok_or_else(fault::unknown_path)
    }
}
