//! One schema engine for every kind: the built-in ones, read from the API tables, and custom resources.
//!
//! - [`decode`] turns text into trees;
//! - [`Schema::admit`] checks types, drops unknown fields and brings every value into its canonical form;
//! - [`Schema::default`] fills in static defaults;
//! - [`Schema::validate`] checks the values of custom resources.

mod builtin;
mod carried;
mod check;
mod conform;
mod cursor;
#[cfg(test)]
mod custom_tests;
pub mod decode;
mod default;
mod document;
mod fault;
mod foreign;
mod identity;
mod prune;
mod scalar;
mod settle;
mod shape;
mod structural;
mod syntax;
#[cfg(test)]
mod tests;
mod unknown;
mod yaml_fault;

use std::fmt;
use std::sync::Arc;

use steersman_core::api::FieldValidation;
use steersman_core::field::{self, ErrorList, ErrorType, Path};
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use crate::crd::{Findings, Validator};
pub(crate) use builtin::{lines as table, type_name};
use carried::Carrier;
pub(crate) use carried::{ROLLBACK, TEMPLATE_GENERATION};
pub(crate) use check::{Check, Counterparts, float, has_format, unrecognized_formats};
pub(crate) use cursor::Cursor;
pub use decode::Duplicates;
pub(crate) use document::Document;
use fault::Fault;
pub(crate) use fault::kind_of;
pub(crate) use foreign::refusal;
pub(crate) use shape::{Field, ListKind, Node, ObjectType, Presence, Rest, Scalar, Shape, TypeId};
pub(crate) use syntax::explain as explain_json;
use unknown::Unknown;

/// What is wrong with a value that an `openAPIV3Schema` describes, with fields below the value.
pub(crate) fn check_values(schema: &Value, value: &Value) -> ErrorList {
    check::check(&check::compile(schema), value, &Path::ROOT)
}

/// The shape of the objects of one kind. Cloning shares.
#[derive(Clone, Debug)]
pub struct Schema {
    document: Arc<Document>,
    root: Shape,
    /// The value rules of a custom resource; none for built-in kinds.
    rules: Option<Arc<Rules>>,
    /// What the annotations of a built-in kind stand for.
    carrier: Option<Carrier>,
}

/// What of an object is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    Status,
}

/// What the schema of a custom resource asks of its values.
#[derive(Debug)]
struct Rules {
    values: Check,
    /// The validation rules, if there are any.
    expressions: Option<Validator>,
}

/// Why an object is not of its kind.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// A value has the wrong type, or is malformed.
    Fault(Fault),
    /// There are fields that the client will not have dropped.
    Unknown(String),
}

impl Unfit {
    /// The same, as it is told where a tree and not a text is decoded.
    pub(crate) fn restoring(&self) -> String {
        match self {
            Unfit::Fault(fault) => fault.restoring(),
            Unfit::Unknown(text) => text.clone(),
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Fault(fault) => fault.fmt(f),
            Unfit::Unknown(text) => f.write_str(text),
        }
    }
}

impl Schema {
    /// The schema of a built-in kind; `None` if there is no such kind.
    pub(crate) fn builtin(document: &Arc<Document>, kind: &GroupVersionKind) -> Option<Self> {
        let root = Shape::Object(document.named(&type_name(kind))?);
        Some(Schema { document: document.clone(), root, rules: None, carrier: Carrier::of(kind) })
    }

    /// The schema of a custom resource, from an `openAPIV3Schema` that was found valid; `builtin` holds the built-in
    /// types.
    pub(crate) fn custom(builtin: &Arc<Document>, schema: &Value) -> Self {
        let (document, root) = structural::compile(builtin, schema);
        let rules = Rules { values: check::compile(schema), expressions: Validator::compile(schema) };
        Schema { document: Arc::new(document), root, rules: Some(Arc::new(rules)), carrier: None }
    }

    /// The schema of another built-in kind; `None` if there is no such kind.
    pub(crate) fn beside(&self, kind: &GroupVersionKind) -> Option<Self> {
        Schema::builtin(&self.document, kind)
    }

    /// Whether it is the schema of a custom resource.
    pub fn is_custom(&self) -> bool {
        self.rules.is_some()
    }

    /// The place of the whole object.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor::new(&self.document, &self.root)
    }

    /// Checks types, drops unknown fields, and writes every value in its canonical form. `kind` is what was asked for,
    /// `duplicates` what [`decode`] noted; the warnings are for the client.
    ///
    /// # Errors
    /// 400 if a value has the wrong type, or if fields are unknown or duplicate and the client wants that strictly.
    pub fn admit(
        &self,
        object: &mut Value,
        kind: &GroupVersionKind,
        duplicates: &Duplicates,
        validation: FieldValidation,
    ) -> Result<Vec<String>> {
        self.admit_over(object, None, kind, duplicates, validation)
    }

    /// The same of an object that is to replace `old`: see [`Schema::check_over`].
    pub(crate) fn admit_over(
        &self,
        object: &mut Value,
        old: Option<&Value>,
        kind: &GroupVersionKind,
        duplicates: &Duplicates,
        validation: FieldValidation,
    ) -> Result<Vec<String>> {
        self.check_over(object, old, duplicates, validation).map_err(|why| {
            let GroupVersionKind { version, kind, .. } = kind;
            Error::bad_request(format!(
                "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
            ))
        })
    }

    /// Does what [`Schema::admit`] does; the error is only why it is unfit.
    pub(crate) fn check(
        &self,
        object: &mut Value,
        duplicates: &Duplicates,
        validation: FieldValidation,
    ) -> Result<Vec<String>, Unfit> {
        self.check_over(object, None, duplicates, validation)
    }

    /// The same of an object that is made of `old`: what that has already needs no check in a built-in kind. The schema of
    /// a custom resource may have changed since it was written.
    pub(crate) fn check_over(
        &self,
        object: &mut Value,
        old: Option<&Value>,
        duplicates: &Duplicates,
        validation: FieldValidation,
    ) -> Result<Vec<String>, Unfit> {
        let mut unknown = Unknown::default();
        let outcome = if self.is_custom() {
            prune::object(self.cursor(), object, &mut unknown)
        } else {
            conform::object(self.cursor(), object, old, &Path::ROOT, duplicates, &mut unknown)
        };
        outcome.map_err(Unfit::Fault)?;
        if let Some(why) = self.carrier.and_then(|carrier| carrier.fault(object)) {
            return Err(Unfit::Fault(Fault::Malformed(why)));
        }
        unknown.judge(duplicates, validation).map_err(Unfit::Unknown)
    }

    /// Fills in the defaults that the schema states, and drops nulls that it has no place for. Built-in kinds have
    /// none: theirs depend on other fields, and are their [`Strategy`](crate::Strategy)'s. Doing so again changes
    /// nothing. To be done on reads too: a schema may have got defaults since the object was written.
    pub fn default(&self, object: &mut Value) {
        if self.is_custom() {
            default::object(self.cursor(), object);
        }
    }

    /// Drops from an object of a built-in kind what upstream loses once it knows who has set it; `old`, which it replaces,
    /// has nothing of that.
    pub(crate) fn settle(&self, object: &mut Value, old: Option<&Value>) {
        if !self.is_custom() {
            settle::object(self.cursor(), object, old);
        }
    }

    /// What is wrong with the values of a new custom resource; nothing for built-in kinds, whose rules are their
    /// [`Strategy`](crate::Strategy)'s.
    pub fn validate(&self, object: &Value) -> ErrorList {
        self.findings(object, None, Extent::Whole).errors
    }

    /// The same of a custom resource that replaces `old`, if there was one: what was wrong before with values that stay
    /// as they are is let pass, or a warning (KEP-4008).
    pub(crate) fn findings(&self, object: &Value, old: Option<&Value>, extent: Extent) -> Findings {
        let Some(rules) = &self.rules else { return Findings::default() };
        let mut errors = match (old, extent) {
            (None, _) => check::check(&rules.values, object, &Path::ROOT),
            (Some(old), Extent::Whole) => check::check_update(&rules.values, object, old),
            (Some(old), Extent::Status) => check_status(&rules.values, object, old),
        };
        errors.extend(identity::embedded(self.cursor(), object));
        let was_wrong = old.is_some_and(|old| !identity::repeated(self.cursor(), old).is_empty());
        if !was_wrong {
            errors.extend(identity::repeated(self.cursor(), object));
        }
        let Some(expressions) = &rules.expressions else {
            return Findings { errors, warnings: Vec::new() };
        };
        if errors.iter().any(is_blocking) {
            errors.push(unchecked());
            return Findings { errors, warnings: Vec::new() };
        }
        let found = expressions.validate(&rules.values, object, old);
        errors.extend(found.errors);
        Findings { errors, warnings: found.warnings }
    }
}

/// A status is checked by itself: upstream's words do not say that it is one, but the fields do.
fn check_status(rules: &Check, object: &Value, old: &Value) -> ErrorList {
    let (Some(rules), Some(status)) = (rules.property("status"), object.get("status")) else {
        return ErrorList::new();
    };
    let mut errors = check::check_update(rules, status, &old["status"]);
    for error in &mut errors {
        error.field = match error.field.as_str() {
            "" => "status".to_owned(),
            "<nil>" => continue,
            field => format!("status.{field}"),
        };
    }
    errors
}

/// Whether validation rules cannot be evaluated upon an object with that error.
fn is_blocking(error: &field::Error) -> bool {
    use ErrorType::{NotSupported, Required, TooLong, TooMany, TypeInvalid};
    matches!(error.kind, NotSupported | Required | TooLong | TooMany | TypeInvalid)
}

fn unchecked() -> field::Error {
    field::Error {
        kind: ErrorType::Invalid,
        field: "<nil>".to_owned(),
        value: "null".to_owned(),
        detail: "some validation rules were not checked because the object was invalid; correct the existing errors to \
                 complete validation"
            .to_owned(),
    }
}
