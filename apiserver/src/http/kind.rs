//! Whether a body is of the kind that is expected, or of one that can become it.

use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use crate::schema::refusal;
use crate::tables::Tables;

/// A kind, and the older version in which it may be sent all the same.
const OLDER: &[(&str, &str)] = &[("Eviction", "policy/v1beta1")];

/// Checks the kind that the body of a request to a built-in kind says it has; an older version that is as good is
/// replaced. What the same kind in another version is worth, the pipeline says.
///
/// # Errors
/// 400 in upstream's words: there is no such kind, the body is none, or it is one of another.
pub(super) fn check(tree: &mut Value, wanted: &GroupVersionKind, tables: &Tables) -> Result<()> {
    let text = |field: &str| tree[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let api_version = text("apiVersion").unwrap_or_else(|| wanted.api_version());
    let kind = text("kind").unwrap_or_else(|| wanted.kind.to_string());
    if OLDER.contains(&(kind.as_str(), api_version.as_str())) && kind == wanted.kind {
        tree["apiVersion"] = wanted.api_version().into();
        return Ok(());
    }
    let found = GroupVersionKind::from_api_version(&api_version, &kind);
    if found == *wanted {
        return Ok(());
    }
    let schema = tables.schema(&found);
    let Some(why) = refusal(tree, schema.as_ref(), &found, wanted) else { return Ok(()) };
    let GroupVersionKind { version, kind, .. } = &found;
    Err(Error::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {}: {why}",
        wanted.kind
    )))
}
