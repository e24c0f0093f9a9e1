//! Deletes every object of a collection that matches.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{ListOptions, ObjectList, Target};
use steersman_core::{Object, Result};

use super::delete::{check_options, is_dry_run};
use super::request::{Passage, Request};
use super::{Caller, Core};
use crate::admission::Options;

/// How many objects are listed at a time, where the client sets no limit; upstream's `deleteCollectionPageSize`.
const PAGE: usize = 1000;

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
        request.warn_of_dependents(options);
        let mut options_of_page = list.clone();
        if list.limit == 0 {
            options_of_page.limit = PAGE;
        }
        let mut whole: Option<ObjectList> = None;
        loop {
            let page = request.list(&options_of_page).await?;
            for object in &page.items {
                request.delete_one(object, options).await?;
            }
            options_of_page.continue_token.clone_from(&page.continue_token);
            options_of_page.resource_version.clear();
            options_of_page.version_match = None;
            // The answer tells of the first page whether there are more, even if there were no more in the end.
            match &mut whole {
                Some(whole) => whole.items.extend(page.items),
                None => whole = Some(page),
            }
            if list.limit > 0 || options_of_page.continue_token.is_empty() {
                break;
            }
        }
        request.settle(true).await?;
        Ok(whole.unwrap_or_default())
    }
}

impl Request<'_> {
    async fn delete_one(&self, object: &Object, options: &DeleteOptions) -> Result<()> {
        let one = self.target.clone().in_namespace(object.namespace()).named(object.name());
        let mut each = self.core.reopen(self.caller, &one, self.row.resource())?;
        (each.dry_run, each.options) = (self.dry_run, Options::Delete(options));
        each.passage = Passage::Nameless;
        match each.delete(options).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}
