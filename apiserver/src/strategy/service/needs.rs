//! What a service of a given type has: cluster IPs, node ports, policies.

use crate::tree::Read;

/// The cluster IP of a service that wants none.
pub(super) const HEADLESS: &str = "None";

/// Whether the service is reached through an address in the cluster, or is headless.
pub(super) fn cluster_ip(spec: &impl Read) -> bool {
    spec.text("type") != "ExternalName"
}

/// Whether the service has no address on purpose.
pub(super) fn headless(spec: &impl Read) -> bool {
    spec.texts("clusterIPs").next().unwrap_or_else(|| spec.text("clusterIP")) == HEADLESS
}

/// Whether the service has the addresses of its endpoints, of whatever family: it is headless and selects none itself.
pub(super) fn any_family(spec: &impl Read) -> bool {
    headless(spec) && spec.entries("selector").next().is_none()
}

/// Whether the service is given the node ports that it does not ask for.
pub(super) fn given_node_ports(spec: &impl Read) -> bool {
    match spec.text("type") {
        "NodePort" => true,
        "LoadBalancer" => spec.at("allocateLoadBalancerNodePorts").as_bool().unwrap_or(true),
        _ => false,
    }
}

/// Whether the service may have node ports.
pub(super) fn node_ports(spec: &impl Read) -> bool {
    matches!(spec.text("type"), "NodePort" | "LoadBalancer")
}

/// Whether a load balancer asks nodes if they have a back end.
pub(super) fn health_check_port(spec: &impl Read) -> bool {
    spec.text("type") == "LoadBalancer" && spec.text("externalTrafficPolicy") == "Local"
}

/// Whether traffic may come from outside the cluster.
pub(super) fn external(spec: &impl Read) -> bool {
    node_ports(spec) || spec.text("type") == "ClusterIP" && !spec.items("externalIPs").is_empty()
}
