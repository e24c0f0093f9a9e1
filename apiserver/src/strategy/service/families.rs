//! Checks that the cluster IPs and IP families of a service fit each other and the cluster.

use serde_json::Value;
use steersman_core::addresses;
use steersman_core::field::{Error, ErrorList, Path};

use super::needs::{self, HEADLESS};
use super::prepare::family_of;
use crate::strategy::checks;
use crate::tree::Read;

const FAMILIES: &[&str] = &["IPv4", "IPv6"];
const POLICIES: &[&str] = &["PreferDualStack", "RequireDualStack", "SingleStack"];

/// What does not fit; nothing else of a service is checked until all of this does.
pub(super) fn validate(spec: &Value, family: &str, at: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if spec.text("type") == "ExternalName" {
        return errors;
    }
    check_first(spec, &at.child("clusterIPs"), &mut errors);
    let path = at.child("ipFamilies");
    for (index, one) in spec.texts("ipFamilies").enumerate() {
        checks::one_of(one, FAMILIES, &path.index(index), &mut errors);
        if spec.texts("ipFamilies").take(index).any(|before| before == one) {
            errors.push(Error::duplicate(&path.index(index), one));
        }
    }
    if spec.has("ipFamilyPolicy") {
        checks::one_of(spec.text("ipFamilyPolicy"), POLICIES, &at.child("ipFamilyPolicy"), &mut errors);
    }
    check_ips(spec, &at.child("clusterIPs"), &mut errors);
    if errors.is_empty() {
        check_cluster(spec, family, at, &mut errors);
    }
    errors
}

/// `clusterIP` is the first of `clusterIPs`.
fn check_first(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (one, all) = (spec.text("clusterIP"), spec.at("clusterIPs"));
    match (one.is_empty(), spec.texts("clusterIPs").next()) {
        (false, None) => errors.push(Error::required(at, "")),
        (false, Some(first)) if first != one => {
            errors.push(Error::invalid(at, all, "first value must match `clusterIP`"));
        }
        (true, Some(_)) => {
            errors.push(Error::invalid(at, all, "must be empty when `clusterIP` is not specified"))
        }
        _ => {}
    }
}

fn check_ips(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (all, count) = (spec.at("clusterIPs"), spec.items("clusterIPs").len());
    let found = errors.len();
    for (index, ip) in spec.texts("clusterIPs").enumerate() {
        if index == 0 && ip == HEADLESS {
            if count > 1 {
                errors.push(Error::invalid(at, all, "'None' must be the first and only value"));
            }
            continue;
        }
        errors.extend(addresses::validate_ip(ip, &at.index(index)));
    }
    if errors.len() > found {
        return;
    }
    if count > 2 {
        errors.push(Error::invalid(at, all, "may only hold up to 2 values"));
    }
    let both = FAMILIES.iter().all(|family| spec.texts("clusterIPs").any(|ip| family_of(ip) == *family));
    if count > 1 && !both {
        errors.push(Error::invalid(at, all, "may specify no more than one IP for each IP family"));
    }
    if needs::headless(spec) {
        return;
    }
    for (index, (ip, family)) in spec.texts("clusterIPs").zip(spec.texts("ipFamilies")).enumerate() {
        if FAMILIES.contains(&family) && family_of(ip) != family {
            let why = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            errors.push(Error::invalid(&at.index(index), ip, why));
        }
    }
}

/// A cluster has addresses of one family.
fn check_cluster(spec: &Value, family: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let selectorless = spec.at("selector").as_object().is_none_or(serde_json::Map::is_empty);
    if needs::headless(spec) && selectorless {
        return;
    }
    let path = at.child("ipFamilies");
    for (index, one) in spec.texts("ipFamilies").enumerate().filter(|(_, one)| *one != family) {
        errors.push(Error::invalid(&path.index(index), one, "not configured on this cluster"));
    }
    if errors.is_empty() && spec.text("ipFamilyPolicy") == "RequireDualStack" {
        let why = "this cluster is not configured for dual-stack services";
        errors.push(Error::invalid(&at.child("ipFamilyPolicy"), "RequireDualStack", why));
    }
}
