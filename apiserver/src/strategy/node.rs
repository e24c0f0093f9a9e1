//! Nodes: addresses of pods, taints, and a status that has all its parts.

use std::borrow::Cow;
use std::net::IpAddr;
use std::str::FromStr;

use serde_json::{Map, Value, json};
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::{Quantity, addresses, labels};

use super::{Strategy, WriteContext, checks};
use crate::tree::{Fill, Read, fields};

/// The strategy of nodes.
pub(super) struct Nodes;

impl Strategy for Nodes {
    fn default(&self, object: &mut Value) {
        let node = fields(object);
        let spec = node.object("spec");
        share_pod_cidr(spec);
        allocate(node.object("status"));
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        fields(object).put("status", old.at("status").clone());
    }

    fn separates_status(&self) -> bool {
        false
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (spec, at) = (object.at("spec"), Path::new("spec"));
        check_taints(spec, &mut errors);
        check_amounts(object, &mut errors);
        check_pod_cidrs(spec, &at.child("podCIDRs"), &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (new, was, at) = (object.at("spec"), old.at("spec"), Path::new("spec"));
        check_taints(new, &mut errors);
        if !was.items("podCIDRs").is_empty() && new.at("podCIDRs") != was.at("podCIDRs") {
            let why = "node updates may not change podCIDR except from \"\" to valid";
            errors.push(Error::forbidden(&at.child("podCIDRs"), why));
        }
        if was.has("providerID") && new.at("providerID") != was.at("providerID") {
            let why = "node updates may not change providerID except from \"\" to valid";
            errors.push(Error::forbidden(&at.child("providerID"), why));
        }
        errors
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        check_amounts(object, &mut errors);
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let external = object.at("spec").has("externalID");
        let warning = "spec.externalID: this field is deprecated, and is unused by Kubernetes";
        external.then(|| warning.to_owned()).into_iter().collect()
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["spec.unschedulable"]
    }

    fn field<'a>(&self, object: &'a Value, _field: &str) -> Cow<'a, str> {
        Cow::Borrowed(if object.at("spec").flag("unschedulable") { "true" } else { "false" })
    }
}

/// `podCIDR` is the first of `podCIDRs`: each fills the other.
fn share_pod_cidr(spec: &mut Map<String, Value>) {
    let first = spec.texts("podCIDRs").next().unwrap_or_default().to_owned();
    match (spec.text("podCIDR").to_owned(), first) {
        (one, first) if one.is_empty() && !first.is_empty() => spec.put("podCIDR", first),
        (one, first) if !one.is_empty() && one != first => spec.put("podCIDRs", json!([one])),
        _ => {}
    }
}

/// What a node has is what it may give, unless it says otherwise.
fn allocate(status: &mut Map<String, Value>) {
    if status.has("capacity") && !status.has("allocatable") {
        let capacity = status.at("capacity").clone();
        status.put("allocatable", capacity);
    }
}

fn check_taints(spec: &Value, errors: &mut ErrorList) {
    let metadata = Path::new("metadata");
    let (at, taints) = (metadata.child("taints"), spec.items("taints"));
    for (index, taint) in taints.iter().enumerate() {
        let (path, key, effect) = (at.index(index), taint.text("key"), taint.text("effect"));
        errors.extend(labels::validate_label_name(key, &path.child("key")));
        let value = taint.text("value");
        checks::each(labels::label_value(value), value, &path.child("value"), errors);
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        checks::required_one_of(effect, &effects, &path.child("effect"), errors);
        let same = |one: &Value| one.text("key") == key && one.text("effect") == effect;
        if taints[..index].iter().any(same) {
            errors.push(Error::duplicate(&path, taint));
        }
    }
}

fn check_amounts(node: &Value, errors: &mut ErrorList) {
    let status = Path::new("status");
    for list in ["capacity", "allocatable"] {
        let path = status.child(list);
        for (name, amount) in node.at("status").entries(list) {
            let quantity = amount.as_str().and_then(|text| Quantity::from_str(text).ok());
            if quantity.is_some_and(|quantity| quantity.is_negative()) {
                errors.push(Error::invalid(&path.child(name), amount, "must be greater than or equal to 0"));
            }
        }
    }
}

fn check_pod_cidrs(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (index, text) in spec.texts("podCIDRs").enumerate() {
        let path = at.index(index);
        let wrong = addresses::validate_cidr(text, &path);
        if wrong.is_empty() && has_host_bits(text) {
            errors.push(Error::invalid(&path, text, "must not have bits set beyond the prefix length"));
        }
        errors.extend(wrong);
    }
    let of_family = |v6: bool| spec.texts("podCIDRs").filter(|text| text.contains(':') == v6).count();
    if errors.is_empty() && (of_family(false) > 1 || of_family(true) > 1) {
        let why = "may specify no more than one CIDR for each IP family";
        errors.push(Error::invalid(at, spec.at("podCIDRs"), why));
    }
}

/// Whether the address of a well-formed network has bits that are not the network's.
fn has_host_bits(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else { return false };
    let (bits, width) = match addresses::parse_ip(address) {
        Some(IpAddr::V4(v4)) => (u128::from(u32::from(v4)), 32),
        Some(IpAddr::V6(v6)) => (u128::from(v6), 128),
        None => return false,
    };
    let host_bits = prefix.parse().ok().and_then(|prefix: u32| 128_u32.min(width).checked_sub(prefix));
    let mask = host_bits.map_or(0, |bits| 1_u128.checked_shl(bits).map_or(u128::MAX, |one| one - 1));
    bits & mask != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pod_network_is_said_twice() {
        let cases = [
            (
                json!({"podCIDR": "10.1.0.0/24"}),
                json!({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]}),
            ),
            (
                json!({"podCIDRs": ["10.1.0.0/24"]}),
                json!({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]}),
            ),
            (
                json!({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.2.0.0/24"]}),
                json!({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]}),
            ),
        ];
        for (mut spec, shared) in cases {
            share_pod_cidr(fields(&mut spec));
            assert_eq!(spec, shared);
        }
    }
}
