//! Fills in the defaults of a service; upstream's `SetDefaults_Service`.

use steersman_core::tree::{Map, json};

use super::needs;
use crate::tree::{Fill, Read, is_zero};

/// For how long a client keeps its back end unless the service says so: three hours.
const AFFINITY_SECONDS: i32 = 10_800;

/// Fills in what a service leaves out. Addresses, node ports and IP families are given later.
pub(super) fn default(service: &mut Map) {
    let spec = service.object("spec");
    spec.fill("sessionAffinity", "None");
    spec.fill("type", "ClusterIP");
    default_affinity(spec);
    spec.objects_mut("ports").for_each(default_port);
    let kind = spec.text("type");
    let external = needs::external(spec);
    let (balanced, routed) = (kind == "LoadBalancer", kind != "ExternalName");
    if external {
        spec.fill("externalTrafficPolicy", "Cluster");
    }
    if routed {
        spec.fill("internalTrafficPolicy", "Cluster");
    }
    if balanced {
        spec.fill("allocateLoadBalancerNodePorts", true);
        default_points(service);
    }
}

/// Traffic reaches nodes with the address of the load balancer unless it says otherwise.
fn default_points(service: &mut Map) {
    let balancer = service.object_mut("status").and_then(|status| status.object_mut("loadBalancer"));
    let points = balancer.into_iter().flat_map(|balancer| balancer.objects_mut("ingress"));
    points.filter(|point| !point.text("ip").is_empty()).for_each(|point| point.fill("ipMode", "VIP"));
}

fn default_affinity(spec: &mut Map) {
    match spec.text("sessionAffinity") {
        "None" => spec.drop_field("sessionAffinityConfig"),
        "ClientIP" => {
            let timeout = spec.at("sessionAffinityConfig").at("clientIP").has("timeoutSeconds");
            if !timeout {
                spec.put("sessionAffinityConfig", json!({"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}}));
            }
        }
        _ => {}
    }
}

fn default_port(port: &mut Map) {
    port.fill("protocol", "TCP");
    if is_zero(port.at("targetPort")) {
        let number = port.int("port").unwrap_or_default();
        port.put("targetPort", number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::fields;

    #[test]
    fn a_service_is_completed_by_its_type() {
        let port = json!([{"port": 80, "protocol": "TCP", "targetPort": 80}]);
        let cases = [
            (
                json!({"ports": [{"port": 80}]}),
                json!({"ports": port, "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}),
            ),
            (
                json!({"type": "ExternalName", "externalName": "a"}),
                json!({"type": "ExternalName", "externalName": "a", "sessionAffinity": "None"}),
            ),
            (
                json!({"type": "LoadBalancer", "ports": [{"port": 80}]}),
                json!({
                    "ports": port, "type": "LoadBalancer", "sessionAffinity": "None",
                    "internalTrafficPolicy": "Cluster", "externalTrafficPolicy": "Cluster",
                    "allocateLoadBalancerNodePorts": true
                }),
            ),
        ];
        for (spec, defaulted) in cases {
            let mut service = json!({"spec": spec});
            default(fields(&mut service));
            assert_eq!(service["spec"], defaulted);
        }
    }
}
