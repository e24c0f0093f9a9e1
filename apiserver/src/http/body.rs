//! Decodes bodies by their content type.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::Result;
use steersman_core::api::{FieldValidation, Patch};
use steersman_core::error::{Error, Reason};
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Map, Value, from_value};

use super::accept::{self, Media};
use super::{kind, unrecognized};
use crate::patch::merge::INVALID;
use crate::patch::not_for_custom;
use crate::pipeline;
use crate::schema::Duplicates;
use crate::schema::decode::{self, Decoded};
use crate::tables::Tables;
use crate::wire::{self, Envelope};

/// No more than this many unknown fields of a patch are told of.
const TOLD: usize = 100;

/// What a body is expected to be.
pub(super) struct Expected<'a> {
    pub(super) tables: &'a Tables,
    /// What it is if it does not say so itself, as protobuf need not.
    pub(super) kind: GroupVersionKind,
    /// Whether it is about a custom resource, which there is no protobuf of.
    pub(super) is_custom: bool,
    /// Whether it must say so itself, as custom resources have to.
    pub(super) must_say: bool,
}

impl Expected<'_> {
    /// What is wrong with a text: a number beyond every type is found once it is known what is read, all else before.
    fn unfit(&self, body: &[u8], why: &str) -> Error {
        let GroupVersionKind { version, kind, .. } = &self.kind;
        if !why.starts_with("json: cannot unmarshal number") {
            return unrecognized::refuse(body, kind, &unparsed(why));
        }
        Error::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}"))
    }
}

/// Reads an object.
pub(super) fn object(headers: &HeaderMap, body: Bytes, expected: &Expected<'_>) -> Result<pipeline::Body> {
    check_size(&body)?;
    let mut decoded = match media(headers, expected.is_custom)? {
        Media::Json => decode::json(body.clone()).map_err(|why| expected.unfit(&body, &why))?,
        Media::Yaml => yaml_text(&body).map_err(|why| {
            let why = why.strip_prefix("error converting YAML to JSON: ").unwrap_or(&why);
            unrecognized::refuse(&body, &expected.kind.kind, why)
        })?,
        Media::Protobuf => return protobuf(&body, expected).map(pipeline::Body::from),
    };
    if let Some(why) = unrecognized::untold(&decoded.value) {
        return Err(unrecognized::refuse(&body, &expected.kind.kind, &why));
    }
    if expected.must_say && decoded.value.is_object() {
        unrecognized::check_said(&decoded.value, &body, &expected.kind)?;
    }
    if !expected.is_custom {
        if decoded.value.is_null() {
            decoded.value = Value::Object(Map::new());
        }
        kind::check(&mut decoded.value, &expected.kind, expected.tables)?;
    }
    Ok(pipeline::Body { tree: decoded.value, duplicates: decoded.duplicates })
}

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatchType {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchType {
    /// The type that the headers name; 415 if that is none, or none for what is patched.
    pub(super) fn of(headers: &HeaderMap, is_custom: bool) -> Result<Self> {
        match media_type(headers).as_str() {
            "application/json-patch+json" => Ok(PatchType::Json),
            "application/merge-patch+json" => Ok(PatchType::Merge),
            "application/strategic-merge-patch+json" if !is_custom => Ok(PatchType::Strategic),
            "application/apply-patch+yaml" => Ok(PatchType::Apply),
            // Custom resources are served without a router in front.
            _ if is_custom => Err(not_for_custom()),
            _ => {
                let error = Error::new(Reason::UnsupportedMediaType, "415: Unsupported Media Type");
                Err(error.about("", "", ""))
            }
        }
    }
}

/// Reads a patch. Where nothing is validated, upstream leaves JSON and merge patches to the library that applies them,
/// which has words of its own.
pub(super) fn patch(
    written: PatchType,
    body: Bytes,
    validation: FieldValidation,
) -> Result<pipeline::Change> {
    let json = |body: Bytes| {
        decode::json(body).map_err(|why| {
            Error::bad_request(match (validation, written) {
                (FieldValidation::Ignore, PatchType::Merge) => INVALID.to_owned(),
                (FieldValidation::Ignore, _) => why,
                _ => format!("error decoding patch: {why}"),
            })
        })
    };
    Ok(match written {
        PatchType::Json => {
            let Decoded { value, duplicates } = json(body)?;
            let duplicates = duplicates.of_patch("json patch ", &not_of_operations(&value));
            pipeline::Change { patch: Patch::Json(value), duplicates }
        }
        PatchType::Merge => {
            let Decoded { value, duplicates } = json(body)?;
            pipeline::Change { patch: Patch::Merge(value), duplicates: duplicates.of_patch("", &[]) }
        }
        PatchType::Strategic => {
            // Upstream says what is wrong with this one and no more.
            let Decoded { value, duplicates } = decode::json(body).map_err(Error::bad_request)?;
            pipeline::Change { patch: Patch::Strategic(value), duplicates: duplicates.of_patch("", &[]) }
        }
        PatchType::Apply => {
            let Decoded { value, duplicates } = yaml(&body)?;
            pipeline::Change { patch: Patch::Apply(value), duplicates }
        }
    })
}

/// The fields of a JSON patch that operations do not have.
fn not_of_operations(patch: &Value) -> Vec<String> {
    let operations = patch.as_array().into_iter().flatten().enumerate();
    let fields = operations.flat_map(|(index, operation)| {
        let names = operation.as_object().into_iter().flat_map(|operation| operation.keys());
        let unknown = names.filter(|name| !["from", "op", "path", "value"].contains(&name.as_str()));
        unknown.map(move |name| format!("[{index}].{name}"))
    });
    fields.take(TOLD).collect()
}

/// Reads the options of a delete; `None` if there is no body.
pub(super) fn delete_options(
    headers: &HeaderMap,
    body: &Bytes,
    expected: &Expected<'_>,
) -> Result<Option<DeleteOptions>> {
    check_size(body)?;
    if body.is_empty() {
        return Ok(None);
    }
    let tree = match media(headers, expected.is_custom)? {
        // Upstream reads YAML here too, whatever the type says.
        Media::Json if body.starts_with(b"{") || body.starts_with(b"\"") => {
            decode::json(body.clone()).map_err(|why| Error::bad_request(unparsed(&why)))?.value
        }
        Media::Json => match yaml(body).map(|decoded| decoded.value) {
            Ok(tree @ Value::Object(_)) => tree,
            _ => decode::json(body.clone()).map_err(|why| Error::bad_request(unparsed(&why)))?.value,
        },
        Media::Yaml => yaml(body)?.value,
        Media::Protobuf => protobuf(body, expected)?,
    };
    if let Some(why) = unrecognized::untold(&tree) {
        return Err(Error::bad_request(why));
    }
    if tree.is_null() {
        return Ok(Some(DeleteOptions::default()));
    }
    let kind = tree["kind"].as_str().unwrap_or_default();
    if !kind.is_empty() && kind != "DeleteOptions" {
        let version = tree["apiVersion"].as_str().unwrap_or_default();
        return Err(Error::bad_request(format!(
            "no kind {kind:?} is registered for version {version:?} in scheme \
             \"pkg/apis/meta/internalversion/scheme/register.go:27\""
        )));
    }
    let mut tree = without_kind(tree);
    if let Some(schema) = expected.tables.schema(&expected.kind) {
        let fit = schema.check(&mut tree, &Duplicates::default(), FieldValidation::Ignore);
        fit.map_err(|why| Error::bad_request(why.to_string()))?;
    }
    from_value(tree).map(Some).map_err(|error| Error::bad_request(error.to_string()))
}

fn without_kind(mut tree: Value) -> Value {
    if let Some(fields) = tree.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    tree
}

fn yaml(body: &[u8]) -> Result<Decoded> {
    yaml_text(body).map_err(|why| Error::bad_request(format!("error decoding YAML: {why}")))
}

fn yaml_text(body: &[u8]) -> std::result::Result<Decoded, String> {
    decode::yaml(std::str::from_utf8(body).map_err(|error| error.to_string())?)
}

/// Reads the message in an envelope.
fn protobuf(body: &[u8], expected: &Expected<'_>) -> Result<Value> {
    let envelope = Envelope::open(body).map_err(|why| Error::bad_request(why.to_string()))?;
    let kind = match envelope.kind {
        "" => expected.kind.clone(),
        kind => GroupVersionKind::from_api_version(envelope.api_version, kind),
    };
    let schema = expected.tables.schema(&kind).ok_or_else(|| {
        Error::bad_request(format!(
            "no kind {:?} is registered for version {:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
            kind.kind,
            kind.api_version()
        ))
    })?;
    let mut fields = wire::decode(&schema, envelope.message).map_err(|why| {
        Error::bad_request(format!("{} in version {:?} cannot be read: {why}", kind.kind, kind.version))
    })?;
    fields.insert("apiVersion".to_owned(), envelope.api_version.into());
    fields.insert("kind".to_owned(), envelope.kind.into());
    Ok(Value::Object(fields))
}

fn media(headers: &HeaderMap, is_custom: bool) -> Result<Media> {
    let name = media_type(headers);
    let offered = accept::offered(is_custom);
    match name.as_str() {
        "" | "*/*" => Ok(Media::Json),
        name => offered.iter().copied().find(|media| media.name() == name).ok_or_else(|| {
            let names: Vec<&str> = offered.iter().map(|media| media.name()).collect();
            let why = "the body of the request was in an unknown format - accepted media types include: ";
            Error::new(Reason::UnsupportedMediaType, format!("{why}{}", names.join(", ")))
        }),
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// 413 for a body that is longer than any that is read.
pub(super) fn check_size(body: &Bytes) -> Result<()> {
    if body.len() > super::BODY { Err(too_large()) } else { Ok(()) }
}

/// 413: there is more of it than is read.
pub(super) fn too_large() -> Error {
    Error::new(Reason::RequestEntityTooLarge, format!("Request entity too large: limit is {}", super::BODY))
}

/// What upstream says of a text that is no JSON where it looks for the kind.
fn unparsed(why: &str) -> String {
    format!("couldn't get version/kind; json parse error: {why}")
}
