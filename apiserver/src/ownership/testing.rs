//! Schemas for the tests of this folder.

use steersman_core::resource::GroupVersionKind;

use crate::Tables;
use crate::schema::Schema;

/// The schema of a built-in kind.
pub(super) fn schema(api_version: &str, kind: &str) -> Schema {
    Tables::load().schema(&GroupVersionKind::from_api_version(api_version, kind)).unwrap()
}
