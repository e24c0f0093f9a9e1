//! Pods: defaults, quality of service, grace, and what an update may change.

mod annotations;
mod defaults;
mod device_health;
mod label_keys;
mod narrowing;
mod noted_tolerations;
mod qos;
mod status;
mod status_rules;
mod update;

use std::borrow::Cow;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{addresses, names};

use super::pod_spec::{self, Holder, Subject};
use super::{Strategy, WriteContext};
use crate::tree::{Fill, Read, fields};

/// The strategy of pods.
pub(super) struct Pods;

impl Strategy for Pods {
    fn default_spec(&self, object: &mut Value) {
        defaults::default(fields(object).object("spec"));
    }

    fn default(&self, object: &mut Value) {
        let pod = fields(object);
        pod.object_mut("metadata").into_iter().for_each(pod_spec::drop_init_annotations);
        if let Some(status) = pod.object_mut("status") {
            status::align(status);
        }
    }

    fn prepare_create(&self, object: &mut Value, cx: &WriteContext<'_>) {
        let pod = fields(object);
        pod.put("status", status::first(pod, cx.now));
        label_keys::merge(pod);
        pod_spec::take_app_armor_over(pod);
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        status::keep(fields(object), old);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = validate_pod(object);
        let (spec, at) = (object.at("spec"), Path::new("spec"));
        if !spec.items("ephemeralContainers").is_empty() {
            errors.push(Error::forbidden(&at.child("ephemeralContainers"), "cannot be set on create"));
        }
        if !spec.text("nodeName").is_empty() && !spec.items("schedulingGates").is_empty() {
            let why = "cannot be set until all schedulingGates have been cleared";
            errors.push(Error::forbidden(&at.child("nodeName"), why));
        }
        annotations::validate_match(object, &at, &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = validate_pod(object);
        annotations::validate_update(object, old, &mut errors);
        errors.extend(update::validate(object, old));
        errors
    }

    fn validate_status(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        annotations::validate_update(object, old, &mut errors);
        status_rules::validate(object, old, &mut errors);
        errors
    }

    fn creation_warnings(&self, object: &Value) -> Vec<String> {
        pod_spec::app_armor_warnings(object)
    }

    fn status_warnings(&self, object: &Value) -> Vec<String> {
        let (status, at) = (object.at("status"), Path::new("status"));
        let lists = ["podIPs", "hostIPs"].map(|list| (status.items(list), at.child(list)));
        let addresses = lists.iter().flat_map(|(list, path)| {
            let indexed = list.iter().enumerate();
            indexed.filter_map(|(index, one)| {
                addresses::warn_of_ip(one.text("ip"), &path.index(index).child("ip"))
            })
        });
        addresses.collect()
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        if old.is_some() {
            return Vec::new();
        }
        let mut warnings = pod_spec::warnings(object, &Path::ROOT, Subject::Pod);
        let faults = names::dns1123_label(object.at("metadata").text("name"));
        if !faults.is_empty() {
            let why = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is \
                       recommended";
            warnings.insert(0, format!("metadata.name: {why}: [{}]", faults.join(" ")));
        }
        warnings
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &[
            "spec.hostNetwork",
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.nominatedNodeName",
            "status.phase",
            "status.podIP",
            // Upstream takes it and has no value for it.
            "status.podIPs",
        ]
    }

    fn field<'a>(&self, object: &'a Value, field: &str) -> Cow<'a, str> {
        Cow::Borrowed(match (field.strip_prefix("spec."), field.strip_prefix("status.")) {
            (Some("hostNetwork"), _) if object.at("spec").flag("hostNetwork") => "true",
            (Some("hostNetwork"), _) => "false",
            (Some(name), _) => object.at("spec").text(name),
            (None, name) => object.at("status").text(name.unwrap_or_default()),
        })
    }

    fn grace_seconds(&self, object: &Value, requested: Option<i64>) -> Option<i64> {
        let spec = object.at("spec");
        let ended = matches!(object.at("status").text("phase"), "Failed" | "Succeeded");
        let seconds = requested.or_else(|| spec.int("terminationGracePeriodSeconds")).unwrap_or_default();
        let seconds = if spec.text("nodeName").is_empty() || ended { 0 } else { seconds };
        Some(if seconds < 0 { 1 } else { seconds })
    }
}

pub(super) use annotations::{validate as validate_annotations, validate_match as validate_profiles};
pub(crate) use qos::class as quality_of_service;

/// What is wrong with a pod, new or not, beyond its metadata.
pub(crate) fn validate_pod(pod: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    annotations::validate(pod, &Path::new("metadata").child("annotations"), &mut errors);
    pod_spec::validate(pod.at("spec"), Holder::Pod(pod.at("metadata")), &Path::new("spec"), &mut errors);
    errors
}

/// What an update changes in the annotations of a pod that stay as they are for good, and what is wrong with the others.
pub(crate) fn validate_pod_annotations(pod: &Value, old: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    annotations::validate_update(pod, old, &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_pod_is_given_the_time_that_it_or_the_request_asks_for() {
        let pod = |node: &str, phase: &str| json!({"spec": {"nodeName": node, "terminationGracePeriodSeconds": 30}, "status": {"phase": phase}});
        let cases = [
            (pod("n", "Running"), None, 30),
            (pod("n", "Running"), Some(5), 5),
            (pod("n", "Running"), Some(-1), 1),
            (pod("n", "Running"), Some(0), 0),
            (pod("", "Pending"), None, 0),
            (pod("n", "Succeeded"), Some(9), 0),
            (pod("n", "Failed"), None, 0),
        ];
        for (pod, requested, seconds) in cases {
            assert_eq!(Pods.grace_seconds(&pod, requested), Some(seconds), "{pod} {requested:?}");
        }
    }

    #[test]
    fn a_pod_is_found_by_its_node_and_phase() {
        let pod = json!({"spec": {"nodeName": "n", "hostNetwork": true}, "status": {"phase": "Running"}});
        let cases = [
            ("spec.nodeName", "n"),
            ("status.phase", "Running"),
            ("spec.hostNetwork", "true"),
            ("status.podIP", ""),
        ];
        for (field, value) in cases {
            assert_eq!(Pods.field(&pod, field), value);
        }
    }

    #[test]
    fn a_new_pod_waits_for_what_comes_later() {
        let pod = json!({"spec": {
            "containers": [{"name": "c", "image": "i", "imagePullPolicy": "Always", "terminationMessagePolicy": "File"}],
            "ephemeralContainers": [{
                "name": "e", "image": "i", "imagePullPolicy": "Always", "terminationMessagePolicy": "File"
            }],
            "restartPolicy": "Always", "dnsPolicy": "Default", "nodeName": "n", "schedulingGates": [{"name": "g"}]
        }});
        let why: Vec<String> = Pods.validate(&pod).iter().map(ToString::to_string).collect();
        assert_eq!(
            why,
            [
                "spec.ephemeralContainers: Forbidden: cannot be set on create",
                "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"
            ]
        );
    }
}
