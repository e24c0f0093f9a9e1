//! A body on its way in: its tree, brought into the form of its kind.

use steersman_core::api::{FieldValidation, Patch};
use steersman_core::field::{self, Path};
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Map, Value};
use steersman_core::{Error, Result};

use crate::registry::Served;
use crate::schema::{Duplicates, Schema};

/// The tree of a body, and what only its text could tell.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) tree: Value,
    pub(crate) duplicates: Duplicates,
}

impl From<Value> for Body {
    fn from(tree: Value) -> Self {
        Body { tree, duplicates: Duplicates::default() }
    }
}

/// A patch, and what only its text could tell.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) patch: Patch,
    pub(crate) duplicates: Duplicates,
}

impl From<Patch> for Change {
    fn from(patch: Patch) -> Self {
        Change { patch, duplicates: Duplicates::default() }
    }
}

impl Body {
    /// The body as an object of the row's kind: of the right types, pruned, with static defaults. What is as in `old`, the
    /// object that it replaces, is shared with that.
    pub(crate) fn into_version(
        self,
        row: &Served,
        old: Option<&Value>,
        validation: FieldValidation,
        warnings: &mut Vec<String>,
    ) -> Result<Value> {
        if row.custom {
            check_custom_kind(&self.tree, &row.kind)?;
        }
        let mut tree = self.into_kind(&row.kind, &row.schema, old, validation, warnings)?;
        row.schema.default(&mut tree);
        Ok(tree)
    }

    /// The body as a value of a kind; 400 if it is of another.
    pub(crate) fn into_kind(
        self,
        kind: &GroupVersionKind,
        schema: &Schema,
        old: Option<&Value>,
        validation: FieldValidation,
        warnings: &mut Vec<String>,
    ) -> Result<Value> {
        let Body { mut tree, duplicates } = self;
        if let Some(merged) = duplicates.merged().filter(|_| !schema.is_custom()) {
            tree = merged;
        }
        let fields = tree.as_object_mut().ok_or_else(|| not_an_object(kind))?;
        check_kind(fields, kind)?;
        warnings.extend(schema.admit_over(&mut tree, old, kind, &duplicates, validation)?);
        Ok(tree)
    }
}

/// A custom resource of another kind is read, and found invalid.
fn check_custom_kind(tree: &Value, wanted: &GroupVersionKind) -> Result<()> {
    let kind = tree["kind"].as_str().filter(|kind| !kind.is_empty() && *kind != wanted.kind);
    let is_of_version = tree["apiVersion"].as_str().is_some_and(|version| wanted.has_api_version(version));
    let Some(kind) = kind.filter(|_| is_of_version) else { return Ok(()) };
    let found = GroupVersionKind::from_api_version(&wanted.api_version(), kind);
    let error = field::Error::invalid(&Path::new("kind"), kind, format!("must be {}", wanted.kind));
    Err(Error::invalid(&found, tree["metadata"]["name"].as_str().unwrap_or_default(), &[error]))
}

/// Fills in `apiVersion` and `kind`; 400 if the body has others.
fn check_kind(fields: &mut Map, wanted: &GroupVersionKind) -> Result<()> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let (says_version, says_kind) = (!api_version.is_empty(), !kind.is_empty());
    if says_version && !wanted.has_api_version(api_version) {
        let expected = wanted.api_version();
        return Err(Error::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({expected})"
        )));
    }
    if says_kind && kind != wanted.kind {
        let (version, expected) = (&wanted.version, wanted.api_version());
        return Err(Error::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {}: no kind {kind:?} is registered for version \
             {expected:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
            wanted.kind,
        )));
    }
    if !says_version {
        fields.insert("apiVersion", wanted.api_version().into());
    }
    if !says_kind {
        fields.insert("kind", wanted.kind.as_ref().into());
    }
    Ok(())
}

fn not_an_object(kind: &GroupVersionKind) -> Error {
    Error::bad_request(format!(
        "{} in version {:?} cannot be handled as a {}: json: cannot unmarshal the body into Go value of type {}",
        kind.kind, kind.version, kind.kind, kind.kind
    ))
}
