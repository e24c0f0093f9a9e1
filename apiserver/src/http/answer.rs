//! Writes answers: objects, lists, events and statuses as JSON.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use serde_json::{Value, json};
use steersman_core::api::{ObjectList, WatchEvent};
use steersman_core::{Error, Object, Result};

use super::Body;
use crate::encode;
use crate::registry::Served;

const WARNING: HeaderName = http::header::WARNING;

/// An answer on its way out.
pub(crate) struct Answer {
    code: u16,
    headers: HeaderMap,
    body: Body,
}

impl Answer {
    fn json(code: u16, json: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Answer { code, headers, body: Body::Full(json.into()) }
    }

    /// An object.
    pub(super) fn object(code: u16, object: &Object) -> Self {
        Self::json(code, object.json().clone())
    }

    /// A status that is no failure.
    pub(super) fn status(status: &Status) -> Result<Self> {
        Ok(Self::json(200, serde_json::to_vec(status).map_err(Error::internal)?))
    }

    /// Objects of a collection.
    pub(super) fn list(row: &Served, list: &ObjectList) -> Result<Self> {
        Ok(Self::json(200, list_json(row, list)?))
    }

    /// The events of a watch.
    pub(super) fn chunks(body: Body) -> Self {
        Answer { body, ..Self::json(200, Bytes::new()) }
    }

    /// Plain text.
    pub(crate) fn text(code: u16, text: impl Into<Bytes>) -> Self {
        Self::json(code, text).with(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
    }

    /// A document of that media type.
    pub(crate) fn document(media_type: &str, body: impl Into<Bytes>) -> Result<Self> {
        let media_type = HeaderValue::from_str(media_type).map_err(Error::internal)?;
        Ok(Self::json(200, body).with(CONTENT_TYPE, media_type))
    }

    /// No body, and no type of one: 304 to a client that has the document, 404 or 406 where upstream says no more.
    pub(crate) fn bare(code: u16) -> Self {
        Answer { code, headers: HeaderMap::new(), body: Body::Full(Bytes::new()) }
    }

    /// The same with another code.
    pub(crate) fn with_code(mut self, code: u16) -> Self {
        self.code = code;
        self
    }

    /// What Go's router answers where no path matches.
    pub(crate) fn no_page() -> Self {
        Self::text(404, "404 page not found\n")
    }

    /// The same with a header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same with warnings.
    pub(super) fn warned(mut self, warnings: &[String]) -> Self {
        for warning in warnings {
            let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ");
            let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) else { continue };
            if !self.headers.get_all(WARNING).iter().any(|told| *told == value) {
                self.headers.append(WARNING, value);
            }
        }
        self
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = self.headers;
        response
    }
}

/// The answer to a request that failed.
pub(super) fn of_error(error: &Error) -> Answer {
    let status = serde_json::to_vec(error.status()).unwrap_or_default();
    let mut answer = Answer::json(error.code(), status);
    let seconds = error.status().details.as_ref().and_then(|details| details.retry_after_seconds);
    if let Some(seconds) = seconds {
        answer.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

/// An event of a watch, with the line break that ends it.
pub(super) fn event(row: &Served, event: &WatchEvent) -> Bytes {
    let (kind, object) = match event {
        WatchEvent::Added(object) => ("ADDED", object.json().clone()),
        WatchEvent::Modified(object) => ("MODIFIED", object.json().clone()),
        WatchEvent::Deleted(object) => ("DELETED", object.json().clone()),
        WatchEvent::Bookmark { resource_version, initial_events_end } => {
            ("BOOKMARK", bookmark(row, resource_version, *initial_events_end))
        }
        WatchEvent::Error(error) => ("ERROR", serde_json::to_vec(error.status()).unwrap_or_default().into()),
        _ => return Bytes::new(),
    };
    let mut line = BytesMut::with_capacity(object.len() + 40);
    line.put_slice(b"{\"type\":\"");
    line.put_slice(kind.as_bytes());
    line.put_slice(b"\",\"object\":");
    line.put_slice(&object);
    line.put_slice(b"}\n");
    line.freeze()
}

/// An object of the kind that is empty but for its version.
fn bookmark(row: &Served, version: &str, initial_events_end: bool) -> Bytes {
    let mut object = row.blank_object();
    let mut metadata = json!({"resourceVersion": version});
    if initial_events_end {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    object["metadata"] = metadata;
    object["apiVersion"] = row.kind.api_version().into();
    object["kind"] = row.kind.kind.as_ref().into();
    object.to_string().into()
}

fn list_json(row: &Served, list: &ObjectList) -> Result<Bytes> {
    let mut metadata = json!({"resourceVersion": list.resource_version});
    if !list.continue_token.is_empty() || row.custom {
        metadata["continue"] = list.continue_token.as_str().into();
    }
    if let Some(remaining) = list.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    let head = json!({
        "kind": row.list_kind,
        "apiVersion": row.kind.api_version(),
        "metadata": metadata,
    });
    let size: usize = list.items.iter().map(|object| object.json().len() + 1).sum();
    let mut json = BytesMut::with_capacity(size + 256);
    let head = head.to_string();
    json.put_slice(&head.as_bytes()[..head.len() - 1]);
    json.put_slice(b",\"items\":[");
    for (index, object) in list.items.iter().enumerate() {
        if index > 0 {
            json.put_u8(b',');
        }
        put_item(&mut json, row, object)?;
    }
    json.put_slice(b"]}");
    Ok(json.freeze())
}

/// Items of built-in kinds do not repeat their kind, those of custom resources do.
fn put_item(json: &mut BytesMut, row: &Served, object: &Object) -> Result<()> {
    if row.custom {
        json.put_slice(object.json());
        return Ok(());
    }
    if let Some(rest) = encode::headless(object.json()) {
        json.put_u8(b'{');
        json.put_slice(rest);
        return Ok(());
    }
    let mut tree: Value = object.to_value()?;
    if let Some(fields) = tree.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    json.put_slice(tree.to_string().as_bytes());
    Ok(())
}
