//! Warns of what a service says that has no effect, or soon none.

use serde_json::Value;

use super::needs::HEADLESS;
use super::validate::{TOPOLOGY_HINTS, TOPOLOGY_MODE};
use crate::tree::Read;

/// The warnings for a service.
pub(super) fn warnings(service: &Value) -> Vec<String> {
    let spec = service.at("spec");
    let named = spec.text("type") == "ExternalName";
    let headless = spec.text("type") == "ClusterIP" && spec.text("clusterIP") == HEADLESS;
    let external = !spec.items("externalIPs").is_empty();
    let hints = format!("annotation {TOPOLOGY_HINTS} is deprecated, please use {TOPOLOGY_MODE} instead");
    let close = "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"";
    let warnings = [
        (service.at("metadata").at("annotations").has(TOPOLOGY_HINTS), hints.as_str()),
        (
            headless && !spec.text("loadBalancerIP").is_empty(),
            "spec.loadBalancerIP is ignored for headless services",
        ),
        (headless && external, "spec.externalIPs is ignored for headless services"),
        (
            headless && spec.text("sessionAffinity") != "None",
            "spec.SessionAffinity is ignored for headless services",
        ),
        (
            external && !headless && !named,
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
        ),
        (external && named, "spec.externalIPs is ignored when spec.type is \"ExternalName\""),
        (
            !named && !spec.text("externalName").is_empty(),
            "spec.externalName is ignored when spec.type is not \"ExternalName\"",
        ),
        (spec.text("trafficDistribution") == "PreferClose", close),
    ];
    let due = warnings.into_iter().filter(|(is_due, _)| *is_due);
    due.map(|(_, warning)| warning.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_no_effect_is_warned_of() {
        let cases = [
            (json!({"type": "ClusterIP", "clusterIP": "10.0.0.1", "sessionAffinity": "None"}), vec![]),
            (
                json!({"type": "ClusterIP", "clusterIP": "None", "sessionAffinity": "ClientIP", "externalIPs": ["1.2.3.4"]}),
                vec![
                    "spec.externalIPs is ignored for headless services",
                    "spec.SessionAffinity is ignored for headless services",
                ],
            ),
            (
                json!({"type": "NodePort", "externalIPs": ["1.2.3.4"], "externalName": "a"}),
                vec![
                    "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
                    "spec.externalName is ignored when spec.type is not \"ExternalName\"",
                ],
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(warnings(&json!({"spec": spec})), expected);
        }
    }
}
