//! Whether a policy, or a binding, is about a write, and in which version the write is shown to it.

use steersman_core::Result;
use steersman_core::tree::Value;

use crate::admission::Attributes;
use crate::admission::rules::Version;
use crate::admission::selectors::Selectors;
use crate::tree::Read;

/// The version of the written resource that a selection names; without rules it is that of the write. `None` if it does
/// not select the write; upstream's `Matcher.Matches`.
///
/// # Errors
/// It names the write, and whether it selects it cannot be found out.
pub(super) fn select(selection: &Value, write: &Attributes<'_>) -> Result<Option<Version>> {
    let selectors = Selectors::read(selection);
    let in_namespace = selectors.select_namespace(write);
    if matches!(in_namespace, Ok(false)) || !selectors.select_object(write) {
        return Ok(None);
    }
    let is_equivalent = selection.text("matchPolicy") == "Equivalent";
    let named = |rules: &[Value]| Version::named(rules, is_equivalent, write);
    if named(selection.items("excludeResourceRules"))?.is_some() {
        return Ok(None);
    }
    let version = match selection.items("resourceRules") {
        [] => Some(Version::own(write)),
        rules => named(rules)?,
    };
    if version.is_some() {
        in_namespace?;
    }
    Ok(version)
}

/// Whether the selection of a binding leaves a write to its policy; where there is none, it leaves all.
pub(super) fn narrows(selection: &Value, write: &Attributes<'_>) -> Result<bool> {
    Ok(selection.is_null() || select(selection, write)?.is_some())
}
