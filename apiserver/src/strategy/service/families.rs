//! Checks that the cluster IPs and IP families of a service fit each other, the cluster, and what they were before.

use steersman_core::addresses;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::needs::{self, HEADLESS};
use super::prepare::family_of;
use crate::strategy::checks;
use crate::tree::Read;

const FAMILIES: &[&str] = &["IPv4", "IPv6"];
const ONCE: &str = "may not change once set";
const POLICIES: &[&str] = &["PreferDualStack", "RequireDualStack", "SingleStack"];

/// What does not fit in a spec that replaces `old`, if there was one; nothing else of a service is checked until all of
/// this does.
pub(super) fn validate(spec: &Value, old: &Value, family: &str, at: &Path<'_>) -> ErrorList {
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
        check_cluster(spec, old, family, at, &mut errors);
    }
    errors
}

/// The first address and family stay as they are, and so do the second ones unless one family is asked for.
pub(super) fn check_change(spec: &Value, was: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let external = [spec, was].iter().any(|spec| spec.text("type") == "ExternalName");
    let headless = (needs::headless(spec), needs::headless(was));
    if external || headless == (true, true) {
        return;
    }
    check_list(spec, was, ("clusterIPs", "clusterIP"), at, errors);
    if headless == (false, false) {
        check_list(spec, was, ("ipFamilies", "ipFamily"), at, errors);
    }
}

fn check_list(spec: &Value, was: &Value, (list, one): (&str, &str), at: &Path<'_>, errors: &mut ErrorList) {
    let (now, before, path) = (spec.items(list), was.items(list), at.child(list));
    let first = path.index(0);
    if now.len() == before.len() {
        for (index, _) in now.iter().zip(before).enumerate().filter(|(_, (now, before))| now != before) {
            let place = if list == "ipFamilies" { first } else { path.index(index) };
            errors.push(Error::invalid(&place, spec.at(list), ONCE));
        }
        return;
    }
    let shrinks = now.len() < before.len();
    if shrinks && spec.items("clusterIPs").is_empty() {
        errors.push(Error::invalid(&first, spec.at(list), format!("primary {one} can not be unset")));
    }
    if let (Some(now), Some(before)) = (now.first(), before.first())
        && now != before
    {
        errors.push(Error::invalid(&first, spec.at("clusterIPs"), ONCE));
    }
    if shrinks && now.len() == 1 && spec.text("ipFamilyPolicy") != "SingleStack" {
        let why = format!("must be set to 'SingleStack' when releasing the secondary {one}");
        errors.push(Error::invalid(&at.child("ipFamilyPolicy"), spec.at("ipFamilyPolicy"), why));
    }
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
    let is_readable = errors.len() == found;
    if count > 2 {
        errors.push(Error::invalid(at, all, "may only hold up to 2 values"));
    }
    if !is_readable {
        return;
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
fn check_cluster(spec: &Value, old: &Value, family: &str, at: &Path<'_>, errors: &mut ErrorList) {
    check_policy(spec, old, at, errors);
    let (path, families) = (at.child("clusterIPs"), spec.items("ipFamilies").len());
    let asked = spec.texts("clusterIPs").enumerate().skip(families).filter(|(_, ip)| *ip != HEADLESS);
    for (index, other) in asked.map(|(index, ip)| (index, family_of(ip))).filter(|(_, of)| *of != family) {
        let why = format!("{other} is not configured on this cluster");
        errors.push(Error::invalid(&path.index(index), spec.at("clusterIPs"), why));
    }
    if !errors.is_empty() || needs::any_family(spec) {
        return;
    }
    if spec.text("ipFamilyPolicy") == "RequireDualStack" {
        let why = "this cluster is not configured for dual-stack services";
        errors.push(Error::invalid(&at.child("ipFamilyPolicy"), "RequireDualStack", why));
    }
    let path = at.child("ipFamilies");
    for (index, one) in spec.texts("ipFamilies").enumerate().filter(|(_, one)| *one != family) {
        errors.push(Error::invalid(&path.index(index), one, "not configured on this cluster"));
    }
}

/// Only the policy of one family lets go of what is of the second, and only the others take it.
fn check_policy(spec: &Value, old: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, policy) = (at.child("ipFamilyPolicy"), spec.text("ipFamilyPolicy"));
    let lists = [
        ("clusterIPs", "secondary cluster IP", "cluster IPs"),
        ("ipFamilies", "secondary IP family", "IP families"),
    ];
    for (list, second, both) in lists {
        let (now, before) = (spec.items(list).len(), old.items(list).len());
        let why = match policy {
            "SingleStack" if now == 2 => {
                format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {both} are specified")
            }
            "SingleStack" => continue,
            _ if (1..before).contains(&now) => format!("must be 'SingleStack' to release the {second}"),
            _ => continue,
        };
        errors.push(Error::invalid(&path, policy, why));
    }
}
