//! Writes the events of a watch: each whole, and what is ready at the same time together, so that it costs one frame.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::Fuse;
use futures::{Stream, StreamExt};
use steersman_core::api::{WatchEvent, WatchStream};
use steersman_core::tree::{Value, json};
use steersman_core::{Error, Object, Result};

use super::accept::{Media, Shape};
use super::answer;
use super::show::{self, Show};
use crate::registry::Served;
use crate::wire;

/// Events are put together until there are so many bytes of them.
const TOGETHER: usize = 16 * 1024;

/// The events as they are sent. In place of one that cannot be shown, the client is told why.
pub(super) fn frames(show: Show, events: WatchStream) -> impl Stream<Item = Bytes> + Send + 'static {
    Frames { show, events: events.fuse(), is_first: true }
}

struct Frames {
    show: Show,
    events: Fuse<WatchStream>,
    is_first: bool,
}

impl Stream for Frames {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut ready = Vec::new();
        while ready.len() < TOGETHER {
            match self.events.poll_next_unpin(cx) {
                Poll::Ready(Some(event)) => self.put(&mut ready, &event),
                Poll::Pending if ready.is_empty() => return Poll::Pending,
                Poll::Ready(None) if ready.is_empty() => return Poll::Ready(None),
                Poll::Pending | Poll::Ready(None) => break,
            }
        }
        Poll::Ready(Some(ready.into()))
    }
}

impl Frames {
    fn put(&mut self, out: &mut Vec<u8>, event: &WatchEvent) {
        let is_first = std::mem::replace(&mut self.is_first, false);
        let (kind, shown) = match shown(&self.show, event, is_first) {
            Ok(shown) => shown,
            Err(error) => ("ERROR", failure(&self.show, &error)),
        };
        match self.show.form.media {
            Media::Protobuf => out.extend_from_slice(&wire::frame(kind, &shown)),
            Media::Json | Media::Yaml => put_line(out, kind, &shown),
        }
    }
}

/// The type of an event, and its object in the form that the client wants.
fn shown(show: &Show, event: &WatchEvent, is_first: bool) -> Result<(&'static str, Bytes)> {
    let made;
    let (kind, object) = match event {
        WatchEvent::Added(object) => ("ADDED", object),
        WatchEvent::Modified(object) => ("MODIFIED", object),
        WatchEvent::Deleted(object) => ("DELETED", object),
        WatchEvent::Bookmark { resource_version, initial_events_end } => {
            made = bookmark(&show.row, resource_version, *initial_events_end)?;
            ("BOOKMARK", &made)
        }
        WatchEvent::Error(error) => return Ok(("ERROR", failure(show, error))),
        _ => return Err(Error::internal("an event of a kind that is not known")),
    };
    let shown = match show.form.shape {
        // Later tables have the headings of the first.
        Shape::Table(version) if !is_first => table_without_headings(show, object, version)?,
        _ => show.object(object)?,
    };
    Ok((kind, shown))
}

fn table_without_headings(show: &Show, object: &Object, version: &str) -> Result<Bytes> {
    let metadata = json!({"resourceVersion": object.resource_version()});
    let mut table = show::table_head(version, &metadata, &Value::Null);
    show.put_row(&mut table, &show.columns(object.kind()), object, version)?;
    table.extend_from_slice(b"]}");
    Ok(table.into())
}

fn failure(show: &Show, error: &Error) -> Bytes {
    let json = serde_json::to_vec(error.status()).unwrap_or_default();
    answer::of_status(&show.core, show.form, &json).unwrap_or_default()
}

fn put_line(out: &mut Vec<u8>, kind: &str, object: &[u8]) {
    let parts: [&[u8]; 5] = [b"{\"type\":\"", kind.as_bytes(), b"\",\"object\":", object, b"}\n"];
    out.reserve(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// An object of the kind that is empty but for its version.
fn bookmark(row: &Served, version: &str, initial_events_end: bool) -> Result<Object> {
    let mut object = row.blank_object();
    let mut metadata = json!({"resourceVersion": version});
    if initial_events_end {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    object["metadata"] = metadata;
    object["apiVersion"] = row.kind.api_version().into();
    object["kind"] = row.kind.kind.as_ref().into();
    Object::from_value(&object)
}
