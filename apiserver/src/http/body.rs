//! Decodes bodies by their content type.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::Value;
use steersman_core::Result;
use steersman_core::api::Patch;
use steersman_core::error::{Error, Reason};

use crate::pipeline;
use crate::schema::decode::{self, Decoded};

const FORMS: &str = "the body of the request was in an unknown format - accepted media types include: \
                     application/json, application/yaml, application/vnd.kubernetes.protobuf";

enum Form {
    Json,
    Yaml,
}

/// Reads an object.
pub(super) fn object(headers: &HeaderMap, body: Bytes) -> Result<pipeline::Body> {
    check_size(&body)?;
    let decoded = match form(headers)? {
        Form::Json => decode::json(body).map_err(|why| unreadable(&why))?,
        Form::Yaml => yaml(&body)?,
    };
    Ok(pipeline::Body { tree: decoded.value, duplicates: decoded.duplicates })
}

/// Reads a patch.
pub(super) fn patch(headers: &HeaderMap, body: Bytes) -> Result<Patch> {
    check_size(&body)?;
    let json = |body: &Bytes| decode::json(body.clone()).map(|decoded| decoded.value);
    let json =
        |body: &Bytes| json(body).map_err(|why| Error::bad_request(format!("error decoding patch: {why}")));
    match media_type(headers).as_str() {
        "application/json-patch+json" => json(&body).map(Patch::Json),
        "application/merge-patch+json" => json(&body).map(Patch::Merge),
        "application/strategic-merge-patch+json" => json(&body).map(Patch::Strategic),
        "application/apply-patch+yaml" => yaml(&body).map(|decoded| Patch::Apply(decoded.value)),
        _ => Err(Error::new(Reason::UnsupportedMediaType, "415: Unsupported Media Type").about("", "", "")),
    }
}

/// Reads the options of a delete; `None` if there is no body.
pub(super) fn delete_options(headers: &HeaderMap, body: &Bytes) -> Result<Option<DeleteOptions>> {
    check_size(body)?;
    if body.is_empty() {
        return Ok(None);
    }
    let tree = match form(headers)? {
        // Upstream reads YAML here too, whatever the type says.
        Form::Json if body.starts_with(b"{") || body.starts_with(b"\"") => {
            decode::json(body.clone()).map_err(|why| unreadable(&why))?.value
        }
        Form::Json => match yaml(body).map(|decoded| decoded.value) {
            Ok(tree @ Value::Object(_)) => tree,
            _ => return Err(unreadable(&decode::json(body.clone()).err().unwrap_or_default())),
        },
        Form::Yaml => yaml(body)?.value,
    };
    let kind = tree["kind"].as_str().unwrap_or_default();
    if !kind.is_empty() && kind != "DeleteOptions" {
        let version = tree["apiVersion"].as_str().unwrap_or_default();
        return Err(Error::bad_request(format!(
            "no kind {kind:?} is registered for version {version:?} in scheme \
             \"pkg/apis/meta/internalversion/scheme/register.go:27\""
        )));
    }
    let options = serde_json::from_value(without_kind(tree));
    options.map(Some).map_err(|error| Error::bad_request(error.to_string()))
}

fn without_kind(mut tree: Value) -> Value {
    if let Some(fields) = tree.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    tree
}

fn yaml(body: &[u8]) -> Result<Decoded> {
    let text = std::str::from_utf8(body).map_err(|error| Error::bad_request(error.to_string()))?;
    decode::yaml(text).map_err(|why| Error::bad_request(format!("error decoding YAML: {why}")))
}

fn form(headers: &HeaderMap) -> Result<Form> {
    match media_type(headers).as_str() {
        "" | "application/json" | "*/*" => Ok(Form::Json),
        "application/yaml" => Ok(Form::Yaml),
        _ => Err(Error::new(Reason::UnsupportedMediaType, FORMS)),
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn check_size(body: &Bytes) -> Result<()> {
    if body.len() > super::BODY { Err(too_large()) } else { Ok(()) }
}

/// 413: there is more of it than is read.
pub(super) fn too_large() -> Error {
    Error::new(Reason::RequestEntityTooLarge, format!("Request entity too large: limit is {}", super::BODY))
}

fn unreadable(why: &str) -> Error {
    Error::bad_request(format!("couldn't get version/kind; json parse error: {why}"))
}
