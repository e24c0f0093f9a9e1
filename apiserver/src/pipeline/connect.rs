//! Opens requests that connect a client with a pod, a service or a node.

use std::borrow::Cow;
use std::sync::Arc;

use steersman_core::api::Target;
use steersman_core::resource::{GroupVersionResource, Resource};
use steersman_core::{Error, Result};

use super::{Caller, Core};

impl Core {
    /// 404 or 405 unless `verb` is served at the target; of the subresource only the first step counts.
    pub(crate) fn check_door(&self, caller: &Caller, target: &Target, verb: &str) -> Result<()> {
        let door = target.subresource.split('/').next().unwrap_or_default().to_owned();
        let target = Target { subresource: Cow::Owned(door), ..target.clone() };
        self.open(caller, &target, verb).map(drop)
    }

    /// The newest version of an object that is part of a request which was allowed.
    pub(crate) async fn newest_of<K: Resource>(&self, namespace: &str, name: &str) -> Result<Arc<K>> {
        let resource = GroupVersionResource::of::<K>();
        let row = self.registry.get(&resource).ok_or_else(crate::fault::unknown_path)?;
        self.cache.current().await?;
        let object = row.stored("get")?.get(&row.key(namespace, name));
        object.ok_or_else(|| Error::not_found(&row.group_resource(), name))?.decode()
    }
}
