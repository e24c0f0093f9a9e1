//! Checks the annotations that mean something for a pod.

use steersman_core::field::{Error, ErrorList, Path, quote};
use steersman_core::tree::Value;

use super::noted_tolerations;
use crate::strategy::pod_spec::{APP_ARMOR, MIRROR, check_relative, each_container};
use crate::tree::Read;

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/pod";
const CONTAINER_SECCOMP: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// What keeps an annotation of one profile in step with the field that has taken its place.
struct Profiles {
    field: &'static str,
    words: &'static str,
    default: &'static [&'static str],
}

const SECCOMP_PROFILES: Profiles =
    Profiles { field: "seccompProfile", words: "seccomp", default: &["runtime/default", "docker/default"] };

const APP_ARMOR_PROFILES: Profiles =
    Profiles { field: "appArmorProfile", words: "apparmor", default: &["runtime/default"] };

/// Checks the annotations, which stand at `at`, of a pod or a template.
pub(in crate::strategy) fn validate(pod: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let annotations = pod.at("metadata").at("annotations");
    if annotations.has(MIRROR) && pod.at("spec").text("nodeName").is_empty() {
        let why = "must set spec.nodeName if mirror pod annotation is set";
        errors.push(Error::invalid(&at.key(MIRROR), annotations.text(MIRROR), why));
    }
    noted_tolerations::validate(annotations, at, errors);
    if annotations.has(DELETION_COST) && !is_integer(annotations.text(DELETION_COST)) {
        let (path, cost) = (at.key(DELETION_COST), annotations.text(DELETION_COST));
        errors.push(Error::invalid(&path, cost, "must be a 32bit integer"));
    }
    let profiles = || pod.at("metadata").entries("annotations");
    if annotations.has(SECCOMP) {
        check_seccomp(annotations.text(SECCOMP), &at.child(SECCOMP), errors);
    }
    for (key, value) in profiles().filter(|(key, _)| key.starts_with(CONTAINER_SECCOMP)) {
        check_seccomp(value.as_str().unwrap_or_default(), &at.child(key), errors);
    }
    for (key, value) in profiles() {
        if let Some(name) = key.strip_prefix(APP_ARMOR) {
            check_app_armor(pod, name, value.as_str().unwrap_or_default(), &at.key(key), errors);
        }
    }
}

/// Whether the annotation of that key says which profile confines something.
fn names_profile(key: &str) -> bool {
    key == SECCOMP || [CONTAINER_SECCOMP, APP_ARMOR].iter().any(|prefix| key.starts_with(prefix))
}

/// Whether the text is a 32-bit integer without a plus or leading zeros.
fn is_integer(text: &str) -> bool {
    let is_padded = text.starts_with('0') && text != "0";
    !is_padded && !text.starts_with('+') && text.parse::<i32>().is_ok()
}

fn check_seccomp(profile: &str, at: &Path<'_>, errors: &mut ErrorList) {
    match profile.strip_prefix("localhost/") {
        Some(file) => check_relative(file, at, errors),
        None if matches!(profile, "runtime/default" | "docker/default" | "unconfined") => {}
        None => errors.push(Error::invalid(at, profile, "must be a valid seccomp profile")),
    }
}

fn check_app_armor(pod: &Value, name: &str, profile: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let mut containers = lists.into_iter().flat_map(|list| pod.at("spec").items(list));
    if !containers.any(|container| container.text("name") == name) {
        errors.push(Error::invalid(at, name, "container not found"));
    }
    let is_known = matches!(profile, "" | "runtime/default" | "unconfined");
    if !is_known && !profile.starts_with("localhost/") {
        let why = format!("invalid AppArmor profile name: {}", quote(profile));
        errors.push(Error::invalid(at, profile, why));
    }
}

/// Checks that the annotations of a new pod or a template say what the fields of its spec, which stands at `at`, say.
pub(in crate::strategy) fn validate_match(pod: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if !pod.at("metadata").entries("annotations").any(|(key, _)| names_profile(key)) {
        return;
    }
    let spec = pod.at("spec");
    let annotation = |key: &str| pod.at("metadata").at("annotations").at(key).as_str();
    let whole = spec.at("securityContext");
    let path = at.child("securityContext");
    SECCOMP_PROFILES.compare(whole.at("seccompProfile"), annotation(SECCOMP), &path, errors);
    each_container(spec, at, &mut |container, path| {
        let own = container.at("securityContext").at("seccompProfile");
        let key = format!("{CONTAINER_SECCOMP}{}", container.text("name"));
        SECCOMP_PROFILES.compare(own, annotation(&key), &path.child("securityContext"), errors);
    });
    if spec.at("os").text("name") == "windows" {
        return;
    }
    each_container(spec, at, &mut |container, path| {
        let own = container.at("securityContext").at("appArmorProfile");
        let profile = if own.is_null() { whole.at("appArmorProfile") } else { own };
        let key = format!("{APP_ARMOR}{}", container.text("name"));
        APP_ARMOR_PROFILES.compare(profile, annotation(&key), &path.child("securityContext"), errors);
    });
}

impl Profiles {
    fn compare(&self, profile: &Value, annotation: Option<&str>, at: &Path<'_>, errors: &mut ErrorList) {
        let (Some(annotation), false) = (annotation, profile.is_null()) else { return };
        let (at, file) = (at.child(self.field), annotation.strip_prefix("localhost/"));
        let (is_kind, is_file) = match profile.text("type") {
            "Unconfined" => (annotation == "unconfined", true),
            "RuntimeDefault" => (self.default.contains(&annotation), true),
            "Localhost" => (file.is_some(), file == profile.at("localhostProfile").as_str()),
            _ => return,
        };
        let words = self.words;
        if !is_kind {
            let why = format!("{words} type in annotation and field must match");
            errors.push(Error::forbidden(&at.child("type"), why));
        } else if !is_file {
            let why = format!("{words} profile in annotation and field must match");
            errors.push(Error::forbidden(&at.child("localhostProfile"), why));
        }
    }
}

/// Checks what an update changes: some annotations are as they are for good.
pub(super) fn validate_update(pod: &Value, old: &Value, errors: &mut ErrorList) {
    let metadata = Path::new("metadata");
    let at = metadata.child("annotations");
    let (new, was) = (pod.at("metadata").at("annotations"), old.at("metadata").at("annotations"));
    for (key, _) in old.at("metadata").entries("annotations").filter(|(key, value)| new.at(key) != *value) {
        forbid(key, "remove or update", &at, errors);
    }
    for (key, _) in pod.at("metadata").entries("annotations").filter(|(key, _)| !was.has(key)) {
        forbid(key, "add", &at, errors);
    }
    validate(pod, &at, errors);
}

fn forbid(key: &str, change: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if key.starts_with(APP_ARMOR) {
        errors.push(Error::forbidden(&at.key(key), format!("may not {change} AppArmor annotations")));
    }
    if key == MIRROR {
        errors.push(Error::forbidden(&at.key(key), format!("may not {change} mirror pod annotation")));
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(errors: &ErrorList) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn annotations_that_mean_something_are_checked() {
        let cases = [
            (DELETION_COST, "-05", ""),
            (
                DELETION_COST,
                "05",
                "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"05\": must be a \
                 32bit integer",
            ),
            (SECCOMP, "localhost/a", ""),
            (
                SECCOMP,
                "x",
                "metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: \"x\": must be a valid \
                 seccomp profile",
            ),
            (
                "container.apparmor.security.beta.kubernetes.io/c",
                "x",
                "metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: Invalid value: \"x\": invalid \
                 AppArmor profile name: \"x\"",
            ),
            (
                MIRROR,
                "m",
                "metadata.annotations[kubernetes.io/config.mirror]: Invalid value: \"m\": must set spec.nodeName if \
                 mirror pod annotation is set",
            ),
        ];
        for (key, value, why) in cases {
            let pod =
                json!({"metadata": {"annotations": {key: value}}, "spec": {"containers": [{"name": "c"}]}});
            let mut errors = ErrorList::new();
            validate(&pod, &Path::new("metadata").child("annotations"), &mut errors);
            assert_eq!(texts(&errors), why);
        }
    }

    #[test]
    fn a_field_says_what_its_annotation_says() {
        let (key, profile) =
            ("container.apparmor.security.beta.kubernetes.io/c", json!({"type": "RuntimeDefault"}));
        let pod = json!({
            "metadata": {"annotations": {key: "unconfined", SECCOMP: "docker/default"}},
            "spec": {
                "securityContext": {"appArmorProfile": profile, "seccompProfile": profile},
                "containers": [{"name": "c"}]
            },
        });
        let mut errors = ErrorList::new();
        validate_match(&pod, &Path::new("spec"), &mut errors);
        let why = "spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and \
                   field must match";
        assert_eq!(texts(&errors), why);
    }

    #[test]
    fn a_mirror_stays_one() {
        let pod =
            |annotations: Value| json!({"metadata": {"annotations": annotations}, "spec": {"nodeName": "n"}});
        let (with, without) = (pod(json!({MIRROR: "m"})), pod(json!({})));
        let at = "metadata.annotations[kubernetes.io/config.mirror]: Forbidden";
        for (new, old, why) in [
            (&with, &with, String::new()),
            (&with, &without, format!("{at}: may not add mirror pod annotation")),
            (&without, &with, format!("{at}: may not remove or update mirror pod annotation")),
        ] {
            let mut errors = ErrorList::new();
            validate_update(new, old, &mut errors);
            assert_eq!(texts(&errors), why);
        }
    }
}
