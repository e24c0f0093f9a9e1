//! Warns of what a service says that has no effect, or soon none.

use steersman_core::addresses;
use steersman_core::field::Path;
use steersman_core::tree::Value;

use super::needs::HEADLESS;
use super::validate::{TOPOLOGY_HINTS, TOPOLOGY_MODE};
use crate::tree::Read;

/// The warnings for a service.
pub(super) fn warnings(service: &Value) -> Vec<String> {
    let (spec, at) = (service.at("spec"), Path::new("spec"));
    let named = spec.text("type") == "ExternalName";
    let headless = spec.text("type") == "ClusterIP" && spec.text("clusterIP") == HEADLESS;
    let external = !spec.items("externalIPs").is_empty();
    let mut warnings = Vec::new();
    let mut warn = |is_due: bool, warning: &str| warnings.extend(is_due.then(|| warning.to_owned()));
    let hints = format!("annotation {TOPOLOGY_HINTS} is deprecated, please use {TOPOLOGY_MODE} instead");
    warn(service.at("metadata").at("annotations").has(TOPOLOGY_HINTS), &hints);
    if !matches!(spec.text("clusterIP"), "" | HEADLESS) {
        of_addresses(spec, "clusterIPs", &at).iter().for_each(|warning| warn(true, warning));
    }
    let balancer = spec.text("loadBalancerIP");
    warn(headless && !balancer.is_empty(), "spec.loadBalancerIP is ignored for headless services");
    warn(headless && external, "spec.externalIPs is ignored for headless services");
    let affine = spec.text("sessionAffinity") != "None";
    warn(headless && affine, "spec.SessionAffinity is ignored for headless services");
    of_addresses(spec, "externalIPs", &at).iter().for_each(|warning| warn(true, warning));
    let deprecated = "spec.externalIPs is deprecated and may no longer be implemented in some clusters";
    warn(external && !headless && !named, deprecated);
    of_balancer(spec, &at).iter().for_each(|warning| warn(true, warning));
    warn(external && named, "spec.externalIPs is ignored when spec.type is \"ExternalName\"");
    let ignored = "spec.externalName is ignored when spec.type is not \"ExternalName\"";
    warn(!named && !spec.text("externalName").is_empty(), ignored);
    let close = "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"";
    warn(spec.text("trafficDistribution") == "PreferClose", close);
    warnings
}

/// The warnings for a list of addresses.
fn of_addresses(spec: &Value, list: &str, at: &Path<'_>) -> Vec<String> {
    let path = at.child(list);
    let indexed = spec.texts(list).enumerate();
    indexed.filter_map(|(index, address)| addresses::warn_of_ip(address, &path.index(index))).collect()
}

/// The warnings for the address of a load balancer, which nobody checks, and the ranges that it serves.
fn of_balancer(spec: &Value, at: &Path<'_>) -> Vec<String> {
    let (list, own) = (at.child("loadBalancerSourceRanges"), at.child("loadBalancerIP"));
    let ranges = spec.texts("loadBalancerSourceRanges").enumerate();
    let ranges = ranges.flat_map(|(index, range)| addresses::warn_of_cidr(range, &list.index(index)));
    addresses::warn_of_ip(spec.text("loadBalancerIP"), &own).into_iter().chain(ranges).collect()
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

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
            (
                json!({
                    "type": "LoadBalancer", "clusterIP": "010.0.0.1", "clusterIPs": ["010.0.0.1"], "loadBalancerSourceRanges": ["10.0.0.1/8"],
                    "sessionAffinity": "None",
                }),
                vec![
                    "spec.clusterIPs[0]: non-standard IP address \"010.0.0.1\" is invalid: use \"10.0.0.1\"",
                    "spec.loadBalancerSourceRanges[0]: CIDR value \"10.0.0.1/8\" is ambiguous in this context (should be \
                     \"10.0.0.0/8\" or \"10.0.0.1/32\"?)",
                ],
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(warnings(&json!({"spec": spec})), expected);
        }
    }
}
