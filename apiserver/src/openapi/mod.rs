//! Describes every resource to clients: `/openapi/v2` whole, `/openapi/v3` by group and version.
//!
//! Documents are made from the registry's rows and the API tables when they are asked for, and not kept: few ask, and
//! those who do keep them, by the hash that the index tells.

mod builtin;
mod custom;
mod dialect;
mod docs;
mod document;
mod names;
mod operation;
mod paths;
mod protobuf;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH, LOCATION, VARY};
use steersman_core::resource::GroupResource;
use steersman_core::tree::{Map, Value, json};
use steersman_core::{Error, Object, Result};

use crate::discovery::{Groups, Version, entity_tag, hash, resource_list};
use crate::http::{Answer, Query};
use crate::pipeline::Core;
use crate::reader::Reader;
use dialect::Dialect;
use document::{PLAIN, Source};

/// For how long a client may keep a document that it asked for by its hash: a year; it never changes.
const FOREVER: &str = "public, immutable, max-age=31536000";

const JSON: &str = "application/json";

/// The media types of documents in protobuf, and their older names, by which client-go asks.
const PROTOBUF_V2: [&str; 2] = [
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
];
const PROTOBUF_V3: [&str; 2] = [
    "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
];

/// The answer to a path below `/openapi`.
///
/// # Errors
/// Only a document that cannot be written.
pub(crate) fn answer(core: &Core, path: &str, query: &Query, headers: &HeaderMap) -> Result<Answer> {
    match path.trim_end_matches('/') {
        "/openapi/v2" => whole(&source(core)?, headers),
        "/openapi/v3" => {
            let index = json!({"paths": index(&source(core)?)});
            Ok(Answer::text(200, to_bytes(&index)?))
        }
        path => match path.strip_prefix("/openapi/v3/") {
            Some(part) => one(&source(core)?, part, query, headers),
            None => Ok(Answer::no_page()),
        },
    }
}

fn source(core: &Core) -> Result<Source> {
    let groups = Groups::of(&core.tables, &core.registry.rows());
    let resource = GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions");
    let definitions: Result<Vec<Value>> =
        Reader::list(core, &resource, "").iter().map(|one: &Object| one.to_value()).collect();
    Ok(Source { groups, definitions: definitions? })
}

fn whole(source: &Source, headers: &HeaderMap) -> Result<Answer> {
    let Some(media_type) = media_type(headers, PROTOBUF_V2) else { return Ok(Answer::bare(406)) };
    tagged(&write(&source.whole(), Dialect::V2, media_type)?, media_type, headers)
}

fn one(source: &Source, part: &str, query: &Query, headers: &HeaderMap) -> Result<Answer> {
    let Some(mark) = mark(source, part) else { return Ok(Answer::bare(404)) };
    let asked = query.text("hash");
    if !asked.is_empty() && asked != mark {
        let location = HeaderValue::from_str(&url(part, &mark)).map_err(Error::internal)?;
        return Ok(Answer::document("application/json", Bytes::new())?
            .with_code(301)
            .with(LOCATION, location));
    }
    let Some(media_type) = media_type(headers, PROTOBUF_V3) else { return Ok(Answer::bare(406)) };
    let Some(document) = source.part(part) else { return Ok(Answer::bare(404)) };
    let answer = tagged(&write(&document, Dialect::V3, media_type)?, media_type, headers)?;
    Ok(if asked.is_empty() { answer } else { answer.with(CACHE_CONTROL, HeaderValue::from_static(FOREVER)) })
}

/// A document that is not sent to a client who has it.
fn tagged(body: &Bytes, media_type: &str, headers: &HeaderMap) -> Result<Answer> {
    let tag = entity_tag(body);
    let known = headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let answer = if known { Answer::bare(304) } else { Answer::document(media_type, body.clone())? };
    let tag = HeaderValue::from_str(&tag).map_err(Error::internal)?;
    Ok(answer.with(ETAG, tag).with(VARY, HeaderValue::from_static("Accept")))
}

/// The first media type of the client's that documents are written in: JSON, or protobuf by either of its names.
fn media_type(headers: &HeaderMap, protobuf: [&'static str; 2]) -> Option<&'static str> {
    if !headers.contains_key(ACCEPT) {
        return Some(JSON);
    }
    choices(headers).find_map(|choice| match choice {
        choice if protobuf.contains(&choice) => Some(protobuf[0]),
        choice => is_json(choice).then_some(JSON),
    })
}

fn write(document: &Value, dialect: Dialect, media_type: &str) -> Result<Bytes> {
    if media_type == JSON { to_bytes(document) } else { Ok(protobuf::encode(document, dialect)) }
}

/// What the client takes, as it lists it.
fn choices(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(|choice| choice.split(';').next().unwrap_or_default().trim())
}

fn is_json(choice: &str) -> bool {
    matches!(choice, JSON | "application/*" | "*/*")
}

fn index(source: &Source) -> Map {
    let plain = PLAIN.iter().map(|(path, _)| (*path).to_owned());
    let mut parts: Vec<String> = plain.collect();
    for group in source.groups.all() {
        let base = if group.name.is_empty() { "api".to_owned() } else { format!("apis/{}", group.name) };
        parts.push(base.clone());
        parts.extend(group.versions.iter().map(|version| format!("{base}/{}", version.name)));
    }
    parts.sort();
    let entry = |part: String| {
        let mark = mark(source, &part)?;
        Some((part.clone(), json!({"serverRelativeURL": url(&part, &mark)})))
    };
    parts.into_iter().filter_map(entry).collect()
}

fn url(part: &str, mark: &str) -> String {
    format!("/openapi/v3/{part}?hash={mark}")
}

/// What changes if, and only if, a document does: a hash of what it is made from.
fn mark(source: &Source, part: &str) -> Option<String> {
    let mut from = vec![json!(concat!("steersman ", env!("CARGO_PKG_VERSION"))), json!(part)];
    let steps: Vec<&str> = part.split('/').collect();
    match steps.as_slice() {
        _ if PLAIN.iter().any(|(known, _)| *known == part) => {}
        ["apis", group] => {
            source.groups.find(group).filter(|group| !group.is_custom())?;
        }
        ["api", version] => describe(source, "", version, &mut from)?,
        ["apis", group, version] => describe(source, group, version, &mut from)?,
        _ => return None,
    }
    Some(hash(json!(from).to_string().as_bytes()))
}

fn describe(source: &Source, group: &str, version: &str, into: &mut Vec<Value>) -> Option<()> {
    let found: &Version = source.groups.find(group)?.version(version)?;
    into.push(resource_list(group, found));
    let own = source.definitions.iter().filter(|definition| definition["spec"]["group"] == *group);
    into.extend(own.map(|definition| definition["spec"].clone()));
    Some(())
}

fn to_bytes(document: &Value) -> Result<Bytes> {
    serde_json::to_vec(document).map(Bytes::from).map_err(Error::internal)
}
