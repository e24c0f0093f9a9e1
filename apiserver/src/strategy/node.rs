//! Nodes: addresses of pods, taints, and a status that has all its parts.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::str::FromStr;

use steersman_core::addresses::Cidr;
use steersman_core::field::{self, Error, ErrorList, Path};
use steersman_core::tree::{Map, Value, json};
use steersman_core::{Quantity, addresses, labels, names};

use super::{Strategy, WriteContext, checks, internal, node_annotations, resource_quota};
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

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        let node = fields(object);
        node.object("spec").drop_field("configSource");
        node.object("status").drop_field("config");
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        let node = fields(object);
        node.put("status", old.at("status").clone());
        if !old.at("spec").has("configSource") {
            node.object("spec").drop_field("configSource");
        }
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        if !old.at("status").has("config") {
            fields(object).object("status").drop_field("config");
        }
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
        node_annotations::validate(object, &mut errors);
        check_spec_taints(spec, &mut errors);
        check_amounts(object, &mut errors);
        check_swap(object, &mut errors);
        check_features(object, &mut errors);
        check_pod_cidrs(spec, &at.child("podCIDRs"), &mut errors);
        errors
    }

    /// Upstream looks at a changed node once as a new one, and once more as a changed one.
    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        check_change(object, old, &mut errors);
        errors
    }

    fn validate_status(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        check_change(object, old, &mut errors);
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let external = object.at("spec").has("externalID");
        let warning = "spec.externalID: this field is deprecated, and is unused by Kubernetes";
        let (spec, at) = (object.at("spec"), Path::new("spec"));
        let path = at.child("podCIDRs");
        let ranges = spec.texts("podCIDRs").enumerate();
        let ranges = ranges.flat_map(|(index, range)| addresses::warn_of_cidr(range, &path.index(index)));
        external.then(|| warning.to_owned()).into_iter().chain(ranges).collect()
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["spec.unschedulable"]
    }

    fn field<'a>(&self, object: &'a Value, _field: &str) -> Cow<'a, str> {
        Cow::Borrowed(if object.at("spec").flag("unschedulable") { "true" } else { "false" })
    }
}

/// `podCIDR` is the first of `podCIDRs`: each fills the other.
fn share_pod_cidr(spec: &mut Map) {
    let first = spec.texts("podCIDRs").next().unwrap_or_default().to_owned();
    match (spec.text("podCIDR").to_owned(), first) {
        (one, first) if one.is_empty() && !first.is_empty() => spec.put("podCIDR", first),
        (one, first) if !one.is_empty() && one != first => spec.put("podCIDRs", json!([one])),
        _ => {}
    }
}

/// What a node has is what it may give, unless it says otherwise.
fn allocate(status: &mut Map) {
    if status.has("capacity") && !status.has("allocatable") {
        let capacity = status.at("capacity").clone();
        status.put("allocatable", capacity);
    }
}

fn check_change(node: &Value, old: &Value, errors: &mut ErrorList) {
    let (spec, was, at) = (node.at("spec"), old.at("spec"), Path::new("spec"));
    node_annotations::validate(node, errors);
    check_amounts(node, errors);
    check_features(node, errors);
    check_addresses(node, errors);
    let (now, before) = (spec.items("podCIDRs"), was.items("podCIDRs"));
    let changed = now.iter().zip(before).filter(|(now, before)| now != before).count();
    for _ in 0..if now.len() == before.len() { changed } else { before.len().min(1) } {
        let why = "node updates may not change podCIDR except from \"\" to valid";
        errors.push(Error::forbidden(&at.child("podCIDRs"), why));
    }
    if was.has("providerID") && spec.at("providerID") != was.at("providerID") {
        let why = "node updates may not change providerID except from \"\" to valid";
        errors.push(Error::forbidden(&at.child("providerID"), why));
    }
    check_spec_taints(spec, errors);
    if spec.at("externalID") != was.at("externalID") {
        errors.push(Error::forbidden(&at.child("externalID"), "may not be updated"));
    }
}

/// Upstream says that taints are metadata.
fn check_spec_taints(spec: &Value, errors: &mut ErrorList) {
    let metadata = Path::new("metadata");
    check_taints(spec.items("taints"), &metadata.child("taints"), errors);
}

/// What is wrong with the taints at `at`.
pub(super) fn check_taints(taints: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    for (index, taint) in taints.iter().enumerate() {
        let (path, key, effect) = (at.index(index), taint.text("key"), taint.text("effect"));
        errors.extend(labels::validate_label_name(key, &path.child("key")));
        let value = taint.text("value");
        let faults = labels::label_value(value);
        if !faults.is_empty() {
            errors.push(Error::invalid(&path.child("value"), value, faults.join(";")));
        }
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        checks::required_one_of(effect, &effects, &path.child("effect"), errors);
        let same = |one: &Value| one.text("key") == key && one.text("effect") == effect;
        if taints[..index].iter().any(same) {
            let detail = "taints must be unique by key and effect pair".to_owned();
            errors.push(Error { detail, ..Error::duplicate(&path, internal::taint(taint)) });
        }
    }
}

fn check_amounts(node: &Value, errors: &mut ErrorList) {
    let status = Path::new("status");
    for list in ["capacity", "allocatable"] {
        let path = status.child(list);
        for (name, amount) in node.at("status").entries(list) {
            let at = path.child(name);
            checks::quantity_not_negative(amount, &at, errors);
            let read = amount.as_str().and_then(|text| Quantity::from_str(text).ok());
            if resource_quota::is_whole(name) && read.is_some_and(|read| !read.is_whole()) {
                errors.push(Error::invalid(&at, amount, "must be an integer"));
            }
        }
    }
}

/// Room to swap is some. Upstream's path is that of no field.
fn check_swap(node: &Value, errors: &mut ErrorList) {
    let swap = node.at("status").at("nodeInfo").at("swap");
    if let Some(room) = swap.int("capacity").filter(|room| *room <= 0) {
        let metadata = Path::new("metadata");
        let at = metadata.child("nodeSwapStatus");
        errors.push(Error::invalid(&at.child("capacity"), room, "must be greater than zero"));
    }
}

/// The features that a node says it has, in order.
fn check_features(node: &Value, errors: &mut ErrorList) {
    let status = Path::new("status");
    let path = status.child("declaredFeatures");
    let features: Vec<&str> = node.at("status").texts("declaredFeatures").collect();
    for (index, feature) in features.iter().enumerate() {
        if let Some(why) = no_feature(feature) {
            let why = format!("invalid feature name {}: {why}", field::quote(feature));
            errors.push(Error::invalid(&path.index(index), feature, why));
        }
        let Some(next) = features.get(index + 1) else { continue };
        match feature.cmp(next) {
            Ordering::Less => {}
            Ordering::Equal => errors.push(Error::duplicate(&path.index(index + 1), next)),
            Ordering::Greater => {
                let why = "list must be sorted alphabetically";
                errors.push(Error::invalid(&path.index(index + 1), next, why));
            }
        }
    }
}

/// Why a text is not the name of a feature: segments of letters and digits, the first with a capital.
fn no_feature(name: &str) -> Option<&'static str> {
    let is_segment = |segment: &str| {
        segment.starts_with(|first: char| first.is_ascii_alphabetic())
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if name.len() > names::SUBDOMAIN_MAX_BYTES {
        Some("must be no more than 253 characters")
    } else if name.starts_with(|first: char| first.is_ascii_uppercase()) && name.split('/').all(is_segment) {
        None
    } else {
        Some(
            "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or \
             MyFeature/mySubFeature), and contain only alphanumeric characters and slashes",
        )
    }
}

fn check_addresses(node: &Value, errors: &mut ErrorList) {
    let status = Path::new("status");
    let (path, addresses) = (status.child("addresses"), node.at("status").items("addresses"));
    let same = |a: &Value, b: &Value| ["type", "address"].iter().all(|field| a.text(field) == b.text(field));
    for (index, address) in addresses.iter().enumerate() {
        if addresses[..index].iter().any(|before| same(before, address)) {
            errors.push(Error::duplicate(&path.index(index), internal::node_address(address)));
        }
    }
}

fn check_pod_cidrs(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (index, text) in spec.texts("podCIDRs").enumerate() {
        errors.extend(addresses::validate_cidr(text, &at.index(index)));
    }
    let ranges: Vec<Option<Cidr>> = spec.texts("podCIDRs").map(|text| text.parse().ok()).collect();
    if ranges.len() < 2 {
        return;
    }
    if let Some((index, _)) = ranges.iter().enumerate().find(|(_, range)| range.is_none()) {
        let text = spec.texts("podCIDRs").nth(index).unwrap_or_default();
        let why = format!("invalid CIDR[{index}]: <nil> (invalid CIDR address: {text})");
        let why = format!("invalid PodCIDRs. failed to check with dual stack with error:{why}");
        errors.push(Error::internal(at, why));
    }
    let of_family =
        |v6: bool| ranges.iter().flatten().filter(|range| range.address().is_ipv6() == v6).count();
    if (of_family(false), of_family(true)) != (1, 1) || ranges.len() > 2 {
        let why = "may specify no more than one CIDR for each IP family";
        errors.push(Error::invalid(at, spec.at("podCIDRs"), why));
    }
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

    #[test]
    fn nodes_are_refused_in_upstreams_words() {
        let cases = [
            (
                json!({"spec": {"taints": [{"key": "a", "effect": "NoExecute"}, {"key": "a", "effect": "NoExecute"}]}}),
                "metadata.taints[1]: Duplicate value: {\"Key\":\"a\",\"Value\":\"\",\"Effect\":\"NoExecute\",\
                 \"TimeAdded\":null}: taints must be unique by key and effect pair",
            ),
            (
                json!({"status": {"capacity": {"pods": "1500m", "cpu": "1500m"}}}),
                "status.capacity.pods: Invalid value: \"1500m\": must be an integer",
            ),
            (
                json!({"status": {"nodeInfo": {"swap": {"capacity": 0}}}}),
                "metadata.nodeSwapStatus.capacity: Invalid value: 0: must be greater than zero",
            ),
            (json!({"status": {"declaredFeatures": ["A", "B/c"]}}), ""),
            (
                json!({"status": {"declaredFeatures": ["B", "A", "A"]}}),
                "status.declaredFeatures[1]: Invalid value: \"A\": list must be sorted alphabetically, \
                 status.declaredFeatures[2]: Duplicate value: \"A\"",
            ),
        ];
        for (node, expected) in cases {
            let errors = Nodes.validate(&node);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), expected);
        }
        let twice = json!({"type": "Hostname", "address": "a"});
        let node = json!({"status": {"addresses": [twice, twice]}});
        assert_eq!(
            Nodes.validate_status(&node, &node)[0].to_string(),
            "status.addresses[1]: Duplicate value: {\"Type\":\"Hostname\",\"Address\":\"a\"}"
        );
    }
}
