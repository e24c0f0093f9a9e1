//! What is wrong with an object that says it is of another kind than the expected one.

use steersman_core::api::FieldValidation;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::Value;

use super::{Duplicates, Schema};

/// What upstream's decoder says of an object of the kind `found`, whose schema is given if there is one, where `wanted` is
/// expected; `None` if it is the expected kind in another version.
pub(crate) fn refusal(
    tree: &Value,
    schema: Option<&Schema>,
    found: &GroupVersionKind,
    wanted: &GroupVersionKind,
) -> Option<String> {
    let (version, kind, name) = (&found.version, &found.kind, &wanted.kind);
    let Some(schema) = schema else {
        let api_version = found.api_version();
        return Some(format!(
            "no kind {kind:?} is registered for version {api_version:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\""
        ));
    };
    if let Err(unfit) = schema.check(&mut tree.clone(), &Duplicates::default(), FieldValidation::Ignore) {
        return Some(unfit.to_string());
    }
    let group = wanted.group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
    (kind != name).then(|| format!("converting ({version}.{kind}) to ({group}.{name}): unknown conversion"))
}
