//! IngressClasses: their controller, which does not change, and its parameters.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::Value;

use super::{Strategy, checks};
use crate::tree::{Fill, Read, fields};

/// The longest name of a controller, in bytes.
const LONGEST: usize = 250;

/// The strategy of ingress classes.
pub(super) struct IngressClasses;

impl Strategy for IngressClasses {
    fn default(&self, object: &mut Value) {
        if let Some(parameters) = fields(object).object("spec").object_mut("parameters") {
            parameters.fill("scope", "Cluster");
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let (spec, path) = (object.at("spec"), at.child("controller"));
        let controller = spec.text("controller");
        if controller.len() > LONGEST {
            errors.push(Error::too_long(&path, LONGEST));
        }
        checks::domain_prefixed_path(controller, &path, &mut errors);
        if spec.has("parameters") {
            check_parameters(spec.at("parameters"), &at.child("parameters"), &mut errors);
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        checks::unchanged(object.at("spec"), old.at("spec"), "controller", &at, &mut errors);
        errors.extend(self.validate(object));
        errors
    }
}

fn check_parameters(parameters: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::local_reference(parameters, at, errors);
    let (scope, path) = (parameters.text("scope"), at.child("namespace"));
    checks::one_of(scope, &["Cluster", "Namespace"], &at.child("scope"), errors);
    match (scope, parameters.at("namespace").as_str()) {
        ("Namespace", None) => {
            errors.push(Error::required(&path, "`parameters.scope` is set to 'Namespace'"));
        }
        ("Namespace", Some(namespace)) => {
            checks::each(names::dns1123_label(namespace), namespace, &path, errors);
        }
        ("Cluster", Some(_)) => {
            errors.push(Error::forbidden(&path, "`parameters.scope` is set to 'Cluster'"));
        }
        _ => {}
    }
}
