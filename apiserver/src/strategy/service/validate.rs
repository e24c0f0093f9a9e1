//! Checks a service; upstream's `ValidateService`.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::{addresses, labels, names};

use super::families;
use super::needs::{self, HEADLESS};
use super::ports;
use super::special_address;
use crate::strategy::checks;
use crate::tree::Read;

const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const ONLY_BALANCER: &str = "may only be used when `type` is 'LoadBalancer'";
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

/// The longest that a client keeps its back end: a day.
const MOST_AFFINITY_SECONDS: i64 = 86_400;

/// What is wrong with a service of a cluster whose addresses are of `family`.
pub(super) fn validate(service: &Value, old: &Value, family: &str) -> ErrorList {
    let (spec, at) = (service.at("spec"), Path::new("spec"));
    let unfit = families::validate(spec, family, &at);
    if !unfit.is_empty() {
        return unfit;
    }
    let mut errors = ErrorList::new();
    if spec.items("ports").is_empty() && !needs::headless(spec) && spec.text("type") != "ExternalName" {
        errors.push(Error::required(&at.child("ports"), ""));
    }
    check_type(spec, &at, &mut errors);
    ports::validate(spec, &at.child("ports"), &mut errors);
    checks::labels(spec.at("selector"), &at.child("selector"), &mut errors);
    check_affinity(spec, &at, &mut errors);
    check_external_ips(spec, &at.child("externalIPs"), &mut errors);
    checks::required_one_of(spec.text("type"), TYPES, &at.child("type"), &mut errors);
    ports::check_unique(spec, &at.child("ports"), &mut errors);
    check_source_ranges(service, &at, &mut errors);
    check_balancer(spec, old.at("spec"), &at, &mut errors);
    check_policies(spec, &at, &mut errors);
    errors
}

fn check_type(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    match spec.text("type") {
        kind @ ("LoadBalancer" | "NodePort") if needs::headless(spec) => {
            let (path, why) =
                (at.child("clusterIPs"), format!("may not be set to 'None' for {kind} services"));
            errors.push(Error::invalid(&path.index(0), HEADLESS, why));
        }
        "ExternalName" => {
            for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                if spec.has(field) {
                    errors
                        .push(Error::forbidden(&at.child(field), "may not be set for ExternalName services"));
                }
            }
            let (path, name) = (at.child("externalName"), spec.text("externalName"));
            if checks::required(spec, "externalName", at, errors) {
                let name = name.strip_suffix('.').unwrap_or(name);
                checks::each(names::dns1123_subdomain(name), name, &path, errors);
            }
        }
        _ => {}
    }
}

fn check_affinity(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (affinity, config) = (spec.text("sessionAffinity"), at.child("sessionAffinityConfig"));
    checks::required_one_of(affinity, &["ClientIP", "None"], &at.child("sessionAffinity"), errors);
    if affinity != "ClientIP" {
        if affinity == "None" && spec.has("sessionAffinityConfig") {
            errors.push(Error::forbidden(&config, "must not be set when session affinity is None"));
        }
        return;
    }
    let client = config.child("clientIP");
    let seconds = spec.at("sessionAffinityConfig").at("clientIP").int("timeoutSeconds").unwrap_or_default();
    if !(1..=MOST_AFFINITY_SECONDS).contains(&seconds) {
        let why = format!("must be greater than 0 and less than {MOST_AFFINITY_SECONDS}");
        errors.push(Error::invalid(&client.child("timeoutSeconds"), seconds, why));
    }
}

fn check_external_ips(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (index, text) in spec.texts("externalIPs").enumerate() {
        let path = at.index(index);
        errors.extend(addresses::validate_ip(text, &path));
        let special = addresses::parse_ip(text).and_then(special_address);
        errors.extend(special.map(|why| Error::invalid(&path, text, why)));
    }
}

fn check_source_ranges(service: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let spec = service.at("spec");
    let balanced = spec.text("type") == "LoadBalancer";
    let metadata = Path::new("metadata");
    let annotations = metadata.child("annotations");
    let (annotated, key) = (service.at("metadata").at("annotations"), annotations.key(SOURCE_RANGES));
    if !spec.items("loadBalancerSourceRanges").is_empty() {
        let path = at.child("LoadBalancerSourceRanges");
        if !balanced {
            errors.push(Error::forbidden(&path, ONLY_BALANCER));
        }
        for (index, range) in spec.texts("loadBalancerSourceRanges").enumerate() {
            errors.extend(addresses::validate_cidr(range.trim(), &path.index(index)));
        }
    } else if annotated.has(SOURCE_RANGES) {
        if !balanced {
            errors.push(Error::forbidden(&key, ONLY_BALANCER));
        }
        let text = annotated.text(SOURCE_RANGES).trim();
        for range in text.split(',').filter(|_| !text.is_empty()) {
            errors.extend(addresses::validate_cidr(range.trim(), &key));
        }
    }
}

fn check_balancer(spec: &Value, old: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let balanced = spec.text("type") == "LoadBalancer";
    if spec.has("allocateLoadBalancerNodePorts") && !balanced {
        errors.push(Error::forbidden(&at.child("allocateLoadBalancerNodePorts"), ONLY_BALANCER));
    }
    let (path, class) = (at.child("loadBalancerClass"), spec.at("loadBalancerClass"));
    if balanced && old.text("type") == "LoadBalancer" && class != old.at("loadBalancerClass") {
        errors.push(Error::invalid(&path, class, "may not change once set"));
    }
    match (balanced, class.as_str()) {
        (true, Some(name)) => checks::each(labels::qualified_name(name), name, &path, errors),
        (false, Some(_)) => errors.push(Error::forbidden(&path, ONLY_BALANCER)),
        (_, None) => {}
    }
}

fn check_policies(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, policy) = (at.child("externalTrafficPolicy"), spec.text("externalTrafficPolicy"));
    if needs::external(spec) {
        checks::required_one_of(policy, &["Cluster", "Local"], &path, errors);
    } else if !policy.is_empty() {
        errors.push(Error::invalid(&path, policy, "may only be set for externally-accessible services"));
    }
    if let Some(port) = spec.int("healthCheckNodePort") {
        let path = at.child("healthCheckNodePort");
        if needs::health_check_port(spec) {
            checks::port(port, &path, errors);
        } else {
            let why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            errors.push(Error::invalid(&path, port, why));
        }
    }
    if spec.has("internalTrafficPolicy") {
        let path = at.child("internalTrafficPolicy");
        checks::one_of(spec.text("internalTrafficPolicy"), &["Cluster", "Local"], &path, errors);
    }
    if spec.has("trafficDistribution") {
        let path = at.child("trafficDistribution");
        let ways = ["PreferClose", "PreferSameZone", "PreferSameNode"];
        checks::one_of(spec.text("trafficDistribution"), &ways, &path, errors);
    }
}
