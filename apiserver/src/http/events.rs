//! Writes the events of a watch, each as a whole.

use bytes::{BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use serde_json::{Value, json};
use steersman_core::api::{WatchEvent, WatchStream};
use steersman_core::{Error, Object, Result};

use super::accept::{Media, Shape};
use super::answer;
use super::show::{self, Show};
use crate::registry::Served;
use crate::wire;

/// The events as they are sent. In place of one that cannot be shown, the client is told why.
pub(super) fn frames(show: Show, events: WatchStream) -> impl Stream<Item = Bytes> + Send + 'static {
    let mut is_first = true;
    events.map(move |event| {
        let frame = frame(&show, &event, std::mem::replace(&mut is_first, false));
        frame.unwrap_or_else(|error| error_frame(&show, &error))
    })
}

fn frame(show: &Show, event: &WatchEvent, is_first: bool) -> Result<Bytes> {
    let (kind, object) = match event {
        WatchEvent::Added(object) => ("ADDED", object.clone()),
        WatchEvent::Modified(object) => ("MODIFIED", object.clone()),
        WatchEvent::Deleted(object) => ("DELETED", object.clone()),
        WatchEvent::Bookmark { resource_version, initial_events_end } => {
            ("BOOKMARK", bookmark(&show.row, resource_version, *initial_events_end)?)
        }
        WatchEvent::Error(error) => return Ok(error_frame(show, error)),
        _ => return Err(Error::internal("an event of a kind that is not known")),
    };
    let shown = match show.form.shape {
        // Later tables have the headings of the first.
        Shape::Table(version) if !is_first => table_without_headings(show, &object, version)?,
        _ => show.object(&object)?,
    };
    Ok(framed(show.form.media, kind, &shown))
}

fn table_without_headings(show: &Show, object: &Object, version: &str) -> Result<Bytes> {
    let metadata = json!({"resourceVersion": object.resource_version()});
    let mut table = show::table_head(version, &metadata, &Value::Null);
    show.put_row(&mut table, &show.columns(object.kind()), object, version)?;
    table.extend_from_slice(b"]}");
    Ok(table.into())
}

fn error_frame(show: &Show, error: &Error) -> Bytes {
    let json = serde_json::to_vec(error.status()).unwrap_or_default();
    let status = answer::of_status(&show.core, show.form, &json).unwrap_or_default();
    framed(show.form.media, "ERROR", &status)
}

fn framed(media: Media, kind: &str, object: &[u8]) -> Bytes {
    if media == Media::Protobuf {
        return wire::frame(kind, object);
    }
    let mut line = BytesMut::with_capacity(object.len() + 40);
    line.put_slice(b"{\"type\":\"");
    line.put_slice(kind.as_bytes());
    line.put_slice(b"\",\"object\":");
    line.put_slice(object);
    line.put_slice(b"}\n");
    line.freeze()
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
