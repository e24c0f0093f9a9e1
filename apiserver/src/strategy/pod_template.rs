//! The pod template that workloads carry: its defaults and rules.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Map, Value};

use super::pod_spec::{self, Holder, Subject};
use super::{checks, pod};
use crate::tree::{Fill, Read};

/// Fills in what the template in `owner.template` leaves out; one is made if there is none.
pub(super) fn default(owner: &mut Map) {
    let template = owner.object("template");
    pod_spec::drop_init_annotations(template.object("metadata"));
    pod_spec::default(template.object("spec"));
}

/// What is wrong with the template at `at`.
pub(super) fn validate(template: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("spec");
    validate_metadata(template, at, errors);
    pod_spec::validate(template.at("spec"), Holder::Template, &path, errors);
    pod::validate_profiles(template, &path, errors);
    if !template.at("spec").items("ephemeralContainers").is_empty() {
        let why = "ephemeral containers not allowed in pod template";
        errors.push(Error::forbidden(&path.child("ephemeralContainers"), why));
    }
}

/// What is wrong with the labels and annotations of the template at `at`. Upstream's paths leave out `metadata`.
pub(super) fn validate_metadata(template: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("annotations");
    checks::labels(template.at("metadata").at("labels"), &at.child("labels"), errors);
    checks::annotations(template.at("metadata").at("annotations"), &path, errors);
    pod::validate_annotations(template, &path, errors);
}

/// The warnings for the template at `at`.
pub(super) fn warnings(template: &Value, at: &Path<'_>) -> Vec<String> {
    pod_spec::warnings(template, at, Subject::Template)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_template_has_no_ephemeral_containers_and_its_annotations_are_those_of_pods() {
        let template = json!({
            "metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/c": "x"}},
            "spec": {"ephemeralContainers": [{"name": "e"}]},
        });
        let mut errors = ErrorList::new();
        validate(&template, &Path::new("t"), &mut errors);
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let has = |start: &str| texts.iter().any(|text| text.starts_with(start));
        assert!(
            has("t.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template"),
            "{texts:?}"
        );
        assert!(
            has("t.annotations[container.apparmor.security.beta.kubernetes.io/c]: Invalid value: "),
            "{texts:?}"
        );
    }

    #[test]
    fn a_template_keeps_a_negative_grace_period_and_no_init_containers_of_old() {
        let key = "pod.beta.kubernetes.io/init-containers";
        for (annotations, kept) in
            [(json!({key: "[]"}), json!(null)), (json!({key: "", "a": "b"}), json!({"a": "b"}))]
        {
            let template = json!({"metadata": {"annotations": annotations},
                "spec": {"terminationGracePeriodSeconds": -1}});
            let mut owner: Map = [("template".to_owned(), template)].into_iter().collect();
            default(&mut owner);
            let template = owner.at("template");
            assert_eq!(template.at("metadata").at("annotations"), &kept);
            assert_eq!(template.at("spec").int("terminationGracePeriodSeconds"), Some(-1));
            assert_eq!(
                warnings(template, &Path::new("template")),
                [
                    "template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be \
                  treated as 1"
                ]
            );
        }
    }
}
