//! Keeps AppArmor profiles of annotations and of fields in step: the field of a container takes over what a new pod's
//! annotation says (KEP-24).

use steersman_core::field::Path;
use steersman_core::tree::{Map, Value, json};

use super::platform::each_container;
use crate::tree::{Fill, Read};

/// What the annotation of a profile begins with; the container's name follows.
pub(in crate::strategy) const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// What is said of the annotation.
pub(super) const DEPRECATED: &str = "deprecated since v1.30; use the \"appArmorProfile\" field instead";

/// The longest path of a profile, in bytes.
const MOST_PATH_BYTES: usize = 4095;

/// The field that says what the annotation does; none if it says nothing that can be.
pub(super) fn profile_of(annotation: &str) -> Option<Value> {
    match (annotation, annotation.strip_prefix("localhost/")) {
        ("unconfined", _) => Some(json!({"type": "Unconfined"})),
        ("runtime/default", _) => Some(json!({"type": "RuntimeDefault"})),
        (_, Some(file)) => (!file.is_empty()).then(|| json!({"type": "Localhost", "localhostProfile": file})),
        _ => None,
    }
}

/// Gives the containers of a new pod the profiles that its annotations alone say.
pub(in crate::strategy) fn take_over(pod: &mut Map) {
    if !is_annotated(pod) {
        return;
    }
    let (annotations, whole) =
        (pod.at("metadata").at("annotations").clone(), profile(pod.at("spec")).clone());
    let spec = pod.object("spec");
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec.objects_mut(list) {
            let taken = taken(&annotations, container).filter(|taken| *taken != whole);
            if let Some(taken) = taken {
                container.object("securityContext").put("appArmorProfile", taken);
            }
        }
    }
}

/// The warnings for a pod whose annotations [`take_over`] is about to read: of those that say what no field does.
pub(in crate::strategy) fn warnings(pod: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    if !is_annotated(pod) {
        return warnings;
    }
    let (annotations, whole) = (pod.at("metadata").at("annotations"), profile(pod.at("spec")));
    let metadata = Path::new("metadata");
    let at = metadata.child("annotations");
    each_container(pod.at("spec"), &Path::new("spec"), &mut |container, _| {
        let key = key(container);
        let is_alone = annotations.has(&key) && profile(container).is_null();
        if is_alone && taken(annotations, container).is_none_or(|taken| taken != *whole) {
            warnings.push(format!("{}: {DEPRECATED}", at.key(&key)));
        }
    });
    warnings
}

/// Whether there is anything to be kept in step; pods on Windows have no such profiles.
fn is_annotated(pod: &impl Read) -> bool {
    let mut annotations = pod.at("metadata").entries("annotations");
    annotations.any(|(key, _)| key.starts_with(APP_ARMOR))
        && pod.at("spec").at("os").text("name") != "windows"
}

fn key(container: &impl Read) -> String {
    format!("{APP_ARMOR}{}", container.text("name"))
}

/// The profile of a pod's spec or of a container.
fn profile(holder: &impl Read) -> &Value {
    holder.at("securityContext").at("appArmorProfile")
}

/// The profile that a container without one has by its annotation, if it would be a good one.
fn taken(annotations: &Value, container: &impl Read) -> Option<Value> {
    let annotation = annotations.at(&key(container)).as_str().filter(|_| profile(container).is_null())?;
    profile_of(annotation).filter(|profile| {
        let file = profile.text("localhostProfile");
        file.trim() == file && file.len() <= MOST_PATH_BYTES
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::fields;

    #[test]
    fn a_container_takes_the_profile_of_its_annotation_over() {
        let warning = "metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use \
                       the \"appArmorProfile\" field instead";
        let default = json!({"type": "RuntimeDefault"});
        let cases = [
            ("runtime/default", json!({}), json!({}), default.clone(), warning),
            (
                "localhost/a",
                json!({}),
                json!({}),
                json!({"type": "Localhost", "localhostProfile": "a"}),
                warning,
            ),
            ("localhost/", json!({}), json!({}), Value::Null, warning),
            ("localhost/ a", json!({}), json!({}), Value::Null, warning),
            ("runtime/default", json!({"appArmorProfile": default}), json!({}), Value::Null, ""),
            ("unconfined", json!({}), json!({"appArmorProfile": default}), default, ""),
        ];
        for (annotation, whole, own, profile, why) in cases {
            let mut pod = json!({
                "metadata": {"annotations": {format!("{APP_ARMOR}c"): annotation}},
                "spec": {"securityContext": whole, "containers": [{"name": "c", "securityContext": own}]}
            });
            assert_eq!(warnings(&pod).join("; "), why, "{annotation}");
            take_over(fields(&mut pod));
            assert_eq!(*super::profile(&pod["spec"]["containers"][0]), profile, "{annotation}");
        }
    }
}
