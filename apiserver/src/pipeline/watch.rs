//! Follows collections.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, stream};
use steersman_core::api::{Bookmarks, Target, WatchEvent, WatchOptions, WatchStream};
use steersman_core::selector::FieldSelector;
use steersman_core::store::Revision;
use steersman_core::{Error, Result};

use super::convert::shown;
use super::{Caller, Core, versions};
use crate::fetch::Hooks;
use crate::registry::Served;
use crate::watch_cache::Start;

impl Core {
    /// Follows the objects of a collection that match. A version that is too old is told by the stream's first event,
    /// as upstream does; and so is one that is too new, of objects that are to be as new as that.
    pub(crate) async fn watch(
        &self,
        caller: &Caller,
        target: &Target,
        options: &WatchOptions,
    ) -> Result<WatchStream> {
        let request = self.open(caller, target, "watch")?;
        versions::check_watch(options)?;
        let selection = request.selection(&options.labels, &options.fields)?;
        check_fields(&target.name, &options.fields)?;
        let wanted = versions::parse(&options.resource_version)?;
        let current = match wanted {
            None => self.cache.current().await?,
            Some(_) => self.cache.pump(),
        };
        if let (Some(true), Some(revision)) = (options.send_initial_events, wanted)
            && let Err(error) = self.cache.reach(revision).await
        {
            return Ok(stream::iter([WatchEvent::Error(error)]).boxed());
        }
        let collection = request.row.stored("watch")?;
        let start = start(options, wanted);
        let subscription = match collection.subscribe(selection, options.bookmarks, start, current) {
            Ok(subscription) => subscription,
            Err(error) => return Ok(stream::iter([WatchEvent::Error(error)]).boxed()),
        };
        let events = match options.timeout {
            Some(limit) => {
                let cache = self.cache.clone();
                subscription.until(self.env.sleep(limit).map(move |()| cache.pump())).boxed()
            }
            None => subscription.boxed(),
        };
        Ok(show(&self.hooks, request.row.clone(), events))
    }
}

/// Who follows one object by its name may select it by that name, and by nothing else.
fn check_fields(name: &str, fields: &FieldSelector) -> Result<()> {
    if name.is_empty() || fields.is_everything() || fields.requires("metadata.name") == Some(name) {
        return Ok(());
    }
    Err(Error::bad_request("fieldSelector metadata.name doesn't match requested name"))
}

fn start(options: &WatchOptions, wanted: Option<Revision>) -> Start {
    match (options.send_initial_events, wanted) {
        (Some(true), _) => Start::Everything { end_mark: options.bookmarks != Bookmarks::None },
        (Some(false), None | Some(Revision(0))) => Start::Now,
        (None, None | Some(Revision(0))) => Start::Everything { end_mark: false },
        (_, Some(revision)) => Start::After(revision),
    }
}

/// The events in the version that was asked for.
fn show(hooks: &Hooks, row: Arc<Served>, events: WatchStream) -> WatchStream {
    if row.shows_as_stored() {
        return events;
    }
    let hooks = hooks.clone();
    let shown = events.then(move |event| {
        // What was converted for one event is no use to the next.
        let (hooks, row) = (hooks.clone(), row.clone().for_request());
        async move {
            let show = |object| shown(&hooks, &row, object);
            let outcome = match event {
                WatchEvent::Added(object) => show(object).await.map(WatchEvent::Added),
                WatchEvent::Modified(object) => show(object).await.map(WatchEvent::Modified),
                WatchEvent::Deleted(object) => show(object).await.map(WatchEvent::Deleted),
                other => Ok(other),
            };
            outcome.unwrap_or_else(WatchEvent::Error)
        }
    });
    shown.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_is_selected_by_its_own_name_only() {
        let cases = [
            ("", "metadata.name=a", true),
            ("a", "", true),
            ("a", "metadata.name=a", true),
            ("a", "metadata.name=b", false),
            ("a", "metadata.namespace=n", false),
        ];
        for (name, fields, good) in cases {
            assert_eq!(check_fields(name, &fields.parse().unwrap()).is_ok(), good, "{name} {fields}");
        }
    }
}
