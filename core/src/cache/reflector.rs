//! Keeps a cache equal to the server: lists once, follows a watch, resumes it, lists again where history is gone.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt;
use futures::future::poll_fn;
use futures::stream::Fuse;

use super::Shared;
use crate::api::{Bookmarks, ListOptions, ObjectList, WatchEvent, WatchOptions, WatchStream};
use crate::backoff::Backoff;
use crate::client::Client;
use crate::env::Env;
use crate::error::{Error, Result};

/// The delays of upstream's reflectors.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(800), Duration::from_secs(30)).with_jitter(1.0);

/// How many objects one page of a list holds at most.
const PAGE: usize = 10_000;

/// How many events are taken over in one step at most, for readers not to wait long.
const BATCH: usize = 256;

/// A watch ends after this long, up to twice as long, and is resumed: far longer than the five minutes of upstream's clients,
/// for most have the server in their own process, and connections that died are found out by their own keep-alive.
const WATCH_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Runs until it is dropped.
pub(super) async fn run(env: Env, client: Client, shared: Arc<Shared>) {
    let reflector = Reflector { env, client, shared };
    let mut failures = 0;
    loop {
        match reflector.list().await {
            Ok(list) => {
                failures = 0;
                let version = list.resource_version.clone();
                reflector.shared.replace(list);
                reflector.follow(version).await;
            }
            Err(error) => reflector.pause(&mut failures, "list", &error).await,
        }
    }
}

struct Reflector {
    env: Env,
    client: Client,
    shared: Arc<Shared>,
}

impl Reflector {
    /// Reads all there is, as of one version.
    async fn list(&self) -> Result<ObjectList> {
        let selection = &self.shared.selection;
        let mut options = ListOptions {
            labels: selection.labels.clone(),
            fields: selection.fields.clone(),
            limit: PAGE,
            ..ListOptions::default()
        };
        let mut whole = ObjectList::default();
        loop {
            let page = self.client.api().list(&selection.target, &options).await?;
            whole.items.extend(page.items);
            whole.resource_version = page.resource_version;
            if page.continue_token.is_empty() {
                return Ok(whole);
            }
            options.continue_token = page.continue_token;
        }
    }

    /// Follows changes from `version` on; returns once it is too old to be resumed.
    async fn follow(&self, mut version: String) {
        let mut failures = 0;
        loop {
            let before = version.clone();
            let outcome = match self.watch(&version).await {
                Ok(events) => self.drain(events, &mut version).await,
                Err(error) => Err(error),
            };
            if version != before {
                failures = 0;
            }
            match outcome {
                Ok(()) if version != before => {}
                // A server that ends its watches at once is not to be asked again at once.
                Ok(()) => self.pause(&mut failures, "watch", &"it ended without an event").await,
                Err(error) if error.is_expired() => return,
                Err(error) => self.pause(&mut failures, "watch", &error).await,
            }
        }
    }

    async fn watch(&self, version: &str) -> Result<WatchStream> {
        let selection = &self.shared.selection;
        let options = WatchOptions {
            labels: selection.labels.clone(),
            fields: selection.fields.clone(),
            resource_version: version.to_owned(),
            bookmarks: Bookmarks::AtEnd,
            timeout: Some(self.env.jitter(WATCH_LIMIT, 1.0)),
            ..WatchOptions::default()
        };
        self.client.api().watch(&selection.target, &options).await
    }

    /// Takes over events until the watch ends; `version` is the last that was delivered.
    async fn drain(&self, events: WatchStream, version: &mut String) -> Result<()> {
        let (mut events, mut batch) = (events.fuse(), Vec::new());
        loop {
            ready(&mut events, &mut batch).await;
            if batch.is_empty() {
                return Ok(());
            }
            let failure = split_failure(&mut batch);
            if let Some(last) = batch.last().and_then(version_of) {
                last.clone_into(version);
                self.shared.apply(&mut batch, version);
            }
            if let Some(error) = failure {
                return Err(error);
            }
        }
    }

    async fn pause(&self, failures: &mut u32, verb: &str, why: &(dyn std::fmt::Display + Sync)) {
        *failures = failures.saturating_add(1);
        let resource = &self.shared.selection.target.resource;
        tracing::debug!(%resource, failures, "{verb} will be tried again: {why}");
        self.env.sleep(BACKOFF.delay(&self.env, *failures)).await;
    }
}

/// Waits for an event and takes all that are ready with it into an empty batch, which stays empty at the end of the watch.
/// Unlike `ready_chunks`, it does not make room for a whole batch each time: most events come alone.
async fn ready(events: &mut Fuse<WatchStream>, batch: &mut Vec<WatchEvent>) {
    poll_fn(|cx| {
        while batch.len() < BATCH {
            match events.poll_next_unpin(cx) {
                Poll::Ready(Some(event)) => batch.push(event),
                Poll::Pending if batch.is_empty() => return Poll::Pending,
                Poll::Pending | Poll::Ready(None) => break,
            }
        }
        Poll::Ready(())
    })
    .await
}

/// Cuts a batch off before its first error.
fn split_failure(batch: &mut Vec<WatchEvent>) -> Option<Error> {
    let at = batch.iter().position(|event| matches!(event, WatchEvent::Error(_)))?;
    match batch.drain(at..).next() {
        Some(WatchEvent::Error(error)) => Some(error),
        _ => None,
    }
}

fn version_of(event: &WatchEvent) -> Option<&str> {
    match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
            Some(object.resource_version())
        }
        WatchEvent::Bookmark { resource_version, .. } => Some(resource_version),
        WatchEvent::Error(_) => None,
    }
}
