//! EndpointSlices: addresses of one type, ports, hints.

use steersman_core::addresses;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::Value;

use super::service::Reach;
use super::{Strategy, WriteContext, checks};
use crate::tree::{Fill, Read, fields};

/// The most of each that a slice may hold.
const MOST_ADDRESSES: usize = 100;
const MOST_ENDPOINTS: usize = 1000;
const MOST_HINTS: usize = 8;
const MOST_LABELS: usize = 16;
const MOST_PORTS: usize = 20_000;

/// Controllers whose addresses are in the usual form.
const CONTROLLERS: [&str; 2] =
    ["endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"];

/// The strategy of endpoint slices, whose addresses must reach this far.
pub(super) struct EndpointSlices {
    pub(super) reach: Reach,
}

impl Strategy for EndpointSlices {
    fn default(&self, object: &mut Value) {
        for port in fields(object).objects_mut("ports") {
            port.fill("name", "");
            port.fill("protocol", "TCP");
        }
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        drop_topology(object);
    }

    /// What endpoints that do not change were written with, in an older version, stays.
    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        if object.at("endpoints") != old.at("endpoints") {
            drop_topology(object);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let kind = object.text("addressType");
        checks::required_one_of(kind, &["FQDN", "IPv4", "IPv6"], &Path::new("addressType"), &mut errors);
        check_ports(object.items("ports"), &mut errors);
        let (at, endpoints) = (Path::new("endpoints"), object.items("endpoints"));
        if endpoints.len() > MOST_ENDPOINTS {
            errors.push(Error::too_many(&at, endpoints.len(), MOST_ENDPOINTS));
            return errors;
        }
        for (index, endpoint) in endpoints.iter().enumerate() {
            check_endpoint(endpoint, kind, self.reach, &at.index(index), &mut errors);
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        checks::unchanged(object, old, "addressType", &Path::ROOT, &mut errors);
        errors
    }

    /// Labels count here, beside all that is no metadata.
    fn counts_change(&self, object: &Value, old: &Value) -> Option<bool> {
        let labels = |tree: &Value| tree.at("metadata").at("labels").clone();
        (labels(object) != labels(old)).then_some(true)
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let names = object.text("addressType") == "FQDN" && old.is_none();
        let warning = names.then(|| "spec.addressType: FQDN endpoints are deprecated".to_owned());
        warning.into_iter().chain(address_warnings(object)).collect()
    }
}

fn address_warnings(slice: &Value) -> Vec<String> {
    let manager = slice.at("metadata").at("labels").text("endpointslice.kubernetes.io/managed-by");
    if CONTROLLERS.contains(&manager) {
        return Vec::new();
    }
    let (mut warnings, at) = (Vec::new(), Path::new("endpoints"));
    for (index, endpoint) in slice.items("endpoints").iter().enumerate() {
        let endpoint_at = at.index(index);
        let path = endpoint_at.child("addresses");
        for (index, address) in endpoint.texts("addresses").enumerate() {
            warnings.extend(addresses::warn_of_ip(address, &path.index(index)));
        }
    }
    warnings
}

/// This version keeps where endpoints are in fields of their own.
fn drop_topology(slice: &mut Value) {
    fields(slice).objects_mut("endpoints").for_each(|endpoint| endpoint.drop_field("deprecatedTopology"));
}

fn check_endpoint(endpoint: &Value, kind: &str, reach: Reach, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, list) = (at.child("addresses"), endpoint.items("addresses"));
    if list.is_empty() {
        errors.push(Error::required(&path, "must contain at least 1 address"));
    } else if list.len() > MOST_ADDRESSES {
        errors.push(Error::too_many(&path, list.len(), MOST_ADDRESSES));
    }
    for (index, address) in endpoint.texts("addresses").enumerate() {
        check_address(address, kind, reach, &path.index(index), &path, errors);
    }
    let (node, host) = (endpoint.text("nodeName"), endpoint.text("hostname"));
    if endpoint.has("nodeName") {
        checks::each(names::dns1123_subdomain(node), node, &at.child("nodeName"), errors);
    }
    let (topology, path) = (endpoint.at("deprecatedTopology"), at.child("deprecatedTopology"));
    let labels = endpoint.entries("deprecatedTopology").count();
    if labels > MOST_LABELS {
        errors.push(Error::too_many(&path, labels, MOST_LABELS));
    }
    checks::labels(topology, &path, errors);
    if endpoint.has("hostname") {
        checks::each(names::dns1123_label(host), host, &at.child("hostname"), errors);
    }
    let (hints, at) = (endpoint.at("hints"), at.child("hints"));
    let zones = check_hints(hints, "forZones", steersman_core::labels::label_value, &at, errors);
    if zones {
        check_hints(hints, "forNodes", names::dns1123_subdomain, &at, errors);
    }
}

fn check_address(
    address: &str,
    kind: &str,
    reach: Reach,
    path: &Path<'_>,
    list: &Path<'_>,
    errors: &mut ErrorList,
) {
    let faults = match kind {
        "IPv4" => addresses::validate_ip(address, path),
        "IPv6" => addresses::validate_ip_strictly(address, path),
        "FQDN" => return check_domain(address, path, errors),
        _ => return,
    };
    let Some(ip) = addresses::parse_ip(address).filter(|_| faults.is_empty()) else {
        errors.extend(faults);
        return;
    };
    if ip.is_ipv4() != (kind == "IPv4") {
        errors.push(Error::invalid(list, address, format!("must be an {kind} address")));
    }
    errors.extend(reach.refuses(ip).map(|why| Error::invalid(path, address, why)));
}

/// A name of at least two parts, each a label; a dot may end it.
fn check_domain(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if name.is_empty() {
        errors.push(Error::required(at, ""));
        return;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let faults = names::dns1123_subdomain(name);
    if !faults.is_empty() {
        errors.push(Error::invalid(at, name, faults.join(",")));
    } else if !name.contains('.') {
        let why = "should be a domain with at least two segments separated by dots";
        errors.push(Error::invalid(at, name, why));
    } else if let Some(part) = name.split('.').find(|part| !names::dns1123_label(part).is_empty()) {
        errors.push(Error::invalid(at, part, names::dns1123_label(part).join(",")));
    }
}

/// Names that are given once each, by a rule; whether there are not too many.
fn check_hints(
    hints: &Value,
    field: &str,
    rule: fn(&str) -> Vec<String>,
    at: &Path<'_>,
    errors: &mut ErrorList,
) -> bool {
    let (path, named) = (at.child(field), hints.items(field));
    if named.len() > MOST_HINTS {
        errors.push(Error::too_many(&path, named.len(), MOST_HINTS));
        return false;
    }
    for (index, hint) in named.iter().enumerate() {
        let (item, name) = (path.index(index), hint.text("name"));
        if named[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&item.child("name"), name));
        }
        checks::each(rule(name), name, &item.child("name"), errors);
    }
    true
}

fn check_ports(ports: &[Value], errors: &mut ErrorList) {
    let at = Path::new("ports");
    if ports.len() > MOST_PORTS {
        errors.push(Error::too_many(&at, ports.len(), MOST_PORTS));
        return;
    }
    for (index, port) in ports.iter().enumerate() {
        let (item, name) = (at.index(index), port.text("name"));
        if !name.is_empty() {
            checks::each(names::dns1123_label(name), name, &item.child("name"), errors);
        }
        if ports[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&item.child("name"), name));
        }
        checks::one_of(port.text("protocol"), &["SCTP", "TCP", "UDP"], &item.child("protocol"), errors);
        if port.has("appProtocol") {
            let (protocol, path) = (port.text("appProtocol"), item.child("appProtocol"));
            checks::each(steersman_core::labels::qualified_name(protocol), protocol, &path, errors);
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_domain_has_at_least_two_parts() {
        let texts = |name: &str| {
            let mut errors = ErrorList::new();
            check_domain(name, &Path::new("a"), &mut errors);
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!((texts("a.b"), texts("a.b.")), (String::new(), String::new()));
        assert_eq!(texts(""), "a: Required value");
        let why = "should be a domain with at least two segments separated by dots";
        assert_eq!(texts("a"), format!("a: Invalid value: \"a\": {why}"));
    }

    #[test]
    fn unusual_addresses_are_warned_of_unless_a_controller_writes_them() {
        let mut slice = json!({"addressType": "IPv4", "endpoints": [{"addresses": ["1.2.3.04"]}]});
        let warning =
            "endpoints[0].addresses[0]: non-standard IP address \"1.2.3.04\" is invalid: use \"1.2.3.4\"";
        assert_eq!(address_warnings(&slice), [warning]);
        slice["metadata"] = json!({"labels": {"endpointslice.kubernetes.io/managed-by": CONTROLLERS[0]}});
        assert_eq!(address_warnings(&slice), Vec::<String>::new());
    }
}
