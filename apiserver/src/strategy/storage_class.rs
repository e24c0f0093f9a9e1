//! StorageClasses and VolumeAttributesClasses: how volumes are made, which does not change.

use std::collections::{BTreeMap, BTreeSet};

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::labels;
use steersman_core::tree::Value;

use super::{Strategy, checks, pod_spec};
use crate::tree::{Fill, Read, fields};

/// The most parameters.
const MOST: usize = 512;

/// The most bytes in the names and values of parameters.
const LARGEST: usize = 256 * 1024;

/// The strategy of storage classes.
pub(super) struct StorageClasses;

impl Strategy for StorageClasses {
    fn default(&self, object: &mut Value) {
        let class = fields(object);
        class.fill("reclaimPolicy", "Delete");
        class.fill("volumeBindingMode", "Immediate");
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        check_provisioner(object, "provisioner", &mut errors);
        check_parameters(object, &mut errors);
        let policies = ["Delete", "Retain"];
        let policy = object.text("reclaimPolicy");
        if !policy.is_empty() {
            checks::one_of(policy, &policies, &Path::new("reclaimPolicy"), &mut errors);
        }
        let modes = ["Immediate", "WaitForFirstConsumer"];
        let mode = object.text("volumeBindingMode");
        checks::one_of(mode, &modes, &Path::new("volumeBindingMode"), &mut errors);
        check_topologies(object.items("allowedTopologies"), &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        for field in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
            checks::unchanged(object, old, field, &Path::ROOT, &mut errors);
        }
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let (mut warnings, topologies) = (Vec::new(), Path::new("allowedTopologies"));
        for (index, term) in object.items("allowedTopologies").iter().enumerate() {
            let item = topologies.index(index);
            let at = item.child("matchLabelExpressions");
            for (index, expression) in term.items("matchLabelExpressions").iter().enumerate() {
                let why = pod_spec::renamed_node_label(expression.text("key"));
                warnings.extend(why.map(|why| format!("{}: {why}", at.index(index).child("key"))));
            }
        }
        warnings
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

/// The strategy of volume attributes classes.
pub(super) struct VolumeAttributesClasses;

impl Strategy for VolumeAttributesClasses {
    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        check_provisioner(object, "driverName", &mut errors);
        check_parameters(object, &mut errors);
        if object.entries("parameters").next().is_none() {
            let why = "must contain at least one key/value pair";
            errors.push(Error::required(&Path::new("parameters"), why));
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        for field in ["driverName", "parameters"] {
            if object.at(field) != old.at(field) {
                let why = format!("updates to {field} are forbidden.");
                errors.push(Error::forbidden(&Path::new(field), why));
            }
        }
        errors.extend(self.validate(object));
        errors
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

fn check_provisioner(class: &Value, field: &str, errors: &mut ErrorList) {
    if checks::required(class, field, &Path::ROOT, errors) {
        let name = class.text(field).to_lowercase();
        checks::each(labels::qualified_name(&name), &name, &Path::new(field), errors);
    }
}

fn check_parameters(class: &Value, errors: &mut ErrorList) {
    let at = Path::new("parameters");
    let parameters: Vec<(&str, &Value)> = class.entries("parameters").collect();
    if parameters.len() > MOST {
        errors.push(Error::too_long(&at, MOST));
        return;
    }
    let mut bytes = 0;
    for (key, value) in parameters {
        if key.is_empty() {
            errors.push(Error::invalid(&at, key, "field can not be empty."));
        }
        bytes += key.len() + value.as_str().map_or(0, str::len);
    }
    if bytes > LARGEST {
        errors.push(Error::too_long(&at, LARGEST));
    }
}

fn check_topologies(terms: &[Value], errors: &mut ErrorList) {
    let topologies = Path::new("allowedTopologies");
    for (index, term) in terms.iter().enumerate() {
        let item = topologies.index(index);
        let at = item.child("matchLabelExpressions");
        let expressions = term.items("matchLabelExpressions");
        for (index, expression) in expressions.iter().enumerate() {
            let (path, key) = (at.index(index), expression.text("key"));
            check_values(expression, &path.child("values"), errors);
            errors.extend(labels::validate_label_name(key, &path.child("key")));
            if expressions[..index].iter().any(|before| before.text("key") == key) {
                errors.push(Error::duplicate(&path.child("key"), key));
            }
        }
        let (wanted, before) = (meaning(term), &terms[..index]);
        // Upstream compares with as many empty terms first as there are terms.
        let empty = if wanted.is_empty() { terms.len() } else { 0 };
        let same = before.iter().filter(|before| meaning(before) == wanted).count();
        errors.extend((0..empty + same).map(|_| Error::duplicate(&at, "")));
    }
}

/// The values that each key may have.
fn meaning(term: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
    let expressions = term.items("matchLabelExpressions").iter();
    expressions.map(|expression| (expression.text("key"), expression.texts("values").collect())).collect()
}

fn check_values(expression: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let values: Vec<&str> = expression.texts("values").collect();
    if values.is_empty() {
        errors.push(Error::required(at, ""));
    }
    for (index, value) in values.iter().enumerate() {
        if values[..index].contains(value) {
            errors.push(Error::duplicate(&at.index(index), *value));
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_policy_may_be_left_empty_and_old_labels_are_warned_of() {
        let term = json!({"matchLabelExpressions": [{"key": "beta.kubernetes.io/os", "values": ["linux"]}]});
        let class = json!({"provisioner": "a", "reclaimPolicy": "", "volumeBindingMode": "Immediate",
            "allowedTopologies": [term]});
        assert_eq!(StorageClasses.validate(&class).len(), 0);
        assert_eq!(
            StorageClasses.warnings(&class, None),
            [
                "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.14; use \"kubernetes.io/os\" \
              instead"
            ]
        );
    }

    #[test]
    fn a_topology_is_named_once_in_whatever_order() {
        let term = |values: [&str; 2]| json!({"matchLabelExpressions": [{"key": "a", "values": values}]});
        let faults = |terms: &[Value]| {
            let mut errors = ErrorList::new();
            check_topologies(terms, &mut errors);
            errors.len()
        };
        assert_eq!(faults(&[term(["x", "y"]), term(["x", "z"])]), 0);
        assert_eq!(faults(&[term(["x", "y"]), term(["y", "x"])]), 1);
        assert_eq!(faults(&[json!({})]), 1);
    }
}
