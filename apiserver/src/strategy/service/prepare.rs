//! Completes a service from what it says elsewhere and from what it was before.

use serde_json::{Map, Value, json};

use super::needs::{self, HEADLESS};
use crate::tree::{Fill, Read};

/// `clusterIP` and `clusterIPs` say the same: who sets or clears only one of them means both.
pub(super) fn sync_cluster_ips(spec: &mut Map<String, Value>, old: &Value) {
    let one = spec.text("clusterIP").to_owned();
    let untouched = spec.at("clusterIPs") == old.at("clusterIPs");
    let before = old.text("clusterIP");
    if old.is_null() {
        if spec.items("clusterIPs").is_empty() && !one.is_empty() {
            spec.put("clusterIPs", json!([one]));
        }
    } else if one.is_empty() && !before.is_empty() && untouched {
        spec.drop_field("clusterIPs");
    } else if one != before && untouched {
        spec.put("clusterIPs", json!([one]));
    }
}

/// Takes over what the service was given before and the update leaves out.
pub(super) fn keep_given(spec: &mut Map<String, Value>, old: &Value) {
    if needs::cluster_ip(spec) && needs::cluster_ip(old) {
        if spec.text("clusterIP").is_empty() {
            copy(spec, old, "clusterIP");
        }
        if spec.items("clusterIPs").is_empty() && spec.at("clusterIP") == old.at("clusterIP") {
            copy(spec, old, "clusterIPs");
        }
    }
    if needs::node_ports(spec) && needs::node_ports(old) {
        keep_node_ports(spec, old);
    }
    if needs::health_check_port(spec) && needs::health_check_port(old) && !spec.has("healthCheckNodePort") {
        copy(spec, old, "healthCheckNodePort");
    }
}

fn keep_node_ports(spec: &mut Map<String, Value>, old: &Value) {
    let mut used: Vec<i64> = spec.items("ports").iter().filter_map(|port| port.int("nodePort")).collect();
    for port in spec.objects_mut("ports").filter(|port| !port.has("nodePort")) {
        let before = old.items("ports").iter().find(|before| before.text("name") == port.text("name"));
        if let Some(number) =
            before.and_then(|port| port.int("nodePort")).filter(|number| !used.contains(number))
        {
            used.push(number);
            port.put("nodePort", number);
        }
    }
}

/// Drops what the old type of the service had and the new one cannot have, unless the update sets it anew.
pub(super) fn drop_with_type(spec: &mut Map<String, Value>, old: &Value) {
    let lost = |has: fn(&Value) -> bool, now: bool| has(old) && !now;
    let lost_ip = lost(needs::cluster_ip, needs::cluster_ip(spec));
    let lost_ports = lost(needs::node_ports, needs::node_ports(spec));
    let lost_check = lost(needs::health_check_port, needs::health_check_port(spec));
    let lost_external = lost(needs::external, needs::external(spec));
    let was_balancer = old.text("type") == "LoadBalancer" && spec.text("type") != "LoadBalancer";
    let fields: [(bool, &[&str]); 4] = [
        (lost_ip, &["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"]),
        (lost_check, &["healthCheckNodePort"]),
        (lost_external, &["externalTrafficPolicy"]),
        (was_balancer, &["allocateLoadBalancerNodePorts", "loadBalancerClass"]),
    ];
    for field in fields.iter().filter(|(lost, _)| *lost).flat_map(|(_, fields)| *fields) {
        if spec.at(field) == old.at(field) || spec.text(field).is_empty() {
            spec.drop_field(field);
        }
    }
    let same = spec
        .items("ports")
        .iter()
        .map(|port| port.at("nodePort"))
        .eq(old.items("ports").iter().map(|port| port.at("nodePort")));
    if lost_ports && same {
        spec.objects_mut("ports").for_each(|port| port.drop_field("nodePort"));
    }
}

/// Fills in the IP families and their policy, from the addresses asked for and the family that the cluster has.
pub(super) fn default_families(spec: &mut Map<String, Value>, family: &str) {
    if spec.text("type") == "ExternalName" {
        return;
    }
    let named = spec.items("clusterIPs").len().max(spec.items("ipFamilies").len());
    if named > 1 {
        spec.fill("ipFamilyPolicy", "RequireDualStack");
    }
    if needs::headless(spec) && spec.at("selector").as_object().is_none_or(Map::is_empty) {
        return default_headless(spec, family);
    }
    let of_ips: Vec<Value> =
        spec.texts("clusterIPs").filter(|ip| *ip != HEADLESS).map(|ip| family_of(ip).into()).collect();
    let families = spec.list("ipFamilies");
    families.extend(of_ips.into_iter().take(2).skip(families.len()));
    if families.is_empty() {
        families.push(family.into());
    }
    spec.fill("ipFamilyPolicy", "SingleStack");
}

/// A headless service without a selector has whatever addresses its endpoints have.
fn default_headless(spec: &mut Map<String, Value>, family: &str) {
    spec.fill("ipFamilyPolicy", "RequireDualStack");
    let dual = spec.text("ipFamilyPolicy") != "SingleStack";
    let families = spec.list("ipFamilies");
    if families.is_empty() {
        families.push(family.into());
    }
    if dual && families.len() == 1 {
        let other = if families[0] == "IPv4" { "IPv6" } else { "IPv4" };
        families.push(other.into());
    }
}

/// The family of an address that is known to be one.
pub(super) fn family_of(ip: &str) -> &'static str {
    if ip.contains(':') { "IPv6" } else { "IPv4" }
}

fn copy(spec: &mut Map<String, Value>, old: &Value, field: &str) {
    if old.has(field) {
        spec.put(field, old.at(field).clone());
    }
}
