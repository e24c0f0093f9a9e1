//! Checks the annotations that mean something for a pod.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};

use crate::tree::Read;

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Checks the annotations of a pod.
pub(super) fn validate(pod: &Value, errors: &mut ErrorList) {
    let metadata = Path::new("metadata");
    let at = metadata.child("annotations");
    let annotations = pod.at("metadata");
    if annotations.at("annotations").has(MIRROR) && pod.at("spec").text("nodeName").is_empty() {
        let why = "must set spec.nodeName if mirror pod annotation is set";
        errors.push(Error::invalid(&at.key(MIRROR), pod.at("spec").text("nodeName"), why));
    }
    for (key, value) in annotations.entries("annotations") {
        let value = value.as_str().unwrap_or_default();
        if key == DELETION_COST && !is_integer(value) {
            errors.push(Error::invalid(&at.key(key), value, "must be a 32bit integer"));
        }
        if let Some(name) = key.strip_prefix(APP_ARMOR) {
            let lists = ["initContainers", "containers", "ephemeralContainers"];
            let mut containers = lists.into_iter().flat_map(|list| pod.at("spec").items(list));
            if !containers.any(|container| container.text("name") == name) {
                errors.push(Error::invalid(&at.key(key), name, "container not found"));
            }
        }
    }
}

/// Whether the text is a 32-bit integer without a plus or leading zeros.
fn is_integer(text: &str) -> bool {
    text.parse::<i32>().is_ok_and(|number| number.to_string() == text)
}
