//! Deletes every object of a collection that matches.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{ListOptions, ObjectList, Target};
use steersman_core::{Object, Result};

use super::delete::{check_options, is_dry_run};
use super::request::Passage;
use super::{Caller, Core};
use crate::admission::Options;

impl Core {
    /// Deletes what matches, one after another in key order; what vanishes meanwhile is no error. Returns the objects
    /// as they were before.
    pub(crate) async fn delete_collection(
        &self,
        caller: &Caller,
        target: &Target,
        options: &DeleteOptions,
        list: &ListOptions,
    ) -> Result<ObjectList> {
        let mut request = self.open(caller, target, "deletecollection")?;
        check_options(options)?;
        request.dry_run = is_dry_run(options);
        let mut found = request.list(list).await?;
        let mut items: Vec<Object> = Vec::with_capacity(found.items.len());
        for object in &found.items {
            let one = target.clone().in_namespace(object.namespace()).named(object.name());
            let mut each = self.reopen(caller, &one, request.row.resource())?;
            (each.dry_run, each.options) = (request.dry_run, Options::Delete(options));
            each.passage = Passage::Nameless;
            match each.delete(options).await {
                Ok(_) => items.push(object.clone()),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        request.settle(true).await?;
        found.items = items;
        Ok(found)
    }
}
