//! Checks a service; upstream's `ValidateService`.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{addresses, labels, names};

use super::families;
use super::needs::{self, HEADLESS};
use super::ports;
use super::special_address;
use crate::strategy::checks::{self, IMMUTABLE};
use crate::tree::Read;

const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const ONLY_BALANCER: &str = "may only be used when `type` is 'LoadBalancer'";
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

/// What was once the name of the annotation below.
pub(super) const TOPOLOGY_HINTS: &str = "service.kubernetes.io/topology-aware-hints";

/// How traffic prefers endpoints of its own zone.
pub(super) const TOPOLOGY_MODE: &str = "service.kubernetes.io/topology-mode";

/// The longest that a client keeps its back end: a day.
const MOST_AFFINITY_SECONDS: i64 = 86_400;

/// What is wrong with a new service. What it was given is known to fit.
pub(super) fn validate(service: &Value) -> ErrorList {
    check(service)
}

/// What is wrong with a service that replaces `old`.
pub(super) fn validate_update(service: &Value, old: &Value) -> ErrorList {
    let (spec, was, at) = (service.at("spec"), old.at("spec"), Path::new("spec"));
    let mut errors = ErrorList::new();
    families::check_change(spec, was, &at, &mut errors);
    let (path, class) = (at.child("loadBalancerClass"), spec.at("loadBalancerClass"));
    let balanced = [spec, was].iter().all(|spec| spec.text("type") == "LoadBalancer");
    if balanced && class != was.at("loadBalancerClass") {
        errors.push(Error::invalid(&path, class, "may not change once set"));
    }
    check_class(spec, &at, &mut errors);
    let (checked, port) = ([spec, was].into_iter().all(needs::health_check_port), "healthCheckNodePort");
    if checked && spec.at(port) != was.at(port) {
        errors.push(Error::forbidden(&at.child(port), IMMUTABLE));
    }
    errors.extend(check(service));
    errors
}

/// What is wrong with the status of a service.
pub(super) fn validate_status(service: &Value) -> ErrorList {
    let (mut errors, status) = (ErrorList::new(), Path::new("status"));
    let (balancer, at) = (service.at("status").at("loadBalancer"), status.child("loadBalancer"));
    let path = at.child("ingress");
    if service.at("spec").text("type") != "LoadBalancer" && !balancer.items("ingress").is_empty() {
        let why = "may only be used when `spec.type` is 'LoadBalancer'";
        errors.push(Error::forbidden(&path, why));
        return errors;
    }
    for (index, point) in balancer.items("ingress").iter().enumerate() {
        let at = path.index(index);
        checks::balancer_ip(point, &at, &mut errors);
        check_mode(point, &at.child("ipMode"), &mut errors);
        checks::balancer_host(point, &at, &mut errors);
    }
    errors
}

/// How traffic to an address reaches nodes is said where there is an address.
fn check_mode(point: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    match (point.has("ipMode"), point.text("ip").is_empty()) {
        (false, false) => errors.push(Error::required(at, "must be specified when `ip` is set")),
        (true, true) => errors.push(Error::forbidden(at, "may not be specified when `ip` is not set")),
        (true, false) => checks::one_of(point.text("ipMode"), &["Proxy", "VIP"], at, errors),
        (false, true) => {}
    }
}

fn check(service: &Value) -> ErrorList {
    let (spec, at) = (service.at("spec"), Path::new("spec"));
    let mut errors = ErrorList::new();
    check_topology(service, &mut errors);
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
    if spec.has("allocateLoadBalancerNodePorts") && spec.text("type") != "LoadBalancer" {
        errors.push(Error::forbidden(&at.child("allocateLoadBalancerNodePorts"), ONLY_BALANCER));
    }
    check_class(spec, &at, &mut errors);
    check_policies(spec, &at, &mut errors);
    errors
}

/// The annotation has an older name, too.
fn check_topology(service: &Value, errors: &mut ErrorList) {
    let (annotations, metadata) = (service.at("metadata").at("annotations"), Path::new("metadata"));
    let (hints, mode) = (annotations.at(TOPOLOGY_HINTS), annotations.at(TOPOLOGY_MODE));
    if !hints.is_null() && !mode.is_null() && hints != mode {
        let why = format!("must match annotations[{TOPOLOGY_HINTS}] when both are specified");
        errors.push(Error::invalid(&metadata.child("annotations").key(TOPOLOGY_MODE), mode, why));
    }
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
            match name.strip_suffix('.').unwrap_or(name) {
                "" => errors.push(Error::required(&path, "")),
                name => checks::each(names::dns1123_subdomain(name), name, &path, errors),
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
        let faults = addresses::validate_ip(text, &path);
        let special = addresses::parse_ip(text).and_then(special_address).filter(|_| faults.is_empty());
        errors.extend(special.map(|why| Error::invalid(&path, text, why)));
        errors.extend(faults);
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

fn check_class(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, class) = (at.child("loadBalancerClass"), spec.at("loadBalancerClass"));
    match (spec.text("type") == "LoadBalancer", class.as_str()) {
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
