//! Tells clients what is served: groups, versions and resources, one by one or all at once.
//!
//! Every document is made from the registry's rows when it is asked for, so what a definition adds is there at once.

mod accept;
mod aggregated;
mod groups;
mod resources;
mod root;
mod version;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use sha2::{Digest, Sha512};
use steersman_core::tree::{Value, json};
use steersman_core::{Error, Result};

use crate::fault;
use crate::http::Answer;
use crate::pipeline::Core;
pub(crate) use accept::{Form, Syntax, negotiate};
pub(crate) use groups::{Groups, Version};
pub(crate) use resources::list as resource_list;
pub(crate) use version::{GIT_VERSION, version};

pub(crate) use root::paths;

/// Where clients of the cluster reach the API server unless they are told otherwise: the service `kubernetes`.
const SERVER_PORT: u16 = 443;

/// The document of a path below `/api` or `/apis`, cut into its steps.
///
/// # Errors
/// 404 if nothing of that name is served; 406 if the client takes no form that there is.
pub(crate) fn answer(core: &Core, steps: &[&str], headers: &HeaderMap) -> Result<Answer> {
    let rows = core.registry.rows();
    let groups = Groups::of(&core.tables, &rows);
    match steps {
        ["api"] => match negotiate(headers, true)? {
            Form { syntax, aggregated: true } => {
                whole(core, &aggregated::of(&groups.legacy()), syntax, headers)
            }
            Form { syntax, .. } => plain(core, &legacy_versions(core, &groups), syntax),
        },
        ["apis"] => match negotiate(headers, true)? {
            Form { syntax, aggregated: true } => {
                whole(core, &aggregated::of(&groups.named()), syntax, headers)
            }
            Form { syntax, .. } => plain(core, &group_list(&groups), syntax),
        },
        ["apis", group] => {
            let Some(group) = groups.find(group) else { return Ok(Answer::no_page()) };
            plain(core, &group.describe(true), negotiate(headers, false)?.syntax)
        }
        ["apis", group, _] if groups.find(group).is_none() => Ok(Answer::no_page()),
        ["api", version] => versioned(core, &groups, "", version, headers),
        ["apis", group, version] => versioned(core, &groups, group, version, headers),
        _ => Err(fault::unknown_path()),
    }
}

fn versioned(
    core: &Core,
    groups: &Groups,
    group: &str,
    version: &str,
    headers: &HeaderMap,
) -> Result<Answer> {
    let found =
        groups.find(group).and_then(|group| group.version(version)).ok_or_else(fault::unknown_path)?;
    plain(core, &resources::list(group, found), negotiate(headers, false)?.syntax)
}

fn legacy_versions(core: &Core, groups: &Groups) -> Value {
    let versions: Vec<&str> =
        groups.find("").into_iter().flat_map(|group| &group.versions).map(|one| one.name.as_str()).collect();
    let address = format!("{}:{SERVER_PORT}", core.service_address);
    json!({
        "kind": "APIVersions",
        "versions": versions,
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    })
}

fn group_list(groups: &Groups) -> Value {
    let all: Vec<Value> = groups.named().iter().map(|group| group.describe(false)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": all})
}

fn plain(core: &Core, document: &Value, syntax: Syntax) -> Result<Answer> {
    Answer::document(syntax.media_type(), syntax.write(&core.tables, document)?)
}

/// Everything at once, with a tag by which a client that has it already is told so.
fn whole(core: &Core, document: &Value, syntax: Syntax, headers: &HeaderMap) -> Result<Answer> {
    let body = syntax.write(&core.tables, document)?;
    let tag = entity_tag(&body);
    let known = headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let answer = if known {
        Answer::bare(304)
    } else {
        Answer::document(&format!("{};{}", syntax.media_type(), accept::AGGREGATED), body)?
    };
    let tag = HeaderValue::from_str(&tag).map_err(Error::internal)?;
    Ok(answer.with(ETAG, tag).with(VARY, HeaderValue::from_static("Accept")))
}

/// The tag of a body: its SHA-512 in capital hexadecimal digits, in quotes.
pub(crate) fn entity_tag(body: &Bytes) -> String {
    format!("\"{}\"", hash(body))
}

/// SHA-512 in capital hexadecimal digits.
pub(crate) fn hash(text: &[u8]) -> String {
    Sha512::digest(text).iter().map(|byte| format!("{byte:02X}")).collect()
}
