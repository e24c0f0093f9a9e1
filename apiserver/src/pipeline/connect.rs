//! Opens requests that connect a client with a pod, a service or a node.

use std::borrow::Cow;
use std::sync::Arc;

use steersman_core::api::Target;
use steersman_core::resource::{GroupVersionResource, Resource};
use steersman_core::tree::{Map, json};
use steersman_core::{Error, Result};

use super::{Caller, Core};
use crate::admission::Operation;
use crate::fault;
use crate::ownership::Owners;
use crate::tree::fields;

impl Core {
    /// 404 or 405 unless `verb` is served at the target; of the subresource only the first step counts.
    pub(crate) fn check_door(&self, caller: &Caller, target: &Target, verb: &str) -> Result<()> {
        self.open(caller, &at_door(target), verb).map(drop)
    }

    /// Lets admission refuse a connection; `options` are those of its request.
    pub(crate) async fn admit_connection(
        &self,
        caller: &Caller,
        target: &Target,
        options: Map,
    ) -> Result<()> {
        let target = at_door(target);
        let mut request = self.reopen(caller, &target, &target.resource)?;
        let door = request.row.subresource(&target.subresource).ok_or_else(fault::unknown_path)?;
        let mut object = json!({"kind": door.kind.kind, "apiVersion": door.kind.api_version()});
        fields(&mut object).extend(options);
        let mut nobody = Owners::default();
        request.mutate(Operation::Connect, &mut object, &mut nobody, None, "").await?;
        request.check(Operation::Connect, &mut object, &mut nobody, None).await
    }

    /// The newest version of an object that is part of a request which was allowed.
    pub(crate) async fn newest_of<K: Resource>(&self, namespace: &str, name: &str) -> Result<Arc<K>> {
        let resource = GroupVersionResource::of::<K>();
        let row = self.registry.get(&resource).ok_or_else(fault::unknown_path)?;
        self.cache.current().await?;
        let object = row.stored("get")?.get(&row.key(namespace, name));
        object.ok_or_else(|| Error::not_found(&row.group_resource(), name))?.decode()
    }
}

/// The target without what follows the first step of its subresource.
fn at_door(target: &Target) -> Target {
    let door = target.subresource.split('/').next().unwrap_or_default().to_owned();
    Target { subresource: Cow::Owned(door), ..target.clone() }
}
