//! Completes a service from what it says elsewhere and from what it was before.

use steersman_core::field::{ErrorList, Path};
use steersman_core::tree::{Map, Value, json};

use super::families;
use super::needs::{self, HEADLESS};
use crate::tree::{Fill, Read};

/// Completes what a service says of its addresses, families and ports, before it is given any, in a cluster whose
/// addresses are of `family`. Tells what does not fit; nothing else of a service is looked at until all of it does.
pub(super) fn complete(service: &mut Map, old: &Value, family: &str) -> ErrorList {
    let spec = service.object("spec");
    keep_given(spec, old);
    sync_cluster_ips(spec, old);
    default_families(spec, old, family);
    families::validate(service.at("spec"), old, family, &Path::new("spec"))
}

/// `clusterIP` and `clusterIPs` say the same: who sets or clears only one of them means both.
fn sync_cluster_ips(spec: &mut Map, old: &Value) {
    let (one, before) = (spec.text("clusterIP").to_owned(), old.text("clusterIP"));
    if old.is_null() {
        if spec.items("clusterIPs").is_empty() && !one.is_empty() {
            spec.put("clusterIPs", json!([one]));
        }
        return;
    }
    if spec.items("clusterIPs").is_empty() && one == before {
        copy(spec, old, "clusterIPs");
    }
    if one == before || spec.at("clusterIPs") != old.at("clusterIPs") {
        return;
    }
    if one.is_empty() {
        spec.drop_field("clusterIPs");
    } else {
        spec.put("clusterIPs", json!([one]));
    }
}

/// Takes over what the service was given before and the update leaves out.
fn keep_given(spec: &mut Map, old: &Value) {
    if old.is_null() {
        return;
    }
    if needs::cluster_ip(spec) && needs::cluster_ip(old) {
        if spec.text("clusterIP").is_empty() {
            copy(spec, old, "clusterIP");
        }
        if spec.items("clusterIPs").is_empty() {
            copy(spec, old, "clusterIPs");
        }
    }
    if needs::given_node_ports(spec) && needs::given_node_ports(old) {
        keep_node_ports(spec, old);
    }
    if needs::health_check_port(spec) && needs::health_check_port(old) && !spec.has("healthCheckNodePort") {
        copy(spec, old, "healthCheckNodePort");
    }
}

fn keep_node_ports(spec: &mut Map, old: &Value) {
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

/// Drops what the old type of the service had and the new one cannot have, unless the update changes it.
pub(super) fn drop_with_type(spec: &mut Map, old: &Value) {
    let lost = |has: fn(&Value) -> bool, now: bool| has(old) && !now;
    let lost_ip = lost(needs::cluster_ip, needs::cluster_ip(spec));
    let was_balancer = old.text("type") == "LoadBalancer" && spec.text("type") != "LoadBalancer";
    let groups: [(bool, &[&str]); 7] = [
        (lost_ip, &["clusterIP", "clusterIPs"]),
        (lost_ip, &["ipFamilies"]),
        (lost_ip, &["ipFamilyPolicy"]),
        (lost(needs::health_check_port, needs::health_check_port(spec)), &["healthCheckNodePort"]),
        (lost(needs::external, needs::external(spec)), &["externalTrafficPolicy"]),
        (was_balancer, &["allocateLoadBalancerNodePorts"]),
        (was_balancer, &["loadBalancerClass"]),
    ];
    for (_, fields) in groups.iter().filter(|(lost, _)| *lost) {
        if fields.iter().all(|field| spec.at(field) == old.at(field)) {
            fields.iter().for_each(|field| spec.drop_field(field));
        }
    }
    let had: Vec<i64> = old.items("ports").iter().filter_map(|port| port.int("nodePort")).collect();
    let mut ports = spec.items("ports").iter().filter_map(|port| port.int("nodePort"));
    let none_new = ports.all(|port| had.contains(&port));
    if lost(needs::node_ports, needs::node_ports(spec)) && none_new {
        spec.objects_mut("ports").for_each(|port| port.drop_field("nodePort"));
    }
}

/// An external name has no traffic in the cluster; upstream stores the policy nevertheless, and never shows it.
pub(super) fn hide_policy(spec: &mut Map) {
    let is_known = matches!(spec.text("internalTrafficPolicy"), "Cluster" | "Local");
    if spec.text("type") == "ExternalName" && is_known {
        spec.drop_field("internalTrafficPolicy");
    }
}

/// Fills in the IP families and their policy, from what the service was before, the addresses asked for, and the family
/// that the cluster has.
fn default_families(spec: &mut Map, old: &Value, family: &str) {
    if spec.text("type") == "ExternalName" {
        return;
    }
    let any_family = needs::any_family(spec);
    let policy = match old.text("ipFamilyPolicy") {
        "" if any_family => "RequireDualStack",
        "" => "SingleStack",
        before => before,
    };
    spec.fill("ipFamilyPolicy", policy);
    let single = spec.text("ipFamilyPolicy") == "SingleStack";
    if single {
        for list in ["clusterIPs", "ipFamilies"] {
            if spec.items(list).len() > 1 && spec.at(list) == old.at(list) {
                spec.list(list).truncate(1);
            }
        }
    }
    let ips: Vec<&'static str> =
        spec.texts("clusterIPs").take_while(|ip| *ip != HEADLESS).map(family_of).collect();
    let given = spec.items("ipFamilies").len();
    let families = spec.list("ipFamilies");
    families.extend(ips.iter().skip(given).take_while(|of| **of == family).map(|of| Value::from(*of)));
    if families.is_empty() && ips.is_empty() {
        families.push(family.into());
    }
    // Who names fewer than there were lets go of one, which is checked later.
    let releases = (1..old.items("ipFamilies").len()).contains(&given);
    if any_family && !single && !releases && families.len() == 1 {
        let other = if families[0] == "IPv4" { "IPv6" } else { "IPv4" };
        families.push(other.into());
    }
    if spec.items("ipFamilies").is_empty() {
        spec.drop_field("ipFamilies");
    }
}

/// The family of an address that is known to be one.
pub(super) fn family_of(ip: &str) -> &'static str {
    if ip.contains(':') { "IPv6" } else { "IPv4" }
}

fn copy(spec: &mut Map, old: &Value, field: &str) {
    if old.has(field) {
        spec.put(field, old.at(field).clone());
    }
}
