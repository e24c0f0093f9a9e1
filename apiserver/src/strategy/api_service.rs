//! APIServices: which server answers for a group and version.

use steersman_core::field::{Error, ErrorList, Path, quote};
use steersman_core::tree::{Value, json};
use steersman_core::{formats, names};

use super::{Strategy, WriteContext, checks};
use crate::moment::seconds;
use crate::tree::{Fill, Read, fields};

/// The strategy of API services.
pub(super) struct ApiServices;

impl Strategy for ApiServices {
    fn default(&self, object: &mut Value) {
        if let Some(service) = fields(object).object("spec").object_mut("service") {
            service.fill("port", 443);
        }
    }

    /// What this server answers for itself is there at once.
    fn prepare_create(&self, object: &mut Value, cx: &WriteContext<'_>) {
        if !object.at("spec").has("service") {
            let available = json!({
                "type": "Available", "status": "True", "lastTransitionTime": seconds(cx.now), "reason": "Local",
                "message": "Local APIServices are always available",
            });
            fields(object).put("status", json!({"conditions": [available]}));
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let spec = object.at("spec");
        check_name(object, &mut errors);
        let (group, version) = (spec.text("group"), spec.text("version"));
        if group.is_empty() && version != "v1" {
            let why = "only v1 may have an empty group and it better be legacy kube";
            errors.push(Error::required(&at.child("group"), why));
        }
        if !group.is_empty() {
            checks::each(names::dns1123_subdomain(group), group, &at.child("group"), &mut errors);
        }
        checks::each(names::dns1035_label(version), version, &at.child("version"), &mut errors);
        for (field, most) in [("groupPriorityMinimum", 20_000), ("versionPriority", 1000)] {
            let number = spec.int(field).unwrap_or_default();
            if !(1..=most).contains(&number) {
                let why = format!("must be positive and less than {most}");
                errors.push(Error::invalid(&at.child(field), number, why));
            }
        }
        check_service(spec, &at, &mut errors);
        errors
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        checks::keep_metadata(fields(object), old);
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let (mut errors, status) = (ErrorList::new(), Path::new("status"));
        let at = status.child("conditions");
        for (index, condition) in object.at("status").items("conditions").iter().enumerate() {
            let (item, words) = (at.index(index), ["True", "False", "Unknown"]);
            checks::one_of(condition.text("status"), &words, &item.child("status"), &mut errors);
        }
        errors
    }

    fn qualifies_finalizers(&self) -> bool {
        false
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    /// A name is whatever group and version ask for.
    fn validate_name(&self, name: &str, is_prefix: bool) -> Vec<String> {
        formats::path_segment(name, is_prefix)
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

fn check_name(object: &Value, errors: &mut ErrorList) {
    let (spec, name) = (object.at("spec"), object.at("metadata").text("name"));
    let wanted = format!("{}.{}", spec.text("version"), spec.text("group"));
    let is_path = !name.is_empty() && formats::path_segment(name, false).is_empty();
    if is_path && name != wanted {
        let metadata = Path::new("metadata");
        let why = format!("must be `spec.version+\".\"+spec.group`: {}", quote(&wanted));
        errors.push(Error::invalid(&metadata.child("name"), name, why));
    }
}

fn check_service(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (service, bundle) = (spec.at("service"), spec.text("caBundle"));
    let insecure = at.child("insecureSkipTLSVerify");
    if service.is_null() {
        if !bundle.is_empty() {
            let why = "local APIServices may not have a caBundle";
            let bytes = format!("{} bytes", bundle.trim_end_matches('=').len() * 3 / 4);
            errors.push(Error::invalid(&at.child("caBundle"), bytes, why));
        }
        if spec.flag("insecureSkipTLSVerify") {
            let why = "local APIServices may not have insecureSkipTLSVerify";
            errors.push(Error::invalid(&insecure, true, why));
        }
        return;
    }
    let path = at.child("service");
    checks::required(service, "namespace", &path, errors);
    checks::required(service, "name", &path, errors);
    checks::valid_port(service, &path, errors);
    if spec.flag("insecureSkipTLSVerify") && !bundle.is_empty() {
        errors.push(Error::invalid(&insecure, true, "may not be true if caBundle is present"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(errors: &ErrorList) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_name_that_is_none_is_not_told_twice() {
        let service = |name: &str| {
            let spec =
                json!({"group": "a.b", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1});
            texts(&ApiServices.validate(&json!({"metadata": {"name": name}, "spec": spec})))
        };
        assert_eq!((service("v1.a.b"), service("a/b"), service("")), Default::default());
        assert!(service("x").starts_with("metadata.name: Invalid value: \"x\": must be `spec.version"));
    }

    #[test]
    fn a_condition_is_true_or_false_or_unknown() {
        let service = json!({"status": {"conditions": [{"type": "Available", "status": "x"}]}});
        assert_eq!(
            texts(&ApiServices.validate_status(&service, &Value::Null)),
            "status.conditions[0].status: Unsupported value: \"x\": supported values: \"True\", \"False\", \"Unknown\""
        );
    }
}
