//! An answer on its way out: its status, its headers, and a body in the form that the client wants.

use bytes::Bytes;
use futures::StreamExt;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use steersman_core::api::{ObjectList, WatchStream};
use steersman_core::runtime::ByteStream;
use steersman_core::{Error, Object, Result};

use super::accept::{Form, Media};
use super::indent::Indent;
use super::show::{self, Show};
#[cfg(feature = "http")]
use super::upgrade::Upgrade;
use super::{Body, events, list, warnings};
use crate::pipeline::Core;

const WARNING: HeaderName = http::header::WARNING;

/// An answer on its way out.
pub(crate) struct Answer {
    code: u16,
    headers: HeaderMap,
    body: Body,
}

impl Answer {
    fn new(code: u16, media_type: &'static str, body: Body) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Answer { code, headers, body }
    }

    /// An object.
    pub(super) fn object(code: u16, object: &Object, show: &Show) -> Result<Self> {
        Ok(Self::new(code, show.form.media.name(), Body::Full(show.object(object)?)))
    }

    /// A status that is no failure.
    pub(super) fn status(status: &Status, show: &Show) -> Result<Self> {
        let json = serde_json::to_vec(status).map_err(Error::internal)?;
        Ok(Self::new(200, show.form.media.name(), Body::Full(of_status(&show.core, show.form, &json)?)))
    }

    /// Objects of a collection.
    pub(super) fn list(list: ObjectList, show: &Show) -> Result<Self> {
        Ok(Self::new(200, show.form.media.name(), list::body(show, list)?))
    }

    /// The events of a watch.
    pub(super) fn events(events: WatchStream, show: Show) -> Self {
        let media_type = match show.form.media {
            Media::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
            media => media.name(),
        };
        Self::new(200, media_type, Body::Chunks(events::frames(show, events).boxed()))
    }

    /// Bytes as they come.
    pub(super) fn stream(media_type: &'static str, bytes: ByteStream) -> Self {
        Self::new(200, media_type, Body::Chunks(bytes))
    }

    /// What somebody else answered.
    #[cfg(feature = "http")]
    pub(super) fn proxied(code: u16, headers: HeaderMap, bytes: ByteStream) -> Self {
        Answer { code, headers, body: Body::Chunks(bytes) }
    }

    /// What follows on the same connection.
    #[cfg(feature = "http")]
    pub(super) fn upgrade(headers: HeaderMap, upgrade: Upgrade) -> Self {
        Answer { code: 101, headers, body: Body::Upgrade(upgrade) }
    }

    /// Plain text.
    pub(crate) fn text(code: u16, text: impl Into<Bytes>) -> Self {
        Self::new(code, "text/plain; charset=utf-8", Body::Full(text.into()))
    }

    /// A document of that media type.
    pub(crate) fn document(media_type: &str, body: impl Into<Bytes>) -> Result<Self> {
        let media_type = HeaderValue::from_str(media_type).map_err(Error::internal)?;
        Ok(Self::bare(200).bearing(body.into()).with(CONTENT_TYPE, media_type))
    }

    /// No body, and no type of one: 304 to a client that has the document, 404 or 406 where upstream says no more.
    pub(crate) fn bare(code: u16) -> Self {
        Answer { code, headers: HeaderMap::new(), body: Body::Full(Bytes::new()) }
    }

    fn bearing(self, body: Bytes) -> Self {
        Answer { body: Body::Full(body), ..self }
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
    pub(super) fn warned<'w>(mut self, told: impl Iterator<Item = &'w str>) -> Self {
        for warning in warnings::headers(told) {
            self.headers.append(WARNING, warning);
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
pub(super) fn of_error(core: &Core, form: Form, error: &Error) -> Answer {
    let json = serde_json::to_vec(error.status()).unwrap_or_default();
    let body = of_status(core, form, &json).unwrap_or_else(|_| json.into());
    failed(form.media.name(), body, error)
}

/// The same in JSON, where nobody has looked at what the client accepts.
#[cfg(feature = "tower")]
pub(super) fn in_json(error: &Error) -> Answer {
    failed(Media::Json.name(), serde_json::to_vec(error.status()).unwrap_or_default().into(), error)
}

fn failed(media_type: &'static str, body: Bytes, error: &Error) -> Answer {
    let mut answer = Answer::new(error.code(), media_type, Body::Full(body));
    let seconds = error.status().details.as_ref().and_then(|details| details.retry_after_seconds);
    if let Some(seconds) = seconds {
        answer.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

/// A status, which is never shown as anything else.
pub(super) fn of_status(core: &Core, form: Form, json: &[u8]) -> Result<Bytes> {
    match form.media {
        Media::Protobuf => {
            let kind = steersman_core::resource::GroupVersionKind::new("", "v1", "Status");
            let schema =
                core.tables.schema(&kind).ok_or_else(|| Error::internal("a status has no schema"))?;
            Ok(show::enveloped("v1", "Status", &show::message(&schema, json)?))
        }
        Media::Yaml => show::yaml(json),
        Media::Json if form.pretty => Ok(Indent::default().piece(json).into()),
        Media::Json => Ok(Bytes::copy_from_slice(json)),
    }
}
