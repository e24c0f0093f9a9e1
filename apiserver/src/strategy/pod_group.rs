//! PodGroups and Workloads (`scheduling.k8s.io/v1alpha2`): which pods are placed together, which does not change.
//!
//! KEP-4671 and KEP-5832. What other feature gates of upstream add to them is left out, as without those gates.

use std::collections::BTreeSet;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::{Map, Value};

use super::{Strategy, WriteContext, checks};
use crate::tree::{Fill, Read, fields};

/// The most templates of a workload.
const MOST: usize = 8;

/// Fields that belong to feature gates that are off by default.
const GATED: [&str; 5] =
    ["schedulingConstraints", "resourceClaims", "disruptionMode", "priorityClassName", "priority"];

/// The strategy of pod groups.
pub(super) struct PodGroups;

impl Strategy for PodGroups {
    fn prepare_create(&self, object: &mut Value, _: &WriteContext<'_>) {
        fields(object).drop_field("status");
        drop_gated(fields(object).object("spec"));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        let spec = object.at("spec");
        if spec.has("podGroupTemplateRef") {
            check_reference(spec.at("podGroupTemplateRef"), &path.child("podGroupTemplateRef"), &mut errors);
        }
        check_policy(spec.at("schedulingPolicy"), &path.child("schedulingPolicy"), &mut errors);
        errors
    }

    fn prepare_update(&self, object: &mut Value, _: &Value, _: &WriteContext<'_>) {
        drop_gated(fields(object).object("spec"));
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        for field in ["podGroupTemplateRef", "schedulingPolicy"] {
            checks::unchanged(object.at("spec"), old.at("spec"), field, &Path::new("spec"), &mut errors);
        }
        errors
    }
}

/// The strategy of workloads.
pub(super) struct Workloads;

impl Strategy for Workloads {
    fn prepare_create(&self, object: &mut Value, _: &WriteContext<'_>) {
        fields(object).object("spec").objects_mut("podGroupTemplates").for_each(drop_gated);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        let spec = object.at("spec");
        if spec.has("controllerRef") {
            checks::local_reference(spec.at("controllerRef"), &path.child("controllerRef"), &mut errors);
        }
        check_templates(spec.items("podGroupTemplates"), &path.child("podGroupTemplates"), &mut errors);
        errors
    }

    fn prepare_update(&self, object: &mut Value, _: &Value, cx: &WriteContext<'_>) {
        self.prepare_create(object, cx);
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        let (spec, before) = (object.at("spec"), old.at("spec"));
        if before.has("controllerRef") {
            checks::unchanged(spec, before, "controllerRef", &Path::new("spec"), &mut errors);
        }
        checks::unchanged(spec, before, "podGroupTemplates", &Path::new("spec"), &mut errors);
        errors
    }
}

fn drop_gated(spec: &mut Map) {
    GATED.iter().for_each(|field| spec.drop_field(field));
}

fn check_templates(templates: &[Value], path: &Path<'_>, errors: &mut ErrorList) {
    if templates.is_empty() {
        errors.push(Error::required(path, "must have at least one item"));
    }
    checks::at_most(templates, MOST, path, errors);
    let mut names = BTreeSet::new();
    for (at, template) in templates.iter().take(MOST).enumerate() {
        let path = path.index(at);
        let name = template.text("name");
        checks::each(names::dns_label(name, false), name, &path.child("name"), errors);
        if !names.insert(name) {
            errors.push(Error::duplicate(&path.child("name"), name));
        }
        check_policy(template.at("schedulingPolicy"), &path.child("schedulingPolicy"), errors);
    }
}

fn check_policy(policy: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    match (policy.has("basic"), policy.has("gang")) {
        (false, false) => errors.push(Error::required(path, "exactly one of `basic`, `gang` is required")),
        (true, true) => {
            let why = "exactly one of `basic`, `gang` is required, but multiple fields are set";
            errors.push(Error::invalid(path, "{`basic`, `gang`}", why));
        }
        (true, false) => {}
        (false, true) => {
            let count = policy.at("gang").int("minCount").unwrap_or_default();
            if count <= 0 {
                let path = path.child("gang");
                errors.push(Error::invalid(&path.child("minCount"), count, "must be greater than 0"));
            }
        }
    }
}

fn check_reference(reference: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    if !reference.has("workload") {
        errors.push(Error::required(path, "exactly one of `workload` is required"));
        return;
    }
    let (workload, path) = (reference.at("workload"), path.child("workload"));
    if checks::required(workload, "workloadName", &path, errors) {
        let name = workload.text("workloadName");
        checks::each(names::dns_subdomain(name, false), name, &path.child("workloadName"), errors);
    }
    if checks::required(workload, "podGroupTemplateName", &path, errors) {
        let name = workload.text("podGroupTemplateName");
        checks::each(names::dns_label(name, false), name, &path.child("podGroupTemplateName"), errors);
    }
}
